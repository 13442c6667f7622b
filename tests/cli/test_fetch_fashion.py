"""`mnf fetch fashion` and `mnf fetch kuzushiji`, and the datasets that they give, as a person meets them."""

import gzip
import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import Mnf
from tiny_mnist import idx_files

from mnistfaces.datasets.digits import Edition
from mnistfaces.datasets.fashion import FASHION
from mnistfaces.datasets.kuzushiji import KUZUSHIJI
from mnistfaces.fetching.mnist.fetch import fetch_mnist
from mnistfaces.fetching.mnist.mirrors import FetchMnistConfig

EDITIONS = [FASHION, KUZUSHIJI]


def write_set(folder: Path) -> dict[str, tuple[int, str]]:
    """Writes four packed files of the right shape; returns their pins."""
    folder.mkdir()
    pins = {}
    for name, content in idx_files().items():
        packed = gzip.compress(content, 1)
        (folder / f"{name}.gz").write_bytes(packed)
        pins[name] = (len(packed), hashlib.sha256(packed).hexdigest())
    return pins


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda edition: edition.word)
def test_what_is_not_the_published_set_is_one_line_and_exit_1(mnf: Mnf, edition: Edition) -> None:
    write_set(mnf.folder / "set")
    complaint = mnf("fetch", edition.word, "--from", "set", code=1).complaint
    assert f"train-images-idx3-ubyte.gz is not {edition.title}'s: " in complaint
    assert edition.packed["train-images-idx3-ubyte"][1] in complaint
    assert f"get it with `mnf fetch {edition.word}`" in mnf("train", edition.word, code=1).complaint
    assert "--from takes" in mnf("fetch", edition.word, "--from", "ftp://host/", code=2).complaint
    would = mnf("fetch", edition.word, "--dry-run").stderr
    assert [url for url in edition.mirrors if url in would] == list(edition.mirrors)


def test_a_fetched_set_is_trained_on_by_its_name_with_its_class_names(mnf: Mnf) -> None:
    pins = write_set(mnf.folder / "set")
    config = FetchMnistConfig(source=str(mnf.folder / "set"), edition=replace(FASHION, packed=pins))
    list(fetch_mnist(mnf.folder / "data", config))
    row = mnf("fetch", "fashion").row  # there already: nothing is asked
    assert (row["train_n"], row["val_n"], row["test_n"]) == (60_000, 0, 10_000)
    trained = mnf("train", "fashion", "--train-per-class", 20, "--epochs", 20, "--out", "one").row
    assert (trained["dataset"], trained["train_n"], trained["test_n"]) == ("fashion", 200, 10_000)
    classes = [row["class"] for row in mnf("evaluate", "one").rows]
    assert classes == [*FASHION.classes, "all"]
    assert len(mnf("samples", "fashion").rows) == 10
    drawn = mnf("visualize-weights", "one", "--class", "T-shirt/top", "--plot", "w.png").rows
    assert [row["class"] for row in drawn] == ["T-shirt/top"]
    assert (mnf.folder / "w.png").is_file()
    assert mnf("train", "fashion", "--res", 16, code=2).complaint
