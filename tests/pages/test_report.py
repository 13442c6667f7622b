"""`mnf report`: the page of every kind of run, looked at in a real browser, and whatever may be gone or hostile."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import Browser, needs_browser
from conftest import Mnf
from faultless import LOOKS, faults, violations
from kept_runs import MLP, SOFTMAX, keep_run, save_image
from kept_surface import SMALL, mnf_here
from sklearn.calibration import calibration_curve

from mnistfaces.config import SplitConfig
from mnistfaces.datasets import load_dataset
from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.sample import load_sample
from mnistfaces.datasets.store import save_dataset
from mnistfaces.evaluation.calibration import calibrate, calibration_error
from mnistfaces.experiments.sweep import sweep
from mnistfaces.experiments.trials import Cell, Grid, build_cells
from mnistfaces.files import sha256_of_file, write_json
from mnistfaces.files.seals import CHECK, seal
from mnistfaces.pages.report import build_report, find_subjects
from mnistfaces.runs.best import best_model_of
from mnistfaces.runs.models import network_of
from mnistfaces.runs.runs import Run, load_run

HOSTILE = ("<script>window.hostile = 1</script>", "$\\frac$ \x1b[31m", "<img src=x onerror='window.hostile=1'>\u202e")
KINDS = ("train", "mlp", "sweep", "runs", "surface", "features", "hostile")
LARGEST_SWEEP = 1_500_000


def page_of(*references: object) -> str:
    return build_report(find_subjects([str(reference) for reference in references]))


def hostile_data() -> Dataset:
    """Returns three digits of the sample under names that would run, turn or end something."""
    whole = load_sample()
    chosen = np.flatnonzero(whole.labels < len(HOSTILE))
    return Dataset(
        name="mine <b>",
        kind="arrays",
        inputs=whole.inputs[chosen],
        labels=whole.labels[chosen],
        classes=HOSTILE,
        ids=whole.ids[chosen],
        shape=whole.shape,
        groups=whole.groups[chosen],
        given_test=whole.given_test[chosen],
        fingerprint="hostile",
        meta={"source": "</script><script>window.hostile = 1</script>"},
    )


def keep_sweep(out: Path, seeds: int = 2) -> Run:
    common = Cell(training=SOFTMAX, split=SplitConfig(train_per_class=8))
    cells = build_cells({"lr": [1e-4, 1e-3], "train_per_class": [8, 16]}, common)
    sweep(Grid(cells=cells, seeds=tuple(range(seeds))), "digits-sample", out=out)
    return load_run(out)


def save_features(path: Path) -> Path:
    """Writes features of three classes with the recipe that made them."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 20)
    recipe = {
        "backbone": "alexnet",
        "layer": "features",
        "res": 227,
        "weights_sha256": None,
        "versions": {"torch": "2"},
    }
    features = Dataset(
        name="features",
        kind="features",
        inputs=rng.normal(size=(60, 8)).astype(np.float32) + labels[:, None],
        labels=labels,
        classes=("ann", "bob", "cy"),
        ids=np.array([f"{number}.png" for number in range(60)]),
        shape=(8,),
        groups=np.arange(60),
        given_test=np.zeros(60, bool),
        fingerprint="",
        meta={"recipe": recipe},
    )
    save_dataset(path, features)
    return path


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory, kept: dict[str, Run]) -> dict[str, Path]:
    """Returns a page of every kind, by its kind."""
    folder = tmp_path_factory.mktemp("pages")
    done = mnf_here("contour", *SMALL, "--out", folder / "surface", cwd=folder)
    assert done.returncode == 0, done.stderr
    references: dict[str, list[object]] = {
        "train": [kept["softmax"].path],
        "mlp": [kept["mlp"].path],
        "sweep": [keep_sweep(folder / "sweep").path],
        "runs": [kept["softmax"].path, kept["mlp"].path, keep_sweep(folder / "other").path],
        "surface": [folder / "surface"],
        "features": [save_features(folder / "features.npz")],
        "hostile": [keep_run(folder / "hostile", MLP, hostile_data(), SplitConfig(train_per_class=40)).path],
    }
    assert tuple(references) == KINDS
    written = {}
    for kind, named in references.items():
        written[kind] = folder / f"{kind}.html"
        written[kind].write_text(page_of(*named), encoding="utf-8")
    return written


