import io
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import torch
from kept_runs import MLP, keep_run, save_image, save_shapes
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torchvision import models

from mnistfaces import images
from mnistfaces.config import ExtractConfig, SplitConfig
from mnistfaces.datasets import load_dataset
from mnistfaces.datasets.sample import load_sample
from mnistfaces.datasets.store import open_dataset
from mnistfaces.errors import DataError, FileError, UsageError
from mnistfaces.evaluation.predict import Prediction, Preparation, image_paths, predict, watched
from mnistfaces.features.extraction import extract_features
from mnistfaces.progress import Advanced
from mnistfaces.runs.models import network_of
from mnistfaces.runs.runs import Run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return keep_run(tmp_path_factory.mktemp("kept") / "run")


def first(run: Run, path: Path, **options: object) -> Prediction:
    return next(predict(run, [path], Preparation.of(run, **options)))


def test_a_digit_saved_as_an_image_is_answered_as_its_row_in_the_dataset(run: Run, tmp_path: Path) -> None:
    sample = load_sample()
    chosen = np.flatnonzero(sample.given_test)[::50]
    expected = network_of(run).probabilities_of(sample, chosen)
    paths = [save_image(tmp_path / f"{row}.png", sample.inputs[row].reshape(28, 28)) for row in chosen]
    found = list(predict(run, paths, Preparation.of(run, as_is=True)))
    assert [one.class_name for one in found] == [str(digit) for digit in expected.argmax(axis=1)]
    assert [one.probability for one in found] == pytest.approx(expected.max(axis=1), abs=1e-12)
    assert {(one.status, one.note) for one in found} == {("ok", "")}


@pytest.mark.parametrize("color", [True, False])
def test_every_image_of_a_folder_becomes_what_the_dataset_made_of_it(tmp_path: Path, color: bool) -> None:
    folder = save_shapes(tmp_path / "a")
    wide = np.random.default_rng(0).integers(0, 256, (20, 31, 3), dtype=np.uint8)
    save_image(folder / "red" / "wide.png", wide)
    dataset = load_dataset(folder, res=9, color=color)
    run = keep_run(tmp_path / "run", MLP.with_(epochs=2), dataset, SplitConfig(test_per_class=3))
    prepare = Preparation.of(run)
    for row, name in enumerate(dataset.ids.tolist()):
        assert np.array_equal(prepare(images.decode((folder / name).read_bytes())).pixels.ravel(), dataset.inputs[row])


def test_a_box_is_cut_out_of_the_stored_pixels_and_resized_whole(run: Run, tmp_path: Path) -> None:
    sample = load_sample()
    page = np.zeros((100, 90), np.uint8)
    page[40:68, 11:39] = sample.inputs[4100].reshape(28, 28)
    path = save_image(tmp_path / "page.png", page)
    alone = save_image(tmp_path / "alone.png", sample.inputs[4100].reshape(28, 28))
    for as_is in (False, True):
        whole = first(run, alone, as_is=as_is)
        assert first(run, path, box=(11, 40, 39, 68), as_is=as_is).probability == whole.probability
    assert first(run, path, as_is=True).probability != first(run, alone, as_is=True).probability
    wide = Preparation.of(run, box=(0, 40, 90, 68), as_is=True)(images.decode(path.read_bytes()))
    assert np.array_equal(wide.pixels, images.resize(page[40:68], 28))


def test_a_dark_digit_on_bright_ground_is_seen_or_else_warned_of_or_inverted(run: Run, tmp_path: Path) -> None:
    digit = load_sample().inputs[4100].reshape(28, 28)
    bright, dark = save_image(tmp_path / "b.png", 255 - digit), save_image(tmp_path / "d.png", digit)
    assert first(run, bright).probability == first(run, dark).probability
    assert (first(run, bright).found_dark, first(run, dark).found_dark) == (True, False)
    assert "--invert" in first(run, bright, as_is=True).note
    inverted = first(run, bright, as_is=True, invert=True)
    assert inverted.note == ""
    assert inverted.probability == first(run, dark, as_is=True).probability
    assert first(run, bright, invert=True).probability == first(run, dark).probability


