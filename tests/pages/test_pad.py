"""The pad, drawn on in a real browser, beside `mnf predict` on the pixels that it exports."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import Browser, needs_browser
from drawn_digits import DIGITS, placed
from kept_runs import keep_run, save_image
from numpy.typing import NDArray

from mnistfaces import images
from mnistfaces.config import SplitConfig, TrainConfig
from mnistfaces.datasets import load_dataset
from mnistfaces.datasets.sample import load_sample
from mnistfaces.evaluation.predict import Preparation
from mnistfaces.pages.report import Subject, build_report
from mnistfaces.runs.models import network_of
from mnistfaces.runs.runs import Run

PAD = "document.querySelector('[data-part=pad]')"
LARGEST_SOFTMAX, LARGEST_MLP = 600_000, 2_000_000


def named(name: str) -> str:
    """Returns the selector of an element of the pad."""
    return f'[data-part="pad"] [data-name="{name}"]'


def element(name: str) -> str:
    return f"document.querySelector('{named(name)}')"


def show(browser: Browser, folder: Path, run: Run, width: int = 1280) -> None:
    path = folder / "page.html"
    path.write_text(build_report([Subject(path=run.path, content=run)]), encoding="utf-8")
    browser.show_as(width)
    browser.open(path)


def read(browser: Browser) -> dict[str, Any]:
    state: dict[str, Any] = browser.run(f"return {PAD}.read()")
    return state


def draw(browser: Browser, *strokes: Sequence[tuple[float, float]], kind: str = "mouse") -> None:
    """Draws strokes whose points are parts of the pad's width and height."""
    left, top = browser.at(named("draw"), 0, 0)
    right, bottom = browser.at(named("draw"), 1, 1)
    for stroke in strokes:
        browser.drag(*[(left + x * (right - left), top + y * (bottom - top)) for x, y in stroke], kind=kind)


def pixels_of(state: dict[str, Any], name: str = "pixels") -> NDArray[np.uint8]:
    side = state["side"] if name == "pixels" else state["width"]
    return np.array(state[name], np.uint8).reshape(side, side)


