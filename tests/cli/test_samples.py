"""`mnf samples`: what a dataset looks like."""

import numpy as np
from conftest import Mnf
from PIL import Image

from mnistfaces.datasets.sample import load_sample


def test_each_class_is_counted_and_some_of_its_images_are_drawn(mnf: Mnf) -> None:
    done, packages = mnf.imports("samples", "digits-sample", "--per-class", 5, "--plot", "sheet.png")
    assert done.code == 0
    assert [row["class"] for row in done.rows] == list("0123456789")
    assert {(row["dataset"], row["images"], row["test_n"]) for row in done.rows} == {("digits-sample", 500, 100)}
    assert "torch" not in packages
    with Image.open(mnf.folder / "sheet.png") as picture:
        assert picture.width < picture.height  # five columns, ten rows


def test_another_seed_draws_another_sheet(mnf: Mnf) -> None:
    for name, seed in (("a", 3), ("b", 4)):
        mnf("samples", "digits-sample", "--plot", f"{name}.png", "--per-class", 2, "--seed", seed)
    a, b = ((mnf.folder / f"{name}.png").read_bytes() for name in "ab")
    assert a != b


def test_without_fetched_images_the_sample_is_shown_by_its_name(mnf: Mnf) -> None:
    assert {row["dataset"] for row in mnf("samples").rows} == {"digits-sample"}
    absent = mnf("samples", "digits-full", code=1)
    assert "mnf fetch digits" in absent.complaint


def test_drawn_images_are_those_of_the_sample() -> None:
    sample = load_sample()
    drawn = sample.draw_images(3, seed=0)
    own = {image.tobytes() for image in sample.inputs[sample.labels == 7]}
    assert all(np.ascontiguousarray(image).tobytes() in own for image in drawn["7"])