FONTS = Path(mpl.get_data_path()) / "fonts" / "ttf"


def typed(digit: int, size: int, font: str) -> NDArray[np.uint8]:
    """A digit, black on white, somewhere on paper of some size."""
    page = Image.new("L", (3 * size, 2 * size), 255)
    where = (size + digit, size // 3)
    ImageDraw.Draw(page).text(where, str(digit), font=ImageFont.truetype(str(FONTS / font), size), fill=0)
    return np.asarray(page)


def test_typed_digits_of_all_sizes_anywhere_on_the_paper_are_read(tmp_path: Path) -> None:
    training = MLP.with_(hidden=100, batch_size=64, epochs=30)
    run = keep_run(tmp_path / "run", training, split=SplitConfig(train_per_class=320))
    sizes = (60, 30, 100, 24, 40, 200, 18, 70, 33, 90)
    right: dict[str, list[int]] = {}
    for font in ("DejaVuSans.ttf", "DejaVuSansMono.ttf", "DejaVuSerif.ttf", "STIXGeneral.ttf"):
        pages = [typed(digit, size, font) for digit, size in enumerate(sizes)]
        paths = [save_image(tmp_path / font / f"{digit}.png", page) for digit, page in enumerate(pages)]
        for how in ({}, {"as_is": True, "invert": True}):
            found = predict(run, paths, Preparation.of(run, **how))
            right.setdefault(str(how), []).append(sum(one.class_name == Path(one.image).stem for one in found))
    normalised, as_is = right.values()
    assert min(normalised) >= 7, right
    assert sum(normalised) >= 2 * sum(as_is), right


def test_a_run_of_a_release_that_kept_no_form_has_that_of_its_data(run: Run) -> None:
    older = {name: value for name, value in run.config.items() if name != "normalisation"}
    assert run.config["normalisation"] == "mnist"
    assert Preparation.of(Run(path=run.path, config=older)) == Preparation.of(run)
    other = {**older, "dataset": {**older["dataset"], "name": "kuzushiji"}}
    assert Preparation.of(Run(path=run.path, config=other)).normalisation == "square"


def test_an_image_of_a_form_of_its_own_is_a_square_that_is_inverted_where_its_ground_is_bright(run: Run) -> None:
    prepare = Preparation.of(Run(path=run.path, config={**run.config, "normalisation": "square"}))
    photo = np.full((30, 40, 3), 240, np.uint8)
    photo[5:20, 7:30] = 40
    expected = 255 - images.resize(images.luma(photo[:, 5:35]), 28)
    assert np.array_equal(prepare(photo).pixels, expected)


def test_photographs_may_have_any_ground(tmp_path: Path) -> None:
    dataset = load_dataset(save_shapes(tmp_path / "a"), res=8)
    run = keep_run(tmp_path / "run", MLP.with_(epochs=1), dataset, SplitConfig(test_per_class=3))
    assert first(run, save_image(tmp_path / "white.png", np.full((9, 9), 255, np.uint8))).note == ""


def test_what_cannot_be_read_is_a_row_that_says_why_and_the_rest_goes_on(run: Run, tmp_path: Path) -> None:
    good = save_image(tmp_path / "good.png", np.eye(28, dtype=np.uint8) * 255)
    save_image(tmp_path / "empty.png", np.zeros((28, 28), np.uint8))
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "half.png").write_bytes(good.read_bytes()[:-60])
    names = ["gone.png", "text.png", "half.png", "empty.png", "good.png"]
    found = list(predict(run, [tmp_path / name for name in names], Preparation.of(run)))
    assert [one.status for one in found] == ["missing", "undecodable", "undecodable", "blank", "ok"]
    assert all(one.row()["class"] is None and one.row()["probability"] is None and one.note for one in found[:4])
    assert "0x" not in found[1].note
    assert first(run, good, box=(0, 0, 29, 28)).status == "bad_box"
    assert first(run, Path("/dev/null")).status == "unreadable"


