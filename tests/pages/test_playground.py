import base64
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from browser import Browser, needs_browser, open_browser

from mnistfaces.config import OPTIMIZER_DEFAULTS, Reduction, StepName
from mnistfaces.errors import UsageError
from mnistfaces.landscape import (
    Axis,
    Descent,
    Origin,
    Pair,
    SoftmaxProblem,
    Surface,
    SurfaceConfig,
    Weight,
    restricted_path,
    surface,
)
from mnistfaces.pages.playground import LARGEST_PAGE, build_playground, save_page

HOSTILE = "</script><script>window.hostile = 1</script><!-- '\"&"


def surface_of(
    *,
    images: int = 400,
    classes: tuple[int, int] = (1, 1),
    scale: float = 1.0,
    name: str = "five",
    reduction: Reduction = "sum",
) -> Surface:
    rng = np.random.default_rng(0)
    pixels = rng.choice([0, 0, 30, 200, 255], size=(images, 6))
    problem = SoftmaxProblem(
        inputs=pixels.astype(np.uint8) if scale == 1 else pixels * scale / 255,
        labels=rng.integers(4, size=images),
        weight=rng.normal(size=(4, 6)),
        bias=rng.normal(size=4),
    )
    pair = Pair(
        Weight(class_number=classes[0], class_name=name, position=(0, 1), index=1),
        Weight(class_number=classes[1], class_name="two", position=(1, 1), index=4),
    )
    axes = {"first": Axis(-10, 10, 0.1), "second": Axis(-8, 9, 0.1)}
    return surface(problem, pair, SurfaceConfig(**axes, reduction=reduction), Origin(dataset="some digits"))


PART = "document.querySelector('[data-part=playground]')"


def named(name: str) -> str:
    """Returns the selector of an element of the playground."""
    return f'[data-name="{name}"]'


def element(name: str) -> str:
    """Returns the JavaScript of an element of the playground."""
    return f"document.querySelector('{named(name)}')"


def described(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json">(.*?)</script>', page)
    assert found
    described: dict[str, Any] = json.loads(found[1])
    return described


def test_the_page_is_one_file_that_asks_for_nothing() -> None:
    page = build_playground(surface_of())
    assert not re.search(
        r"""\bsrc\s*=|href\s*=\s*"[^#]|url\(|@import|https?:|fetch\(|XMLHttp|WebSocket|import\(""", page
    )
    assert "default-src 'none'" in page


def test_the_page_of_four_thousand_images_is_far_below_a_megabyte() -> None:
    assert len(build_playground(surface_of(images=4000, classes=(1, 2))).encode()) < 0.3 * LARGEST_PAGE


def test_a_page_of_too_many_images_is_refused_and_not_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="more than 1 MB"):
        save_page(tmp_path / "page.html", surface_of(images=60_000, classes=(1, 2)))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("scale", [1.0, 0.37, -1.0])
def test_the_numbers_of_the_images_are_those_of_the_surface(scale: float) -> None:
    computed = surface_of(scale=scale)
    told = described(build_playground(computed))
    offsets = np.frombuffer(base64.b64decode(told["offsets"][0]), "<f8")
    assert np.array_equal(offsets, computed.plane.offsets[:, 0])
    for axis in (0, 1):
        raw = base64.b64decode(told["pixels"][axis])
        pixels = np.frombuffer(raw, "u1" if told["bytes"] else "<f8").astype(np.float64)
        pixels *= told["signs"][axis] / (255 if told["bytes"] else 1)
        assert np.allclose(pixels, computed.plane.pixels[:, axis], rtol=1e-15, atol=0)
    assert told["bytes"] == (scale != 0.37)


def test_the_drawn_surface_is_the_computed_one_to_its_last_shade() -> None:
    computed = surface_of()
    grid = described(build_playground(computed))["grid"]
    shades = np.frombuffer(base64.b64decode(grid["values"]), "<u2").reshape(grid["rows"], grid["columns"])
    drawn = grid["low"] + (grid["high"] - grid["low"]) * shades / 65535
    shade = (grid["high"] - grid["low"]) / 65535
    for row, column in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        assert drawn[row, column] == pytest.approx(computed.loss[row, column], abs=0.51 * shade)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with open_browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


def show(browser: Browser, folder: Path, shown: Surface, *descents: Descent, width: int = 1280) -> None:
    save_page(folder / "page.html", shown, descents)
    browser.show_as(width)
    browser.open(folder / "page.html")


def read(browser: Browser) -> dict[str, Any]:
    state: dict[str, Any] = browser.run(f"return {PART}.read()")
    return state


