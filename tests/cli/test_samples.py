"""`mnf samples`: what a dataset looks like."""

import numpy as np
from conftest import Mnf
from kept_runs import save_shapes
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


def test_a_class_says_on_which_side_its_images_were_put_and_how_many_are_distinct(mnf: Mnf) -> None:
    save_shapes(mnf.folder / "set" / "train")
    save_shapes(mnf.folder / "set" / "test", per_class=5)
    copied = mnf.folder / "set" / "train" / "red"
    (copied / "again.png").write_bytes((copied / "00.png").read_bytes())
    rows = {row["class"]: row for row in mnf("samples", "set").rows}
    assert [rows["red"][field] for field in ("images", "train_n", "val_n", "test_n")] == [18, 13, 0, 5]
    assert rows["red"]["groups"] < rows["red"]["images"]


def test_what_was_decoded_is_remembered_shown_and_forgotten(mnf: Mnf) -> None:
    save_shapes(mnf.folder / "shapes")
    first = mnf("samples", "shapes")
    items = {row["item"]: row["value"] for row in mnf("env").rows}
    assert items["cache"].startswith("1 entry, ")
    assert mnf("samples", "shapes").rows == first.rows
    foreign = mnf.folder / "data" / "cache" / "notes.txt"
    foreign.write_text("mine")
    assert mnf("fetch", "--clear-cache").row["entries"] == 1
    assert [path.name for path in foreign.parent.iterdir()] == ["notes.txt"]
    assert mnf("fetch", "--clear-cache").row == {"entries": 0, "bytes": 0}


def test_images_of_twelve_bits_in_sixteen_are_told(mnf: Mnf) -> None:
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        for number in range(4):
            path = mnf.folder / "deep" / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 4096, (16, 16), dtype=np.uint16)).save(path)
    assert "8 images are nearly black" in mnf("samples", "deep").stderr