def predicted(run: Run, files: Sequence[Path], *options: str) -> list[dict[str, Any]]:
    """Returns what `mnf predict` says of image files."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mnistfaces",
            "predict",
            str(run.path),
            *map(str, files),
            *options,
            "--format",
            "ndjson",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def random_strokes(seed: int) -> list[list[tuple[float, float]]]:
    rng = np.random.default_rng(seed)
    left, top, size = (*rng.uniform(0, 0.5, 2), rng.uniform(0.2, 0.5))
    return [placed(rng.random((6, 2)).tolist(), left, top, size) for _ in range(1 + seed % 3)]


def assert_same_answers(run: Run, states: Sequence[dict[str, Any]], folder: Path) -> None:
    """Asserts that the pad's classes and probabilities are the command's, of the same pixels, within 1e-5."""
    files = [save_image(folder / f"{number:02}.png", pixels_of(state)) for number, state in enumerate(states)]
    said = np.array([state["probabilities"] for state in states])
    inputs = np.array([pixels_of(state).ravel() for state in states]) / 255
    assert np.abs(said - network_of(run).probabilities(inputs)).max() <= 1e-5
    for row, probabilities in zip(predicted(run, files, "--as-is"), said, strict=True):
        assert int(row["class"]) == probabilities.argmax()
        assert row["probability"] == pytest.approx(probabilities.max(), abs=1e-5)


@needs_browser
@pytest.mark.parametrize("model", ["softmax", "mlp", "deep"])
def test_of_fifty_test_images_it_says_what_predict_says(
    browser: Browser, kept: dict[str, Run], tmp_path: Path, model: str
) -> None:
    show(browser, tmp_path, kept[model])
    states = []
    for _ in range(50):
        browser.run(f"{element('next')}.click()")
        states.append(read(browser))
    known = {tuple(image) for image in load_sample().inputs.tolist()}
    assert all(tuple(state["pixels"]) in known for state in states)
    assert len({tuple(state["pixels"]) for state in states}) == 50
    assert_same_answers(kept[model], states, tmp_path)
    assert browser.errors() == []


@needs_browser
@pytest.mark.parametrize("model", ["softmax", "mlp"])
def test_of_twenty_drawings_it_sees_and_says_what_predict_does(
    browser: Browser, kept: dict[str, Run], tmp_path: Path, model: str
) -> None:
    """The whole drawing goes to the command too, which normalises it: it must reach the very same pixels."""
    show(browser, tmp_path, kept[model])
    prepare = Preparation.of(kept[model])
    states = []
    for seed in range(20):
        browser.run(f"{element('clear')}.click()")
        draw(browser, *random_strokes(seed))
        states.append(read(browser))
        drawing = save_image(tmp_path / "drawing.png", pixels_of(states[-1], "drawing"))
        prepared = prepare(images.decode(drawing.read_bytes())).pixels
        assert np.array_equal(prepared, pixels_of(states[-1])), seed
    assert_same_answers(kept[model], states, tmp_path)


@needs_browser
def test_a_drawing_for_other_images_is_resized_as_predict_does(browser: Browser, tmp_path: Path) -> None:
    """Gray folders are not in MNIST's form: the pad is brought to their size by Pillow's filter, to the last bit."""
    rng = np.random.default_rng(0)
    for number in range(24):
        name = ("bright", "dark")[number % 2]
        save_image(
            tmp_path / "data" / name / f"{number}.png",
            rng.integers(0, 90, (20, 20), dtype=np.uint8) + 120 * (number % 2),
        )
    run = keep_run_of_folder(tmp_path / "data", tmp_path / "run")
    show(browser, tmp_path, run)
    for seed in range(4):
        browser.run(f"{element('clear')}.click()")
        draw(browser, *random_strokes(seed))
        state = read(browser)
        drawing = save_image(tmp_path / "drawing.png", pixels_of(state, "drawing"))
        assert np.array_equal(Preparation.of(run)(images.decode(drawing.read_bytes())).pixels, pixels_of(state))
    assert state["side"] == 20


def keep_run_of_folder(data: Path, out: Path) -> Run:
    training = TrainConfig(epochs=3, reduction="mean")
    return keep_run(out, training, load_dataset(data, res=20, color=False), SplitConfig(test_per_class=4))


@needs_browser
@pytest.mark.parametrize("kind", ["mouse", "touch", "pen"])
def test_a_stroke_is_drawn_undone_and_cleared(
    browser: Browser, kept: dict[str, Run], tmp_path: Path, kind: str
) -> None:
    show(browser, tmp_path, kept["softmax"])
    empty = f"return {element('answer')}.textContent"
    assert browser.run(empty).startswith("The pad is empty")
    assert read(browser)["probabilities"] is None
    draw(browser, [(0.4, 0.2), (0.5, 0.8)], kind=kind)
    once = read(browser)
    assert once["strokes"] == 1
    assert browser.run(empty).startswith(str(int(np.argmax(once["probabilities"]))))
    draw(browser, [(0.2, 0.5), (0.8, 0.5)], kind=kind)
    assert read(browser)["drawing"] != once["drawing"]
    browser.click(named("undo"))
    assert read(browser)["drawing"] == once["drawing"]
    browser.click(named("clear"))
    assert read(browser)["strokes"] == 0
    assert browser.run(empty).startswith("The pad is empty")
    assert browser.errors() == []


@needs_browser
def test_the_keyboard_alone_draws(browser: Browser, kept: dict[str, Run], tmp_path: Path) -> None:
    show(browser, tmp_path, kept["softmax"])
    up, down, space = "\ue013", "\ue015", " "
    browser.press(named("draw"), up * 8 + space + down * 16 + space)
    state = read(browser)
    assert state["strokes"] == 1
    rows = np.flatnonzero(pixels_of(state, "drawing").any(axis=1))
    assert rows[-1] - rows[0] == pytest.approx(16 * state["width"] / state["side"], abs=40)
    assert state["probabilities"] is not None


@needs_browser
def test_a_test_image_is_edited_pixel_by_pixel(browser: Browser, kept: dict[str, Run], tmp_path: Path) -> None:
    show(browser, tmp_path, kept["softmax"])
    browser.click(named("next"))
    plain = pixels_of(read(browser)).astype(int)
    draw(browser, [(0.1, 0.1), (0.3, 0.1)])
    added = pixels_of(read(browser)).astype(int)
    assert (added >= plain).all()
    assert added[:6, 2:10].sum() > plain[:6, 2:10].sum() + 1000
    assert np.array_equal(added[10:], plain[10:])
    browser.click(named("erase"))
    draw(browser, [(0.0, 0.1), (0.5, 0.1)])
    assert pixels_of(read(browser))[2, 3:9].sum() < 300


@needs_browser
@pytest.mark.parametrize("model", ["softmax", "mlp", "deep"])
def test_why_adds_up_to_the_difference_of_the_logits(
    browser: Browser, kept: dict[str, Run], tmp_path: Path, model: str
) -> None:
    show(browser, tmp_path, kept[model])
    browser.click(named("next"))
    state = read(browser)
    why, network = state["why"], network_of(kept[model])
    one, other = why["classes"]
    inputs = pixels_of(state).ravel() / 255
    order = np.argsort(state["probabilities"])
    assert (one, other) == (order[-1], order[-2])
    assert sum(why["evidence"]) + why["rest"] == pytest.approx(why["difference"], abs=1e-9)
    assert np.log(state["probabilities"][one] / state["probabilities"][other]) == pytest.approx(
        why["difference"], abs=1e-6
    )
    if model == "softmax":
        weight, bias = network.layers[0]
        assert np.allclose(why["evidence"], (weight[one] - weight[other]) * inputs, atol=1e-6)
        assert why["rest"] == pytest.approx(bias[one] - bias[other], abs=1e-6)
        assert why.get("units") is None
        return
    units = network.first_units(inputs[np.newaxis])
    whole = network.logits_of(units)[0]
    without = [logits[0] for logits in network.logits_without_each(units)]
    fallen = [(whole[one] - whole[other]) - (left[one] - left[other]) for left in without]
    assert np.allclose(why["units"], fallen, atol=1e-5)
    shown = browser.run(f"return [...{element('units')}.querySelectorAll('span')].map((e) => e.textContent)")
    loudest = np.argsort(-np.abs(fallen), kind="stable")[0]
    assert shown[0].startswith(f"unit {loudest}: ")


@needs_browser
def test_a_tanh_networks_evidence_is_its_slope(browser: Browser, kept: dict[str, Run], tmp_path: Path) -> None:
    """Against the difference of probabilities' logarithms when one pixel is moved a little: no formula of ours."""
    show(browser, tmp_path, kept["deep"])
    browser.click(named("next"))
    state = read(browser)
    one, other = state["why"]["classes"]
    inputs = pixels_of(state).ravel() / 255
    pixel = int(np.argmax(np.abs(state["why"]["evidence"])))
    network, step = network_of(kept["deep"]), 1e-5
    odds = []
    for sign in (1, -1):
        moved = inputs.copy()
        moved[pixel] += sign * step
        given = network.probabilities(moved[np.newaxis])[0]
        odds.append(np.log(given[one] / given[other]))
    slope = (odds[0] - odds[1]) / (2 * step)
    assert state["why"]["evidence"][pixel] == pytest.approx(slope * inputs[pixel], rel=1e-4)


