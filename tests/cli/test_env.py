"""`mnf env`: what this machine has."""

import platform
from importlib import metadata

from conftest import Mnf


def test_versions_devices_and_data_are_listed(mnf: Mnf) -> None:
    found = {row["item"]: row["value"] for row in mnf("env").rows}
    assert found["python"] == platform.python_version()
    for package in ("mnistfaces", "numpy", "torch", "rich"):
        assert found[package] == metadata.version(package)
    assert "torch uses 1 threads" in found["cpu"]
    assert str(mnf.folder / "data") in found["data folder"]
    assert found["dataset digits-sample"].startswith("5000 images of 10 classes")
    assert "absent" in found["dataset digits-full"]
    assert "mnf fetch digits" in found["dataset digits-full"]