def assert_paths_are_the_commands(browser: Browser, shown: Surface, *, tiled: bool = True) -> dict[str, Any]:
    for _ in range(12):  # until the surface is known well enough to be computed from its tiles
        browser.run(f"{PART}.recompute()")
    state = read(browser)
    assert (state["tiles"] > 0) == tiled
    optimizer = state["optimizer"]
    other = {"lr": state["lr"], "momentum": state["momentum"]}
    if OPTIMIZER_DEFAULTS[optimizer].momentum is None:
        other = {"lr": state["own"]}
    vanilla = {"optimizer": "gd", "lr": state["lr"], "momentum": 0.0}
    for name, asked in (("vanilla", vanilla), ("momentum", {"optimizer": optimizer, **other})):
        start = (float(state["start"][0]), float(state["start"][1]))
        descent = Descent(start=start, steps=state["steps"], **asked)
        path = restricted_path(shown, descent)
        points = np.array(state["paths"][name]["points"])
        assert np.abs(points - path.points).max() < 1e-9
        assert np.abs(np.array(state["paths"][name]["loss"]) / path.loss - 1).max() < 1e-9
    return state


@needs_browser
@pytest.mark.parametrize(
    "shown",
    [
        surface_of(),
        surface_of(classes=(1, 2)),
        surface_of(classes=(0, 3), scale=0.37),
        surface_of(reduction="mean"),
        surface_of(scale=0.0),
    ],
    ids=["one class", "two classes", "no bytes", "mean", "flat"],
)
def test_the_pages_paths_are_the_commands(browser: Browser, tmp_path: Path, shown: Surface) -> None:
    lr = 0.003 / shown.scale
    show(browser, tmp_path, shown, Descent(lr=lr, momentum=0.99, steps=100))
    state = assert_paths_are_the_commands(browser, shown)
    assert (state["start"], state["lr"], state["momentum"], state["steps"]) == ([-5.5, 5.0], lr, 0.99, 100)
    assert browser.errors() == []


@needs_browser
@pytest.mark.parametrize("optimizer", get_args(StepName))
def test_every_optimizer_descends_as_the_command_does_and_its_lines_repeat_both_paths(
    browser: Browser, tmp_path: Path, optimizer: StepName
) -> None:
    shown = surface_of(classes=(1, 2))
    lr = 0.003 if OPTIMIZER_DEFAULTS[optimizer].momentum is not None else 0.3
    show(browser, tmp_path, shown, Descent(optimizer=optimizer, lr=lr, steps=60))
    state = assert_paths_are_the_commands(browser, shown)
    assert (state["optimizer"], state["steps"]) == (optimizer, 60)
    command = browser.run(f"return {element('command')}.textContent")
    assert optimizer == "gd" or f"--optimizer {optimizer} --lr {lr}" in command
    assert command.count("mnf trajectory") == (1 if optimizer == "gd" else 2)
    assert browser.run(f"return {element('momentum')}.disabled") == (OPTIMIZER_DEFAULTS[optimizer].momentum is None)
    assert browser.errors() == []


@needs_browser
def test_the_other_descent_is_chosen_and_has_a_rate_of_its_own(browser: Browser, tmp_path: Path) -> None:
    shown = surface_of()
    show(browser, tmp_path, shown, Descent(lr=0.001, momentum=0.0))
    for name in get_args(StepName):
        browser.run(
            f"const chosen = {element('optimizer')}; chosen.value = '{name}'; chosen.dispatchEvent(new Event('change'))"
        )
        state = assert_paths_are_the_commands(browser, shown)
        assert (state["optimizer"], state["lr"]) == (name, 0.001)
        assert name != "nesterov" or state["momentum"] == 0.9
        label = "momentum" if name == "gd" else name
        assert browser.run(f"return {element('other-name')}.textContent") == label
    before = read(browser)["own"]
    browser.drag(browser.at(named("lr"), 0.5, 0.5), browser.at(named("lr"), 0.75, 0.5))
    state = assert_paths_are_the_commands(browser, shown)
    assert (state["own"] > before, state["lr"]) == (True, 0.001)
    assert browser.errors() == []


@needs_browser
@pytest.mark.parametrize("kind", ["mouse", "touch"])
def test_dragging_moves_the_start(browser: Browser, tmp_path: Path, kind: str) -> None:
    shown = surface_of()
    show(browser, tmp_path, shown)
    browser.drag(
        browser.at(named("map"), 0.4, 0.4),
        browser.at(named("map"), 0.6, 0.5),
        browser.at(named("map"), 0.8, 0.25),
        kind=kind,
    )
    state = assert_paths_are_the_commands(browser, shown)
    left, right, bottom, top = state["view"]
    assert state["start"][0] == pytest.approx(left + 0.78 * (right - left), abs=0.05 * (right - left))
    assert state["start"][1] == pytest.approx(bottom + 0.77 * (top - bottom), abs=0.05 * (top - bottom))
    assert f"--start={state['start'][0]:g},{state['start'][1]:g} " in browser.run(
        f"return {element('command')}.textContent"
    )


