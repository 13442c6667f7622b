"""Data of one's own, in every layout, through the command: counts, classes, split, one trained model."""

from pathlib import Path

import numpy as np
import pytest
import typer
from conftest import Mnf
from own_data import DIGITS, LAYOUTS, PER_CLASS, everything, splits

from mnistfaces.arrays import read_npz
from mnistfaces.cli.index import app
from mnistfaces.datasets import load_dataset
from mnistfaces.runs.models import dataset_of
from mnistfaces.runs.runs import load_run

QUICK = ("--epochs", 3, "--lr", "1e-2")
SIZES = ("--res", 28)


def sized(path: Path) -> tuple[object, ...]:
    return SIZES if (path.is_dir() and not any(path.glob("*ubyte*"))) or path.suffix == ".parquet" else ()


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_is_opened_counted_and_trained_on(mnf: Mnf, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write, given, shape = LAYOUTS[name]
    path = write(mnf.folder)
    total = sum(given.values()) or sum(PER_CLASS.values())
    counted = mnf("samples", path.name, *sized(path))
    assert [row["images"] for row in counted.rows] == [total] * DIGITS
    assert [row["class"][-1] for row in counted.rows] == ["0", "1", "2"]
    assert [row["test_n"] for row in counted.rows] == [given.get("test", 0)] * DIGITS
    assert [tuple(row["shape"]) for row in counted.rows] == [shape] * DIGITS

    asked = () if "test" in given else ("--test-per-class", 6)
    answer = mnf("train", path.name, *QUICK, *asked, *sized(path))
    row = answer.row
    assert (row["dataset"], row["model"]) == ("mine", "mlp")
    assert row["batch_size"] == (128 if name == "features and labels" else 32)
    if "val" in given:
        assert [row[f"{side}_n"] for side in ("train", "val", "test")] == [DIGITS * n for n in given.values()]
    else:
        assert row["test_n"] == DIGITS * 6
        assert row["train_n"] + row["val_n"] == DIGITS * (total - 6)
        assert row["val_n"] == DIGITS * round(0.2 * (total - 6))
    assert 0 <= row["test_accuracy"] <= 1

    run, folder = load_run(mnf.folder / row["run"]), mnf.folder / "data"
    opened = load_dataset(path, data_dir=folder, res=28 if sized(path) else None)
    assert opened.fingerprint == run.config["dataset"]["fingerprint"]
    monkeypatch.chdir(mnf.folder)
    if name != "features and labels":  # a run of features does not know where they lie
        assert dataset_of(run, folder).fingerprint == opened.fingerprint


@pytest.mark.parametrize("name", [name for name, (_, _, shape) in LAYOUTS.items() if shape == (28, 28)])
def test_the_pixels_are_those_that_were_written(tmp_path: Path, name: str) -> None:
    write, given, _ = LAYOUTS[name]
    path = write(tmp_path)
    dataset = load_dataset(path, res=28 if sized(path) else None)
    images, labels, sides = everything()
    wanted = [not given or side in given or name == "IDX" for side in sides]
    written = {(image.tobytes(), label) for image, label in zip(images[wanted], labels[wanted].tolist(), strict=True)}
    read = {
        (image.tobytes(), int(dataset.classes[k][-1])) for image, k in zip(dataset.inputs, dataset.labels, strict=True)
    }
    assert read == written
    if "val" in given:
        by_side = {side: {x.tobytes() for x, s in zip(images, sides, strict=True) if s == side} for side in PER_CLASS}
        for side in PER_CLASS:
            assert {x.tobytes() for x in dataset.inputs[dataset.given_sides() == side]} == by_side[side]


@pytest.mark.parametrize("name", ["train, val and test folders", "MedMNIST"])
def test_a_given_split_goes_through_sweep_compare_extraction_and_folds(mnf: Mnf, name: str) -> None:
    path = LAYOUTS[name][0](mnf.folder)
    size = sized(path)
    rows = mnf("sweep", path.name, *QUICK[:2], "--lr", "1e-2,1e-3", "--out", "grid", *size).rows
    assert len(rows) == 2
    predictions = read_npz(mnf.folder / "grid" / "predictions.npz")
    mnf("train", path.name, *QUICK, "--out", "one", *size)
    mnf("train", path.name, "--epochs", 3, "--lr", "1e-4", "--out", "other", *size)
    assert mnf("compare", "one", "other").row["n"] == 18
    extracted = mnf("extract-features", path.name, "--backbone", "pixels", "--out", "kept.npz", *size).row
    assert extracted["images"] == 66
    members = read_npz(mnf.folder / "kept.npz")
    assert [np.count_nonzero(members["split"] == side) for side in ("train", "val", "test")] == [36, 12, 18]
    assert mnf("train", "kept.npz", *QUICK).row["val_n"] == 12
    folds = mnf("sweep", path.name, *QUICK, "--folds", 4, "--per-seed", *size).rows
    assert sum(row["test_n"] for row in folds) == 48  # training and validation images are divided; the test set rests
    assert set(predictions["names"].tolist() if "names" in predictions else []) <= set(members["names"].tolist())


def test_the_network_sees_the_given_split_of_folders(mnf: Mnf) -> None:
    path = LAYOUTS["train, val and test folders"][0](mnf.folder)
    asked = ("--backbone", "squeezenet1_1", "--weights", "random", "--layer", "pool1", "--res", 64, "--out", "f.npz")
    mnf("extract-features", path.name, *asked)
    members = read_npz(mnf.folder / "f.npz")
    assert [np.count_nonzero(members["split"] == side) for side in ("train", "val", "test")] == [36, 12, 18]
    row = mnf("train", "f.npz", *QUICK).row
    assert (row["train_n"], row["val_n"], row["test_n"]) == (36, 12, 18)


def test_images_of_one_person_stay_on_one_side_of_every_drawn_split(mnf: Mnf) -> None:
    path = LAYOUTS["metadata.csv"][0](mnf.folder)
    table = path / "metadata.csv"
    table.write_text("\n".join(",".join(line.split(",")[i] for i in (0, 1, 3)) for line in table.read_text().split()))
    for asked in ("writer", r"images/0?(\d)\d"):
        answer = mnf("train", path.name, *QUICK, "--test-per-class", 5, "--group-by", asked, "--out", f"by{len(asked)}")
        assert "groups stand behind the 66 images" in answer.stderr
        assert answer.row["group_by"] == asked
        assert mnf("evaluate", answer.row["run"], "--mistakes", "wrong.csv").rows[-1]["n"]  # the same images again
    assert "finds nothing in the name" in mnf("train", path.name, "--group-by", "/p(9)_", code=1).complaint
    assert "neither one of the columns" in mnf("train", path.name, "--group-by", "(", code=2).stderr


def test_an_edited_file_that_keeps_its_meta_is_another_dataset(mnf: Mnf) -> None:
    path = LAYOUTS["MedMNIST"][0](mnf.folder)
    mnf("extract-features", path.name, "--backbone", "pixels", "--out", "kept.npz")
    first = mnf("train", "kept.npz", *QUICK)
    members = dict(np.load(mnf.folder / "kept.npz"))
    members["features"] = 255 - members["features"]
    np.savez(mnf.folder / "kept.npz", **members)
    second = mnf("train", "kept.npz", *QUICK)
    assert "another dataset than its `meta` says" in second.stderr
    assert second.row["run"] != first.row["run"]
    assert second.row["train_loss"] != first.row["train_loss"]


def test_what_could_be_read_in_two_ways_is_not_guessed(mnf: Mnf) -> None:
    path = LAYOUTS["train, val and test folders"][0](mnf.folder)
    (path / "more").mkdir()
    (path / "more" / "1.png").write_bytes((path / "train" / "digit0" / "000.png").read_bytes())
    complaint = mnf("train", path.name, code=1).complaint
    assert "--layout classes" in complaint
    assert "--layout splits" in complaint
    assert mnf("train", path.name, *QUICK, "--layout", "splits").row["val_n"] == 12
    assert [row["class"] for row in mnf("samples", path.name, "--layout", "classes").rows] == [
        "more",
        "test",
        "train",
        "val",
    ]
    assert "no dataset ''" in mnf("train", "", code=2).stderr
    assert (
        "--layout is for folders"
        in mnf("train", LAYOUTS["csv"][0](mnf.folder).name, "--layout", "classes", code=2).stderr
    )
    refused = mnf("train", path.name, "--layout", "splits", "--as", "image", code=2)
    assert "--as is not for" in refused.stderr


def test_flat_bytes_are_images_unless_told_otherwise(mnf: Mnf) -> None:
    path = LAYOUTS["X and y"][0](mnf.folder)
    image = mnf("samples", path.name)
    assert "taken as images of 28 x 28" in image.stderr
    assert mnf("samples", path.name, "--as", "features").rows[0]["shape"] == [784]


def test_a_run_finds_a_folder_again_that_is_called_like_a_dataset(mnf: Mnf) -> None:
    LAYOUTS["class folders"][0](mnf.folder).rename(mnf.folder / "faces")
    row = mnf("train", "./faces", *QUICK, "--test-per-class", 5).row
    assert mnf("evaluate", row["run"], "--mistakes", "wrong.csv").rows[-1]["n"] == 15


TAKERS: dict[str, tuple[object, ...]] = {
    "samples": (),
    "gradcheck": ("--h", "0.01"),
    "train": (*QUICK, "--test-per-class", 4),
    "sweep": ("--epochs", 3, "--test-per-class", 4),
    "contour": ("--weight", "digit1,13,14", "--weight", "digit1,15,14", "--step", 5, "--epochs", 3),
    "evaluate": (),
    "extract-features": ("--backbone", "pixels"),
}
"""The commands that take a DATASET, each with what makes it quick."""


def told_apart(folder: Path) -> Path:
    """A table of the sample's pixels that cannot be read without being told how: it has no column `label`."""
    images, labels, _ = everything()
    lines = [",".join(["digit", "writer", *(f"pixel{i}" for i in range(784))])]
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        lines.append(",".join([f"digit{label}", str(number // 2), *map(str, image.ravel().tolist())]))
    (folder / "told.csv").write_text("\n".join(lines))
    return folder / "told.csv"


def test_every_command_that_takes_a_dataset_is_among_them() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    takers = {
        name
        for name, command in commands.items()
        for parameter in command.params
        if parameter.param_type_name == "argument" and "DATASET" in (parameter.metavar or "")
    }
    assert takers == set(TAKERS)


@pytest.mark.parametrize("command", TAKERS)
def test_data_are_read_as_told_by_every_command_that_takes_a_dataset(mnf: Mnf, command: str) -> None:
    path, told = told_apart(mnf.folder).name, ("--label-column", "digit", "--group-by", "writer", "--as", "image")
    model = [mnf("train", path, *told, *TAKERS["train"]).row["run"]] if command == "evaluate" else []
    asked = (command, *model, path, *TAKERS[command])
    if command != "evaluate":  # which reads as its run did
        assert "no column 'label'" in mnf(*asked, code=1).stderr
    assert mnf(*asked, *told).rows
    assert "--layout is for folders" in mnf(*asked, *told, "--layout", "classes", code=2).stderr


@pytest.mark.parametrize("option", [("--as", "image"), ("--label-column", "digit"), ("--group-by", "writer")])
def test_options_of_reading_are_refused_where_nothing_is_read(mnf: Mnf, option: tuple[str, ...]) -> None:
    run = mnf("train", "digits-sample", "--epochs", 2).row["run"]
    for asked in (("evaluate", run), ("contour", "--run", run)):
        assert "counts only with a DATASET" in mnf(*asked, *option, code=2).stderr


def test_samples_say_what_stays_together_what_crosses_and_what_was_left_out(mnf: Mnf) -> None:
    path = splits(mnf.folder)
    image = next((path / "train" / "digit1").glob("*.png"))
    (path / "test" / "digit1" / "copy.png").write_bytes(image.read_bytes())
    (path / "train" / "digit0" / "notes.txt").write_text("no image")
    said = mnf("samples", path.name, *SIZES).stderr
    assert "mine: 66 groups stand behind the 67 images (near-duplicate pairs: 1)" in said
    assert "mine: 1 group stands on more than one side of the split that the data bring" in said
    assert "mine: 1 file was left out: train/digit0/notes.txt: cannot be decoded" in said
    dataset = load_dataset(path, data_dir=mnf.folder / "data", res=28)
    given = "split 36 train, 12 val, 19 test"
    assert dataset.summary() == f"67 images of 3 classes; 28 x 28; {given}; 66 groups; 1 file left out"


@pytest.mark.parametrize("command", ["samples", "gradcheck", "train", "sweep", "contour"])
def test_the_help_says_how_an_image_becomes_numbers(mnf: Mnf, command: str) -> None:
    said = " ".join(mnf(command, "--help").stdout.split())
    for step in ("upright", "square in their middle", "Lanczos", "divided by 255", "0.2989 R + 0.5870 G + 0.1140 B"):
        assert step in said