@needs_browser
@pytest.mark.parametrize("kind", KINDS)
def test_a_page_has_no_fault_at_any_width_light_or_dark(browser: Browser, pages: dict[str, Path], kind: str) -> None:
    for width, scheme in LOOKS:
        assert faults(browser, pages[kind], width, scheme) == {}, (width, scheme)


@needs_browser
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
def test_axe_finds_no_violation(browser: Browser, pages: dict[str, Path], kind: str, width: int, scheme: str) -> None:
    browser.show_as(width, scheme)
    browser.open(pages[kind])
    assert violations(browser) == []


@needs_browser
def test_axe_would_find_a_violation(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["train"])
    browser.run(
        "document.querySelector('[data-name=brush]').parentElement.replaceWith(document.createElement('input'))"
    )
    assert any(found.startswith("label:") for found in violations(browser))


@needs_browser
def test_a_fault_would_be_found(browser: Browser, pages: dict[str, Path], tmp_path: Path) -> None:
    spoiled = pages["train"].read_text(encoding="utf-8")
    spoiled = spoiled.replace("</main>", '<img src="http://127.0.0.1:9/x.png"><table><tr><th></th></tr></table></main>')
    spoiled = spoiled.replace("--edge: #767e8a", "--edge: #cccccc").replace("img-src data:", "img-src *")
    (tmp_path / "page.html").write_text(spoiled, encoding="utf-8")
    found = faults(browser, tmp_path / "page.html", 390, "light")
    assert found.keys() >= {"requests", "images without size", "empty headers", "edges that are hard to see"}


@needs_browser
@pytest.mark.parametrize("kind", ["train", "sweep"])
def test_a_page_prints(browser: Browser, pages: dict[str, Path], kind: str) -> None:
    browser.open(pages[kind])
    printed = browser.tool("Page.printToPDF", printBackground=True)["data"]
    assert len(printed) > 20_000


@needs_browser
def test_a_table_is_sorted_by_number_and_back(browser: Browser, pages: dict[str, Path]) -> None:
    browser.show_as()
    browser.open(pages["sweep"])
    column = "[...document.querySelectorAll('#cells tbody tr')].map((row) => row.cells[4].firstChild.textContent)"
    click = "document.querySelectorAll('#cells th button')[4].click()"
    plain = browser.run(f"return {column}")
    browser.run(click)
    falling = browser.run(f"return {column}")
    browser.run(click)
    rising = browser.run(f"return {column}")
    values = [float(text.split()[0]) for text in plain]
    assert [float(text.split()[0]) for text in falling] == sorted(values, reverse=True)
    assert [float(text.split()[0]) for text in rising] == sorted(values)
    assert browser.run("return document.querySelectorAll('#cells th')[4].getAttribute('aria-sort')") == "ascending"


@needs_browser
def test_a_table_that_is_cut_says_so(browser: Browser, pages: dict[str, Path]) -> None:
    for width, cut in ((390, True), (1280, False)):
        browser.show_as(width)
        browser.open(pages["sweep"])
        browser.wait_for(
            f"return (document.querySelector('#cells .hint').offsetParent !== null) === {str(cut).lower()}"
        )


@pytest.mark.timed
@needs_browser
def test_a_sweep_of_a_thousand_cells_is_small_and_sorted_within_a_tenth_of_a_second(
    browser: Browser, tmp_path: Path, pages: dict[str, Path]
) -> None:
    run = grown(load_run(pages["sweep"].parent / "sweep"), tmp_path / "large", 1000)
    (tmp_path / "page.html").write_text(page_of(run.path), encoding="utf-8")
    assert (tmp_path / "page.html").stat().st_size <= LARGEST_SWEEP
    assert faults(browser, tmp_path / "page.html", 1280, "light") == {}
    fastest = browser.run(
        "const button = document.querySelectorAll('#cells th button')[4];"
        "return Math.min(...[1, 2, 3, 4, 5].map(() => { const began = performance.now(); button.click();"
        "document.querySelector('#cells').getBoundingClientRect(); return performance.now() - began; }))"
    )
    assert browser.run("return document.querySelectorAll('#cells tbody tr').length") == 1000
    assert fastest < 100


