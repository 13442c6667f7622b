"""`mnf env`: what this machine has."""

import os
import platform
from importlib import metadata

from conftest import Mnf

from mnistfaces.devices import may_have_gpu


def test_versions_devices_and_data_are_listed(mnf: Mnf) -> None:
    found = {row["item"]: row["value"] for row in mnf("env").rows}
    assert found["python"] == platform.python_version()
    for package in ("mnistfaces", "numpy", "torch", "rich"):
        assert found[package] == metadata.version(package)
    assert found["cpu"] == f"{os.cpu_count()} cores, OMP_NUM_THREADS 1"
    assert str(mnf.folder / "data") in found["data folder"]
    sample = "digits-sample: 5000 images of 10 classes; 28 x 28; split 4000 train, 1000 test"
    assert found["dataset digits-sample"] == found["dataset digits"] == sample
    assert "absent" in found["dataset digits-full"]
    assert "mnf fetch digits" in found["dataset digits-full"]


def test_torch_is_asked_only_where_there_may_be_a_gpu(mnf: Mnf) -> None:
    done, packages = mnf.imports("env")
    found = {row["item"]: row["value"] for row in done.rows}
    assert (found["cuda"] == found["mps"] == "none") or "torch" in packages
    assert ("torch" in packages) == may_have_gpu()


def test_faces_are_listed_in_every_form_that_is_kept(mnf: Mnf) -> None:
    for form in (("--res", 16), ("--res", 24, "--color")):
        mnf("fetch", "faces", "--synthetic", *form)
    said = [row["value"] for row in mnf("env").rows if row["item"] == "dataset faces-synthetic"]
    assert [value.split("; ")[1] for value in said] == ["16 x 16", "24 x 24 x 3"]
    assert not any("absent" in value for value in said)
