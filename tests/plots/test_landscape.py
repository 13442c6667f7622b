import io
from typing import get_args

import numpy as np
import pytest
from legible import faults
from matplotlib.figure import Figure

from mnistfaces.config import StepName
from mnistfaces.landscape import (
    Axis,
    Descent,
    DescentPath,
    Pair,
    SoftmaxProblem,
    Surface,
    SurfaceConfig,
    Weight,
    projected_path,
    restricted_path,
    surface,
    window,
)
from mnistfaces.plots.colors import LIGHT
from mnistfaces.plots.landscape import contour_figure, paths_figure, zoom_box

PAIR = Pair(
    Weight(class_number=1, class_name="one", position=(0, 1), index=1),
    Weight(class_number=1, class_name="one", position=(1, 1), index=4),
)


def problem_of(*, used: bool = True) -> SoftmaxProblem:
    rng = np.random.default_rng(0)
    inputs = rng.choice([0, 0, 30, 255], size=(200, 6)).astype(np.uint8)
    inputs[:, PAIR.inputs] *= used
    labels = rng.integers(3, size=200)
    return SoftmaxProblem(inputs=inputs, labels=labels, weight=rng.normal(size=(3, 6)), bias=np.zeros(3))


def surface_of(*, used: bool = True) -> Surface:
    config = SurfaceConfig(first=Axis(-10, 10, 0.1), second=Axis(-9, 8, 0.1))
    return surface(problem_of(used=used), PAIR, config)


def words(figure: Figure) -> str:
    axes = figure.axes
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    return " | ".join([figure.get_suptitle(), axes[0].get_xlabel(), axes[0].get_ylabel(), *legend])


def render(figure: Figure) -> None:
    for ending in ("png", "svg", "pdf"):
        file = io.BytesIO()
        figure.savefig(file, format=ending)
        assert file.getvalue()


def paths_on(shown: Surface) -> list[DescentPath]:
    return [restricted_path(shown, Descent(lr=0.01, momentum=momentum)) for momentum in (0, 0.9, 0.99)]


def test_the_contour_figure_names_what_it_shows() -> None:
    shown = surface_of()
    figure = contour_figure(shown, levels=7)
    said = words(figure)
    for part in ("class one", "(0, 1)", "(1, 1)", "200 images", f"minimum of the grid: {shown.loss.min():.6g} nats"):
        assert part in said
    assert f"trained: {shown.trained_loss:.6g} nats" in said
    assert figure.axes[1].get_ylabel() == f"cost (nats) above {shown.loss.min():.6g}, 7 levels of equal area"
    edges = figure.axes[0].collections[0].levels
    assert len(edges) == 8  # 7 bands have 8 edges
    inside = np.histogram(shown.loss - shown.loss.min(), edges)[0] / shown.loss.size
    assert inside == pytest.approx(np.full(7, 1 / 7), abs=0.01)
    render(figure)


def test_the_paths_figure_tells_every_path_apart() -> None:
    shown = surface_of()
    figure = paths_figure(shown, paths_on(shown))
    labelled = [line for line in figure.axes[0].lines if str(line.get_label()).startswith("lr")]
    assert len({(line.get_color(), line.get_marker()) for line in labelled}) == 3
    assert len({line.get_color() for line in labelled}) == len({line.get_marker() for line in labelled}) == 3
    assert "momentum 0.99" in words(figure)
    render(figure)


def test_more_paths_than_colours_can_be_told_apart_and_name_their_optimizers() -> None:
    shown = surface_of()
    asked = [Descent(optimizer=name, lr=lr) for name in get_args(StepName) for lr in (0.01, 0.02, 0.03)]
    figure = paths_figure(shown, [restricted_path(shown, descent) for descent in asked])
    labelled = [line for line in figure.axes[0].lines if str(line.get_label()).startswith("lr")]
    assert len({(line.get_color(), line.get_marker(), line.get_linestyle()) for line in labelled}) == len(asked) == 18
    assert len({str(line.get_label()).partition(":")[0] for line in labelled}) == 18
    said = words(figure)
    for part in ("vanilla", "nesterov 0.9", "rmsprop", "adagrad", "adam", "adamw"):
        assert f"lr 0.02, {part}: ends at" in said
    render(figure)


def test_a_projected_path_says_how_far_it_has_left_the_plane() -> None:
    shown = surface_of()
    path = projected_path(shown, problem_of(), Descent(lr=0.01))
    assert f"{path.distance[-1]:.3g} off the plane" in words(paths_figure(shown, [path]))