def grown(run: Run, out: Path, count: int) -> Run:
    """Returns a copy of a kept sweep whose first cell stands there many times, at other learning rates."""
    summary = run.summary()
    place = next(number for number, row in enumerate(summary["cells"]) if not row["best"])
    rows = [{**summary["cells"][place], "lr": 1e-6 * (n + 1), "val_accuracy": n / count} for n in range(count)]
    return rewritten(run, out, {**summary, "cells": rows, "trials": [summary["trials"][place]] * count})


def rewritten(run: Run, out: Path, summary: dict[str, Any]) -> Run:
    """Returns a copy of a kept sweep that says something else."""
    shutil.copytree(run.path, out)
    write_json(out / "summary.json", summary)
    lines = "".join(json.dumps(row) + "\n" for row in summary["cells"])
    (out / "results.ndjson").write_text(lines, encoding="utf-8")
    config = json.loads((out / "config.json").read_text(encoding="utf-8"))
    del config[CHECK]
    config["sha256"] |= {name: sha256_of_file(out / name) for name in ("summary.json", "results.ndjson")}
    write_json(out / "config.json", seal(config))
    return load_run(out)


def test_a_sweep_of_the_first_release_which_said_less_has_its_page(pages: dict[str, Path], tmp_path: Path) -> None:
    run = load_run(pages["sweep"].parent / "sweep")
    said = ("best", "best_command", "best_trials", "tested", "nested", "cells", "failures")
    summary = {name: value for name, value in run.summary().items() if name in said}
    later = ("activation", "patience", "group_by", "label_column", "read_as", "layout", "test_groups")
    for row in [*summary["cells"], summary["best"]]:
        for option in later:
            row.pop(option, None)
    page = page_of(rewritten(run, tmp_path / "old", summary).path)
    assert "Validation chose the cell" in page
    assert "<svg" in page
    assert "Seed by seed" not in page


def texts(page: str) -> str:
    """Returns what a page says, without its marks and its data."""
    return re.sub(r"<script.*?</script>|<style.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL)


def test_a_page_is_one_file_that_asks_for_nothing_and_runs_only_its_own(pages: dict[str, Path]) -> None:
    for path in pages.values():
        page = path.read_text(encoding="utf-8")
        outside = re.sub(r"<script.*?</script>|<style.*?</style>", " ", page, flags=re.DOTALL)
        assert not re.search(
            r"""\ssrc="(?!data:image/png)|href="(?!#|data:image/png)|url\((?!#)|https?:(?!//www.w3.org)""", outside
        )
        assert "default-src 'none'" in page
        assert "script-src 'sha256-" in page
        assert page.count("<script>") == page.count("'sha256-")


def test_hostile_names_are_text_cleaned_of_what_turns_or_ends_a_line(pages: dict[str, Path]) -> None:
    page = pages["hostile"].read_text(encoding="utf-8")
    for char in ("\x1b", "\u202e"):
        assert char not in page
    assert "&lt;script&gt;window.hostile = 1&lt;/script&gt;" in page
    assert "$\\frac$ \\x1b[31m" in texts(page)
    assert "<img src=x" not in page


def test_the_numbers_of_a_page_are_those_of_the_commands(kept: dict[str, Run]) -> None:
    page, row = page_of(kept["softmax"].path), kept["softmax"].row
    said = texts(page)
    for value in (row["test_accuracy"], row["val_accuracy"], row["train_accuracy"]):
        assert f"{100 * value:.1f} %" in said
    wrong = round((1 - row["test_accuracy"]) * row["test_n"])
    assert f"{wrong:,} mistakes among" in said
    matrix = re.findall(r'<td class="right"[^>]*>([\d,]+)</td>', page)
    assert sum(int(count.replace(",", "")) for count in matrix) == row["test_n"] - wrong


@pytest.mark.parametrize("make", ["train", "sweep"])
def test_the_line_on_the_page_repeats_the_run(mnf: Mnf, make: str) -> None:
    asked = {
        "train": ["train", "digits-sample", "--lr", "2e-4", "--epochs", "3", "--train-per-class", "9", "--seed", "4"],
        "sweep": [
            "sweep",
            "digits-sample",
            "--lr",
            "1e-4,1e-3",
            "--epochs",
            "2",
            "--seeds",
            "2",
            "--train-per-class",
            "9",
        ],
    }
    first = mnf(*asked[make]).rows[0]["run"]
    answer = mnf("report", first)
    page = (mnf.folder / answer.row["file"]).read_text(encoding="utf-8")
    asked_section = re.sub("</?span>", "", page.split('id="asked"')[1])
    line = re.search(rf"<code>(mnf {make} [^<]*)</code>", asked_section)
    assert line
    again = mnf(*line[1].replace("&#x27;", "'").split()[1:])
    assert again.rows[0]["run"] == first


def test_the_command_tells_file_bytes_and_runs(mnf: Mnf, kept: dict[str, Run]) -> None:
    out = mnf.folder / "deep" / "both.html"
    answer = mnf("report", kept["softmax"].path, kept["mlp"].path, "--out", out)
    assert answer.code == 0
    assert answer.row == {
        "file": str(out),
        "bytes": out.stat().st_size,
        "runs": [str(kept["softmax"].path), str(kept["mlp"].path)],
    }


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["report"], 2),
        (["report", "last", "--out", "page.png"], 2),
        (["report", "nowhere"], 1),
        (["report", "last"], 1),
    ],
)
def test_what_cannot_be_meant_is_one_line(mnf: Mnf, words: list[str], code: int) -> None:
    answer = mnf(*words, code=code)
    assert answer.stdout == ""
    assert "Traceback" not in answer.stderr