def test_a_file_of_absurd_size_is_not_read(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mnistfaces.evaluation.predict.MAX_BYTES", 10)
    found = first(run, save_image(tmp_path / "good.png", np.zeros((28, 28), np.uint8)))
    assert found.status == "undecodable"
    assert "more than 10" in found.note


def test_folders_stand_for_their_files_and_a_dash_for_names_on_stdin(tmp_path: Path) -> None:
    for name in ("a/2.png", "a/1.png", "a/deep/3.png", "a/.hidden", "a/.cache/4.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    inside = [tmp_path / "a" / name for name in ("1.png", "2.png", "deep/3.png")]
    assert list(image_paths([str(tmp_path / "a"), "x.png"])) == [*inside, Path("x.png")]
    lines = io.StringIO(f"y z.png\r\n\n{tmp_path / 'a'}\nlast.png")
    assert list(image_paths(["x.png", "-"], lines)) == [Path("x.png"), Path("y z.png"), *inside, Path("last.png")]


def test_an_image_gets_the_features_that_its_model_was_trained_on(tmp_path: Path) -> None:
    folder = save_shapes(tmp_path / "a", side=40)
    config = ExtractConfig(
        backbone="squeezenet1_1", layer="pool1", weights="random", res=32, device="cpu", batch_size=5
    )
    for _ in extract_features(str(folder), tmp_path / "f.npz", config):
        pass
    dataset = open_dataset(tmp_path / "f.npz")
    run = keep_run(tmp_path / "run", MLP.with_(epochs=3), dataset, SplitConfig(test_per_class=3))
    expected = network_of(run).probabilities_of(dataset, np.arange(len(dataset)))
    prepare = Preparation.of(run)
    found = list(predict(run, [folder / name for name in dataset.ids.tolist()], prepare))
    assert [one.class_name for one in found] == [dataset.classes[best] for best in expected.argmax(axis=1)]
    assert [one.probability for one in found] == pytest.approx(expected.max(axis=1), abs=1e-5)


def test_weights_may_be_elsewhere_by_now_but_must_be_the_same(run: Run, tmp_path: Path) -> None:
    folder, weights = save_shapes(tmp_path / "a", side=40), tmp_path / "w.pth"
    torch.save(models.squeezenet1_1().state_dict(), weights)
    config = ExtractConfig(backbone="squeezenet1_1", layer="conv1", weights=str(weights), res=32, device="cpu")
    for _ in extract_features(str(folder), tmp_path / "f.npz", config):
        pass
    dataset = open_dataset(tmp_path / "f.npz")
    one = keep_run(tmp_path / "run", MLP.with_(epochs=1), dataset, SplitConfig(test_per_class=3))
    paths = [folder / str(dataset.ids[0])]
    (before,) = predict(one, paths, Preparation.of(one))
    weights.rename(tmp_path / "moved.pth")
    with pytest.raises(FileError, match="--weights"):
        next(predict(one, paths, Preparation.of(one)))
    (after,) = predict(one, paths, Preparation.of(one), weights=tmp_path / "moved.pth")
    assert after == before
    torch.save(models.squeezenet1_1().state_dict(), weights)
    with pytest.raises(DataError, match="not those that the features were made with"):
        next(predict(one, paths, Preparation.of(one)))
    with pytest.raises(UsageError, match="takes pixels"):
        next(predict(run, paths, Preparation.of(run), weights=weights))


def test_features_without_their_recipe_cannot_be_made(run: Run) -> None:
    config = {**run.config, "dataset": {**run.config["dataset"], "kind": "features", "shape": [784]}}
    with pytest.raises(DataError, match="recipe"):
        Preparation.of(Run(path=run.path, config=config))


def test_every_image_is_one_step_of_its_stage() -> None:
    predictions = [Prediction(image="a.png", status="ok"), Prediction(image="b.png", status="missing")]
    events = list(watched(predictions))
    assert [event for event in events if isinstance(event, Prediction)] == predictions
    assert [event.amount for event in events if isinstance(event, Advanced)] == [1, 1]