@needs_browser
def test_what_if_it_were_turned_moved_inverted_or_noisy(browser: Browser, kept: dict[str, Run], tmp_path: Path) -> None:
    show(browser, tmp_path, kept["softmax"])
    browser.click(named("next"))
    plain = pixels_of(read(browser))

    def changed(name: str, value: float) -> NDArray[np.uint8]:
        browser.run(f"const slider = {element(name)}; slider.value = {value}; slider.dispatchEvent(new Event('input'))")
        found = pixels_of(read(browser))
        browser.run(f"{element('reset')}.click()")
        assert np.array_equal(pixels_of(read(browser)), plain)
        return found

    assert np.abs(changed("rotate", 90).astype(int) - np.rot90(plain, -1)).max() <= 1
    assert np.array_equal(changed("right", 3)[:, 3:], plain[:, :-3])
    assert np.array_equal(changed("down", -2)[:-2], plain[2:])
    noise = changed("noise", 0.2).astype(int) - plain
    inside = (plain > 100) & (plain < 155)
    assert np.abs(noise[inside]).mean() == pytest.approx(0.2 * 255 * np.sqrt(2 / np.pi), rel=0.5)
    browser.run(f"{element('invert')}.click()")
    assert np.array_equal(pixels_of(read(browser)), 255 - plain)