def test_a_mark_beyond_the_window_of_paths_is_said_to_be() -> None:
    shown = surface_of()
    paths = paths_on(shown)
    w1, w2 = shown.trained
    inside, outside = (
        words(paths_figure(shown, paths, box=(w1 + move, w1 + 1 + move, w2 - 1, w2 + 1))) for move in (-0.5, 3)
    )
    trained = f"trained: {shown.trained_loss:.6g} nats"
    assert trained in inside
    assert f"{trained}, beyond this window" not in inside
    assert f"{trained}, beyond this window" in outside


def test_the_window_holds_every_point_and_is_not_much_larger() -> None:
    paths = paths_on(surface_of())
    left, right, bottom, top = zoom_box(paths, surface_of())
    points = np.concatenate([path.points for path in paths])
    assert (points > [left, bottom]).all()
    assert (points < [right, top]).all()
    assert np.ptp(points, axis=0).max() > 0.7 * max(right - left, top - bottom)


def test_a_chosen_window_is_the_one_that_is_drawn() -> None:
    shown = surface_of()
    axes = paths_figure(shown, paths_on(shown), box=(-1, 2, -3, 4)).axes[0]
    assert (*axes.get_xlim(), *axes.get_ylim()) == (-1, 2, -3, 4)


def test_a_flat_surface_and_a_path_that_stays_can_be_drawn_and_read() -> None:
    shown = surface_of(used=False)
    for figure in (contour_figure(shown), paths_figure(shown, paths_on(shown))):
        assert faults(figure) == []
        assert [text.get_text() for text in figure.axes[0].texts] == [f"flat: {shown.trained_loss:.6g} nats everywhere"]
        render(figure)


@pytest.mark.parametrize("lr", [1e-9, 1e-6, 1e-3, 0.1])
def test_a_path_that_hardly_moves_stands_still_in_a_window_that_can_be_read(lr: float) -> None:
    shown = surface_of()
    figure = paths_figure(shown, [restricted_path(shown, Descent(lr=lr))])
    assert faults(figure) == []
    left, right = figure.axes[0].get_xlim()
    assert right - left > 0.01 * (shown.w1[-1] - shown.w1[0])


def test_a_valley_is_no_dark_blob() -> None:
    shown = surface_of()
    figure = contour_figure(shown)
    figure.savefig(io.BytesIO(), format="png")
    bands = figure.axes[0].collections[0]
    colors = bands.get_facecolor()[:, :3] @ [0.299, 0.587, 0.114]
    below_median = np.median(shown.loss) - shown.loss.min()
    assert np.searchsorted(bands.levels, below_median) == pytest.approx(len(colors) / 2, abs=1)
    assert np.ptp(colors) > 0.6  # the bands take the whole of the colours


def test_vanilla_and_momentum_have_their_own_colours_wherever_they_stand() -> None:
    shown = surface_of()
    vanilla, fast = Descent(lr=0.01), Descent(lr=0.01, momentum=0.9)
    for asked in ([vanilla, fast], [fast, vanilla], [Descent(optimizer="adam"), fast, vanilla]):
        figure = paths_figure(shown, [restricted_path(shown, descent) for descent in asked])
        drawn = {str(line.get_label()).split(":")[0]: line.get_color() for line in figure.axes[0].lines}
        assert drawn["lr 0.01, vanilla"] == LIGHT["vanilla"]
        assert drawn["lr 0.01, momentum 0.9"] == LIGHT["momentum"]


@pytest.mark.parametrize("paths", [1, 3, 18])
def test_every_letter_can_be_read(paths: int) -> None:
    shown = surface_of()
    asked = [Descent(optimizer=name, lr=lr) for name in get_args(StepName)[:6] for lr in (0.01, 0.02, 0.03)]
    assert faults(contour_figure(shown)) == []
    assert faults(paths_figure(shown, [restricted_path(shown, descent) for descent in asked[:paths]])) == []


def test_a_path_that_runs_away_to_infinity_can_be_drawn() -> None:
    shown = surface_of()
    path = paths_on(shown)[0]
    path.points[-3:] = [[1e3, np.inf], [np.nan, 0], [0, np.nan]]
    render(paths_figure(shown, [path]))


@pytest.mark.parametrize("half_width", [0.01, 5.0, 500.0])
def test_a_window_is_exact_inside_and_outside_the_surfaces_range(half_width: float) -> None:
    shown = surface_of()
    drawn = window(shown, (3 - half_width, 3 + half_width), (-half_width, half_width), 40)
    points = np.stack([np.tile(drawn.w1, 40), np.repeat(drawn.w2, 40)], axis=1)
    assert drawn.loss.ravel() == pytest.approx(shown.plane.cost_at(points), rel=1e-9, abs=1e-9)