@needs_browser
def test_the_sliders_set_rate_momentum_and_steps(browser: Browser, tmp_path: Path) -> None:
    shown = surface_of()
    show(browser, tmp_path, shown, Descent(lr=0.001, momentum=0.5))
    browser.drag(browser.at(named("lr"), 0.5, 0.5), browser.at(named("lr"), 0.75, 0.5))
    browser.drag(browser.at(named("momentum"), 0.3, 0.5), browser.at(named("momentum"), 0.95, 0.5))
    browser.drag(browser.at(named("steps"), 0.1, 0.5), browser.at(named("steps"), 0.4, 0.5))
    state = assert_paths_are_the_commands(browser, shown)
    assert state["lr"] == pytest.approx(0.01, rel=0.3)
    assert 0.9 < state["momentum"] < 1
    assert state["steps"] == pytest.approx(120, abs=12)
    assert browser.run(f"return {element('steps-value')}.textContent") == str(state["steps"])


@needs_browser
def test_the_keyboard_alone_is_enough(browser: Browser, tmp_path: Path) -> None:
    shown = surface_of()
    show(browser, tmp_path, shown)
    right, up, left = "\ue014", "\ue013", "\ue012"
    before = read(browser)
    browser.press(named("map"), right * 3 + up)
    browser.press(named("lr"), right)
    browser.press(named("momentum"), left)
    browser.press(named("steps"), right * 5)
    after = assert_paths_are_the_commands(browser, shown)
    width, height = before["view"][1] - before["view"][0], before["view"][3] - before["view"][2]
    assert after["start"][0] == pytest.approx(before["start"][0] + 0.03 * width, abs=0.02)
    assert after["start"][1] == pytest.approx(before["start"][1] + 0.01 * height, abs=0.02)
    assert after["lr"] > before["lr"]
    assert after["momentum"] < before["momentum"]
    assert after["steps"] == before["steps"] + 5


@needs_browser
def test_a_typed_start_is_taken_as_typed(browser: Browser, tmp_path: Path) -> None:
    shown = surface_of()
    show(browser, tmp_path, shown)
    browser.run(f"{element('start-1')}.select()")
    browser.press(named("start-1"), "1.2345678901\ue004")
    assert assert_paths_are_the_commands(browser, shown)["start"] == [1.2345678901, 5.0]


@needs_browser
def test_it_opens_zoomed_to_both_paths_and_shows_the_whole_surface_when_asked(browser: Browser, tmp_path: Path) -> None:
    shown = surface_of()
    show(browser, tmp_path, shown)
    opened = read(browser)["view"]
    left, right, bottom, top = opened
    for path in read(browser)["paths"].values():
        points = np.array(path["points"])
        assert (points > [left, bottom]).all()
        assert (points < [right, top]).all()
    browser.click(named("whole"))
    assert read(browser)["view"] == pytest.approx(shown.box())
    browser.click(named("zoom"))
    assert read(browser)["view"] == opened
    assert browser.errors() == []


@needs_browser
def test_a_key_moves_a_start_that_is_out_of_view_by_one_step_and_the_view_follows(
    browser: Browser, tmp_path: Path
) -> None:
    show(browser, tmp_path, surface_of())
    browser.run(f"{element('start-1')}.select()")
    browser.press(named("start-1"), "8\ue004")
    left, right, _, _ = read(browser)["view"]
    assert not left <= 8 <= right
    browser.press(named("map"), "\ue014")
    state = read(browser)
    assert state["start"][0] == pytest.approx(8 + 0.01 * (right - left), abs=0.002)
    assert state["view"][0] <= state["start"][0] <= state["view"][1]


@needs_browser
def test_what_is_set_is_said_and_held_keys_are_announced_once(browser: Browser, tmp_path: Path) -> None:
    show(browser, tmp_path, surface_of())
    browser.run(
        f"window.said = []; const heard = {element('said')};"
        "new MutationObserver(() => window.said.push(heard.textContent)).observe(heard, {childList: true})"
    )
    browser.wait_for("return window.said.length === 1")
    browser.run(
        "const key = () => new KeyboardEvent('keydown', {key: 'ArrowRight'});"
        f"for (let n = 0; n < 20; n++) {element('map')}.dispatchEvent(key());"
        f"{element('lr')}.stepUp(); {element('lr')}.dispatchEvent(new Event('input'))"
    )
    browser.wait_for("return window.said.length === 2")
    time.sleep(0.8)
    assert browser.run("return window.said.length") == 2
    state = read(browser)
    told = f"return [{element('map')}, {element('lr')}].map((e) => e.getAttribute('aria-valuetext'))"
    where, rate = browser.run(told)
    assert where.startswith(f"{state['start'][0]:g} and {state['start'][1]:g}, cost ")
    assert float(rate) == state["lr"]
    assert browser.run(f"return Number({element('map')}.getAttribute('aria-valuenow'))") == state["start"][0]