@needs_browser
def test_a_click_on_a_mistake_takes_it_to_the_pad(browser: Browser, kept: dict[str, Run], tmp_path: Path) -> None:
    show(browser, tmp_path, kept["mlp"])
    said = browser.run(
        "const link = document.querySelectorAll('#mistakes a')[2]; link.click();"
        "return link.parentElement.querySelector('span').textContent"
    )
    state = read(browser)
    assert str(int(np.argmax(state["probabilities"]))) == said.split()[0]
    assert round(100 * max(state["probabilities"])) == int(said.split()[1])
    place = browser.run(f"return {element('place')}.textContent")
    assert place.endswith(f": {said.split()[-1]}")


@needs_browser
def test_what_is_drawn_is_announced_once_it_stands(browser: Browser, kept: dict[str, Run], tmp_path: Path) -> None:
    show(browser, tmp_path, kept["softmax"])
    browser.run(
        f"window.said = []; const heard = {element('said')};"
        "new MutationObserver(() => window.said.push(heard.textContent)).observe(heard, {childList: true})"
    )
    draw(browser, *random_strokes(5))
    browser.wait_for("return window.said.some((text) => text.startsWith('The model says'))")
    assert len(browser.run("return window.said")) <= 2


def test_pages_of_models_stay_small(kept: dict[str, Run], tmp_path: Path) -> None:
    wide = keep_run(tmp_path / "wide", TrainConfig(model="mlp", hidden=300, epochs=1, batch_size=100, reduction="mean"))
    for run, most in ((kept["softmax"], LARGEST_SOFTMAX), (wide, LARGEST_MLP)):
        assert len(build_report([Subject(path=run.path, content=run)]).encode()) <= most


@needs_browser
def test_at_least_nine_of_ten_digits_drawn_by_hand_are_told(browser: Browser, tmp_path: Path) -> None:
    """Strokes from nobody's data, small in a corner and large: a network trained on the embedded digits reads them."""
    training = TrainConfig(
        model="mlp", hidden=100, optimizer="adam", lr=1e-3, batch_size=32, epochs=12, reduction="mean"
    )
    run = keep_run(tmp_path / "run", training, split=SplitConfig(train_per_class=300))
    show(browser, tmp_path, run)
    told = {}
    for left, top, size in ((0.08, 0.1, 0.4), (0.2, 0.12, 0.75)):
        for digit, strokes in DIGITS.items():
            browser.run(f"{element('clear')}.click()")
            draw(browser, *(placed(stroke, left, top, size) for stroke in strokes))
            told[digit, size] = str(int(np.argmax(read(browser)["probabilities"])))
    for size in (0.4, 0.75):
        wrong = {digit: said for (digit, at), said in told.items() if at == size and digit != said}
        assert len(wrong) <= 1, (size, wrong)