def test_a_run_without_its_weights_says_what_cannot_be_shown(kept: dict[str, Run], tmp_path: Path) -> None:
    shutil.copytree(kept["softmax"].path, tmp_path / "run")
    (tmp_path / "run" / "weights.safetensors").unlink()
    said = texts(page_of(tmp_path / "run"))
    for what in ("A pad", "Its weights", "Calibration", "Its mistakes"):
        assert re.search(rf"{what} cannot be shown: .*weights.safetensors is gone", said), what
    assert "epoch" in said


def test_a_run_without_its_predictions_says_what_cannot_be_shown(kept: dict[str, Run], tmp_path: Path) -> None:
    shutil.copytree(kept["softmax"].path, tmp_path / "run")
    (tmp_path / "run" / "predictions.npz").unlink()
    page = page_of(tmp_path / "run")
    assert "The answers on the test images cannot be shown" in texts(page)
    assert 'data-part="pad"' in page


def test_a_run_whose_dataset_is_gone_keeps_all_that_does_not_need_it(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(30):
        bright = number % 2
        shade = rng.integers(0, 90, (16, 16), dtype=np.uint8) + np.uint8(120 * bright)
        save_image(tmp_path / "data" / ("dark", "bright")[bright] / f"{number}.png", shade)
    data = load_dataset(tmp_path / "data", res=16, color=False)
    run = keep_run(tmp_path / "run", MLP, data, SplitConfig(test_per_class=4))
    shutil.rmtree(tmp_path / "data")
    page = page_of(run.path)
    said = texts(page)
    assert re.search(r"Calibration cannot be shown: .* which is not there", said)
    assert "Its mistakes cannot be shown" in said
    assert 'data-part="pad"' in page
    assert "class by class" in said


def test_three_thousand_classes_are_told_without_a_matrix(tmp_path: Path) -> None:
    count = 3000
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(count), 3)
    data = Dataset(
        name="many",
        kind="arrays",
        inputs=rng.integers(0, 256, (3 * count, 16), dtype=np.uint8),
        labels=labels,
        classes=tuple(f"class {number}" for number in range(count)),
        ids=np.array([f"{number}" for number in range(3 * count)]),
        shape=(4, 4),
        groups=np.arange(3 * count),
        given_test=np.arange(3 * count) % 3 == 0,
        fingerprint="many",
        meta={"source": "gone"},
    )
    training = SOFTMAX.with_(epochs=1)
    run = keep_run(tmp_path / "run", training, data, SplitConfig(val_fraction=0.34))
    page = page_of(run.path)
    said = texts(page)
    assert len(page.encode()) < 1_500_000
    assert "Of 3,000 classes the 500 with the lowest recall" in said
    assert "A matrix of 3,000 classes would not be read" in said
    assert "The first 20 of 3,000 classes" in said