@needs_browser
def test_three_presses_of_play_run_one_loop_and_less_motion_means_steps(browser: Browser, tmp_path: Path) -> None:
    show(browser, tmp_path, surface_of(), Descent(lr=0.001, momentum=0.9, steps=200))
    counted = (
        "window.asked = 0; const ask = window.requestAnimationFrame;"
        "window.requestAnimationFrame = (draw) => { window.asked++; return ask(draw); };"
        f"for (const n of [1, 2, 3]) {element('play')}.click();"
        "window.asked_in_20 = 0; let frames = 0;"
        "const count = () => { if (++frames < 20) ask(count); else window.asked_in_20 = window.asked; }; ask(count);"
    )
    browser.run(counted)
    browser.wait_for("return window.asked_in_20 > 0")
    assert browser.run("return window.asked_in_20") < 30
    browser.show_as(still=True)
    browser.wait_for(f"return {element('play')}.textContent === 'Step'")
    browser.click(named("play"))
    assert read(browser)["shown"] == 20
    browser.click(named("play"))
    assert read(browser)["shown"] == 40


@needs_browser
def test_contours_share_the_map_evenly(browser: Browser, tmp_path: Path) -> None:
    """Of a surface whose walls are steep, an even ladder of costs would leave the descents inside one contour."""
    show(browser, tmp_path, surface_of())
    browser.click(named("whole"))
    tones = browser.run(
        f"const map = {element('map')}; const [w, h] = [map.width, map.height];"
        "const row = map.getContext('2d').getImageData(60, 12, w - 72, h - 60).data; const seen = new Map();"
        "for (let n = 0; n < row.length; n += 4) seen.set(row[n], (seen.get(row[n]) ?? 0) + 1);"
        "return [...seen.values()]"
    )
    assert sum(count > 0.015 * sum(tones) for count in tones) >= 20


@pytest.mark.timed
@needs_browser
def test_300_steps_of_both_descents_take_less_than_their_exponentials_would(browser: Browser, tmp_path: Path) -> None:
    """Where nothing else runs that is 2 ms, of the 20 that a frame has at 50 a second; the ratio holds anywhere."""
    show(browser, tmp_path, surface_of(images=3000), Descent(lr=0.0001, momentum=0.9, steps=300))
    ratio = browser.run(
        "const timed = (work) => { const began = performance.now(); work(); return performance.now() - began; };"
        "const powers = () => { let sum = 0; for (let n = 0; n < 2 * 301 * 3000; n++) sum += Math.exp(-n / 1e5);"
        "return sum; };"
        f"const both = [...Array(8)].map(() => [timed({PART}.recompute), timed(powers)]);"
        "return Math.min(...both.map(([ours]) => ours)) / Math.min(...both.map(([, theirs]) => theirs))"
    )
    assert ratio < 1


@needs_browser
def test_a_surface_that_its_tiles_do_not_follow_is_asked_of_every_image(browser: Browser, tmp_path: Path) -> None:
    """Pixels far above 1 bend it more sharply than a tile can: it finds that out by itself."""
    shown = surface_of(scale=20.0)
    show(browser, tmp_path, shown, Descent(lr=1e-6, momentum=0.5, steps=100))
    assert_paths_are_the_commands(browser, shown, tiled=False)


@needs_browser
def test_the_page_fits_a_phone(browser: Browser, tmp_path: Path) -> None:
    show(browser, tmp_path, surface_of(), width=360)
    assert browser.run("return document.documentElement.scrollWidth") <= 360
    assert browser.run(f"return {element('map')}.getBoundingClientRect().width") > 320


@needs_browser
def test_the_map_changes_with_the_systems_theme(browser: Browser, tmp_path: Path) -> None:
    show(browser, tmp_path, surface_of())
    tone = "map.getContext('2d').getImageData(map.width / 2, map.height / 2, 1, 1).data[0]"
    for scheme, is_so in (("dark", "< 100"), ("light", "> 150"), ("dark", "< 100")):
        browser.tool("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        browser.wait_for(f"const map = {element('map')}; return {tone} {is_so}")


@needs_browser
def test_a_hostile_class_name_is_only_text(browser: Browser, tmp_path: Path) -> None:
    shown = surface_of(name=HOSTILE)
    show(browser, tmp_path, shown)
    assert browser.run("return [window.hostile ?? null, document.title]") == [
        None,
        f"Cost over two weights: {shown.pair.title}",
    ]
    assert_paths_are_the_commands(browser, shown)
