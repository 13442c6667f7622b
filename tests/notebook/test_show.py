"""What a notebook shows: whole HTML without a network, names letter by letter, nothing heavy until it is shown."""

import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import nbclient
import nbformat
import numpy as np
import pytest
from kept_runs import SOFTMAX, keep_run

from mnistfaces import fit, load_dataset, load_run, sweep
from mnistfaces.config import SplitConfig, TrainConfig
from mnistfaces.datasets.base import Dataset
from mnistfaces.experiments.trials import Cell, Grid
from mnistfaces.features.target import Extracted
from mnistfaces.landscape import Axis, SurfaceConfig, contours
from mnistfaces.plots.colors import DARK
from mnistfaces.runs.runs import Run

HOSTILE = "<script>alert(1)</script> $x$ \x1b[31m & \u202e"

VOID = {"br", "img", "use", "path"}


class Tags(HTMLParser):
    """Reads HTML, and finds what is not closed and what would be fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []
        self.letters: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open += [] if tag in VOID else [tag]
        links = [value or "" for name, value in attrs if name in ("href", "xlink:href", "src")]
        self.fetched += [link for link in links if not link.startswith(("#", "data:"))]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.letters.append(data)


def letters_of(html: str) -> str:
    """Returns what a person reads, having checked that the HTML is whole, fetches nothing and runs nothing."""
    tags = Tags()
    tags.feed(html)
    assert tags.open == []
    assert tags.fetched == []
    assert not re.search(r"<script|\son\w+=", html)
    assert "url(http" not in html
    return " ".join(tags.letters)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("notebook")


@pytest.fixture(scope="module")
def trained(folder: Path) -> Run:
    return keep_run(folder / "trained", SOFTMAX)


def test_a_kept_training_is_its_numbers_and_its_curve(trained: Run) -> None:
    html = load_run(trained.path)._repr_html_()
    said = letters_of(html)
    row = trained.row
    for word in ("mnf train", f"{100 * row['test_accuracy']:.1f} %", f"{100 * row['test_low']:.1f} %", "validation"):
        assert word in said
    assert html.count("<svg") == 1
    assert "mean cost (nats per image)" in said
    assert DARK["paper"] in html
    assert len(html) < 200_000


def test_a_sweep_is_its_figure_and_its_cells(folder: Path) -> None:
    cells = tuple(
        Cell(training=TrainConfig(epochs=5, lr=lr), split=SplitConfig(train_per_class=10)) for lr in (1e-4, 1e-3)
    )
    found = sweep(Grid(cells=cells, seeds=(0, 1)), "digits-sample", out=folder / "swept")
    assert found["best"]["lr"] in (1e-4, 1e-3)  # still what it was
    for shown in (found, load_run(folder / "swept")):
        html = shown._repr_html_()
        said = letters_of(html)
        assert "learning rate" in said
        assert "mnf train digits-sample" in said
        assert "each trial's test" in said
        assert html.count("<svg") == 1


def test_a_surface_and_its_run_are_contours(folder: Path, trained: Run) -> None:
    images = load_dataset("digits-sample")
    pair = contours.pair_of(images, ("5,13,14", "5,15,14"))
    config = SurfaceConfig(first=Axis(-2, 2, 0.1), second=Axis(-2, 2, 0.1))
    request = contours.ContourRequest(pair=pair, surface=config)
    *_, done = contours.contour(images, trained, request, out=folder / "surface")
    for shown in (done.surface, load_run(folder / "surface")):
        html = shown._repr_html_()
        assert "weight of pixel (13, 14) into class 5" in letters_of(html)
        assert html.count("<svg") == 1


def test_a_dataset_is_its_counts_and_one_image_of_each_class() -> None:
    html = load_dataset("digits-sample")._repr_html_()
    said = letters_of(html)
    assert "5,000 images, 28 x 28, in 10 classes; the data bring 1,000 as a test set" in said
    assert said.count("500 images") == 10
    assert html.count("<image") == 1  # all tiles as one


def test_features_are_counts_alone() -> None:
    dataset = of_names((HOSTILE, "b"), (3,))
    said = letters_of(dataset._repr_html_())
    assert "4 vectors of numbers, 3, in 2 classes" in said
    found = Extracted(images=4, features=3, skipped=1, images_per_second=None, file=f"runs/{HOSTILE}")
    assert "images 4" in " ".join(letters_of(found._repr_html_()).split())


def of_names(classes: tuple[str, ...], shape: tuple[int, ...]) -> Dataset:
    labels = np.repeat(np.arange(len(classes)), 2)
    none = np.zeros(len(labels), np.bool_)
    return Dataset(
        name=HOSTILE, kind="images", inputs=np.zeros((len(labels), int(np.prod(shape))), np.uint8), labels=labels,
        classes=classes, ids=np.array([str(number) for number in labels]), shape=shape, groups=np.arange(len(labels)),
        given_test=none, fingerprint="0",
    )  # fmt: skip


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 3), (7,)])
def test_names_are_shown_letter_by_letter(shape: tuple[int, ...]) -> None:
    html = of_names((HOSTILE, *map(str, range(40))), shape)._repr_html_()
    said = letters_of(html)
    assert "<script>alert(1)</script> $x$" in said
    assert "\x1b" not in html
    assert "\u202e" not in html


def test_a_fit_is_a_row_per_model_and_what_diverged_has_no_number() -> None:
    cells = [TrainConfig(lr=lr, epochs=2) for lr in (1e-4, 1e30)]
    *_, last = fit(load_dataset("digits-sample"), cells)
    said = letters_of(last._repr_html_())
    assert "epoch 2" in said
    assert f"{100 * last.measures[0].test.accuracy:.1f} %" in said  # type: ignore[union-attr]
    lost = replace(last.measures[1], train=None, val=None, test=None, status="diverged")
    assert "diverged" in letters_of(replace(last, measures=(lost,))._repr_html_())


def test_what_cannot_be_shown_says_why(trained: Run) -> None:
    (trained.path / "history.csv").rename(trained.path / "away")
    try:
        assert "history.csv is gone" in letters_of(trained._repr_html_())
    finally:
        (trained.path / "away").rename(trained.path / "history.csv")
    unfinished = Run(path=trained.path, config={**trained.config, "sha256": {}})
    assert "not finished" in letters_of(unfinished._repr_html_())


def test_nothing_heavy_is_imported_until_something_is_shown(trained: Run) -> None:
    script = (
        "import sys; from mnistfaces import load_run; run = load_run(sys.argv[1]); "
        "heavy = {'matplotlib', 'torch', 'scipy', 'mnistfaces.notebook'}; print(sorted(heavy & set(sys.modules))); "
        "run._repr_html_(); print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script, trained.path], capture_output=True, text=True, check=True)
    before, after = done.stdout.splitlines()
    assert before == "[]"
    assert "matplotlib" in after


def test_a_notebook_that_is_executed_holds_the_tables_and_the_pictures(trained: Run, folder: Path) -> None:
    shown_by = f"load_run({str(trained.path)!r})"
    source = ["from mnistfaces import load_dataset, load_run", shown_by, "load_dataset('digits-sample')"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(line) for line in source])
    client = nbclient.NotebookClient(notebook, timeout=100, resources={"metadata": {"path": str(folder)}})
    client.execute()
    shown = [cell.outputs[0].data["text/html"] for cell in notebook.cells[1:]]
    assert all(html.count("<svg") == 1 for html in shown)
    assert "mnf train" in letters_of(shown[0])