def test_a_model_that_diverged_or_sees_no_gray_images_has_no_pad_and_says_why(tmp_path: Path) -> None:
    features = load_dataset(save_features(tmp_path / "features.npz"))
    run = keep_run(tmp_path / "run", MLP, features, SplitConfig(test_per_class=5))
    said = texts(page_of(run.path))
    assert "A pad cannot be shown: the model takes features" in said
    diverged = keep_run(tmp_path / "diverged", MLP.with_(lr=1e12, optimizer="gd", epochs=30))
    assert diverged.row["status"] == "diverged"
    assert re.search("A pad cannot be shown: .* its status is diverged", texts(page_of(diverged.path)))


def test_runs_on_other_images_are_not_compared_and_the_page_says_so(kept: dict[str, Run], tmp_path: Path) -> None:
    features = load_dataset(save_features(tmp_path / "features.npz"))
    run = keep_run(tmp_path / "run", MLP, features, SplitConfig(test_per_class=5))
    said = texts(page_of(kept["mlp"].path, run.path))
    assert "The paired comparison cannot be shown" in said
    assert "How they learned" in said


def keep_curve(out: Path, lrs: str, *options: str) -> Run:
    asked = ("digits-sample", "--lr", lrs, "--epochs", "20", "--train-per-class", "8", "--seeds", "2")
    done = mnf_here("sweep", *asked, *options, "--out", out, cwd=out.parent.parent)
    assert done.returncode == 0, done.stderr
    return load_run(out)


@needs_browser
def test_sweeps_over_one_axis_are_drawn_over_each_other_and_others_are_named(
    browser: Browser, kept: dict[str, Run], tmp_path: Path
) -> None:
    """Two of them lie in folders of one name, which are told apart."""
    one = keep_curve(tmp_path / "a" / "rates", "1e-5,1e-4,1e-3")
    other = keep_curve(tmp_path / "b" / "rates", "1e-4,1e-3,1e-2")
    table = keep_sweep(tmp_path / "table")
    page = page_of(one.path, other.path, table.path, kept["softmax"].path)
    figure = page.split('id="swept"')[1].split("</section>")[0]
    said = texts(figure)
    assert [name in said for name in ("a/rates", "b/rates", "chosen by validation", "1e-5", "1e-2")] == [True] * 5
    assert re.search("table, swept over learning rate and training images per class, cannot be shown", said)
    assert "table" not in texts(figure.split('class="unmade"')[0])
    assert "sweep" not in texts(page.split('id="learning"')[1].split("</section>")[0])
    assert len(re.findall("the chosen cell of a sweep", page)) == 3
    path = tmp_path / "page.html"
    path.write_text(page, encoding="utf-8")
    for width, scheme in LOOKS:
        assert faults(browser, path, width, scheme) == {}, (width, scheme)
    assert violations(browser) == []


@needs_browser
def test_a_sweep_that_keeps_weights_has_the_pad_of_its_best_model(browser: Browser, tmp_path: Path) -> None:
    run = keep_curve(tmp_path / "kept", "1e-5,1e-3", "--keep-weights", "best")
    path = tmp_path / "page.html"
    path.write_text(page_of(run.path), encoding="utf-8")
    assert faults(browser, path, 1280, "light") == {}
    assert violations(browser) == []
    browser.run("document.querySelector('[data-name=next]').click()")
    state = browser.run("return document.querySelector('[data-part=pad]').read()")
    wanted = network_of(best_model_of(run)).probabilities(np.array([state["pixels"]]) / 255)
    assert state["probabilities"] == pytest.approx(wanted[0], abs=1e-5)


def test_a_sweep_without_weights_says_how_to_get_a_pad(pages: dict[str, Path]) -> None:
    assert "--keep-weights best" in texts(pages["sweep"].read_text(encoding="utf-8"))


def test_calibration_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.full(4, 0.4), 5000)
    labels = np.where(rng.random(5000) < 0.8, probabilities.argmax(axis=1), rng.integers(4, size=5000))
    given, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    share, mean = calibration_curve(right, given, n_bins=10)
    bins = calibrate(probabilities, labels)
    assert [one.right for one in bins] == pytest.approx(share)
    assert [one.probability for one in bins] == pytest.approx(mean)
    counts = np.histogram(given, np.linspace(0, 1, 11))[0]
    assert [one.count for one in bins] == counts[counts > 0].tolist()
    expected = (counts[counts > 0] * np.abs(share - mean)).sum() / 5000
    assert calibration_error(bins) == pytest.approx(expected)
