import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import event, given, settings
from hypothesis import strategies as st

from mnistfaces.datasets.base import Dataset
from mnistfaces.errors import DataError, UsageError
from mnistfaces.landscape import (
    Axis,
    Method,
    Origin,
    Pair,
    SoftmaxProblem,
    SurfaceConfig,
    Weight,
    parse_weight,
    product,
    softmax_problem,
    surface,
)
from mnistfaces.landscape.build import build_surface, largest_error
from mnistfaces.landscape.plane import Floats, Plane
from mnistfaces.landscape.product import cost_on_grid
from mnistfaces.landscape.spectral import interpolation, nodes, nodes_for
from mnistfaces.progress import Advanced, Stage

DIGITS = tuple("0123456789")
Case = tuple[SoftmaxProblem, Pair, Axis, Axis]


def problem_of(seed: int, images: int, classes: int, inputs: int = 6, *, as_bytes: bool = True) -> SoftmaxProblem:
    """Images with many zeros and repeated pixels, as digits have."""
    rng = np.random.default_rng(seed)
    pixels = rng.choice([0, 0, 0, 17, 128, 254, 255], size=(images, inputs)).astype(np.uint8)
    return SoftmaxProblem(
        inputs=pixels if as_bytes else pixels / 255,
        labels=rng.integers(classes, size=images),
        weight=rng.normal(scale=2, size=(classes, inputs)),
        bias=rng.normal(size=classes),
    )


def weight(number: int, index: int) -> Weight:
    return Weight(class_number=number, class_name=str(number), position=(index,), index=index)


@pytest.mark.parametrize("missing", [(-1, 0), (3, 0), (0, -1), (0, 4)])
def test_a_weight_that_the_model_does_not_have_is_refused(missing: tuple[int, int]) -> None:
    problem = SoftmaxProblem(inputs=np.ones((2, 4)), labels=np.array([0, 1]), weight=np.zeros((3, 4)), bias=np.zeros(3))
    problem.check(Pair(weight(0, 0), weight(2, 3)))
    for pair in (Pair(weight(*missing), weight(1, 1)), Pair(weight(1, 1), weight(*missing))):
        with pytest.raises(DataError, match="is not one of the model's 3 x 4"):
            problem.check(pair)


def by_torch(problem: SoftmaxProblem, pair: Pair, points: Floats) -> Floats:
    """The summed cost at some points by torch's own cross entropy."""
    inputs = torch.tensor(problem.inputs / 255 if problem.inputs.dtype == np.uint8 else problem.inputs).double()
    costs = []
    for w1, w2 in points:
        moved = torch.tensor(problem.weight)
        moved[pair.classes, pair.inputs] = torch.tensor([w1, w2], dtype=torch.float64)
        logits = inputs @ moved.T + torch.tensor(problem.bias)
        labels = torch.tensor(problem.labels)
        costs.append(torch.nn.functional.cross_entropy(logits, labels, reduction="sum").item())
    return np.array(costs)


def relative(ours: Floats, theirs: Floats) -> float:
    return float((np.abs(ours - theirs) / np.maximum(theirs, 1)).max())


def two_weights(classes: int, inputs: int = 6) -> st.SearchStrategy[Pair]:
    places = [weight(number, index) for number in range(classes) for index in range(inputs)]
    return st.permutations(places).map(lambda order: Pair(*order[:2]))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    classes = draw(st.integers(2, 5))
    problem = problem_of(draw(st.integers(0, 10**6)), draw(st.integers(1, 60)), classes)
    axes = []
    for _ in range(2):
        reach = 10 ** draw(st.floats(-2, 3))
        low = draw(st.floats(-1.5, 0.5)) * reach
        axes.append(Axis(low, low + reach, reach / draw(st.floats(1, 150))))
    return problem, draw(two_weights(classes)), axes[0], axes[1]


@settings(deadline=None, max_examples=120)
@given(cases())
def test_the_exact_surface_equals_a_forward_pass_by_torch(case: Case) -> None:
    problem, pair, first, second = case
    w1, w2 = first.values(), second.values()
    cost = cost_on_grid(problem.plane(pair), w1, w2)
    rng = np.random.default_rng(0)
    rows, columns = rng.integers(len(w2), size=20), rng.integers(len(w1), size=20)
    points = np.stack([w1[columns], w2[rows]], axis=1)
    assert relative(cost[rows, columns], by_torch(problem, pair, points)) < 1e-11


@settings(deadline=None, max_examples=120)
@given(cases())
def test_the_spectral_surface_equals_the_exact_one(case: Case) -> None:
    problem, pair, first, second = case
    config = SurfaceConfig(first=first, second=second)
    spectral = surface(problem, pair, config)
    event(f"computed by {spectral.method}")
    exact = surface(problem, pair, SurfaceConfig(first=first, second=second, method="exact"))
    assert relative(spectral.loss, exact.loss) < 1e-9
    assert exact.error < 1e-11


@settings(deadline=None, max_examples=40)
@given(cases(), st.floats(-3, 3), st.floats(-3, 3))
def test_the_forward_method_and_the_closed_form_agree_at_any_point(case: Case, w1: float, w2: float) -> None:
    problem, pair, _, _ = case
    direct = problem.plane(pair).cost_at(np.array([[w1, w2]]))
    assert relative(direct, np.array([problem.forward(pair, w1, w2)])) < 1e-11


@settings(deadline=None, max_examples=40)
@given(cases(), st.floats(-20, 20), st.floats(-20, 20))
def test_the_gradient_along_the_surface_is_the_models_own(case: Case, w1: float, w2: float) -> None:
    problem, pair, _, _ = case
    moved = torch.tensor(problem.weight)
    moved[pair.classes, pair.inputs] = torch.tensor([w1, w2], dtype=torch.float64)
    moved.requires_grad_()
    logits = torch.tensor(problem.inputs / 255) @ moved.T + torch.tensor(problem.bias)
    cost = torch.nn.functional.cross_entropy(logits, torch.tensor(problem.labels), reduction="sum")
    cost.backward()
    ours, gradient = problem.plane(pair).cost_and_gradient(np.array([w1, w2]))
    assert ours == pytest.approx(cost.item(), rel=1e-11, abs=1e-11)
    assert gradient == pytest.approx(moved.grad[pair.classes, pair.inputs].numpy(), rel=1e-10, abs=1e-10)


def test_all_three_methods_give_one_surface() -> None:
    problem, pair = problem_of(1, 40, 4), Pair(weight(2, 0), weight(2, 3))
    axes = {"first": Axis(-1, 1, 0.05), "second": Axis(-2, 1, 0.06)}
    spectral, exact, forward = (
        surface(problem, pair, SurfaceConfig(method=method, **axes)) for method in ("spectral", "exact", "forward")
    )
    assert [each.method for each in (spectral, exact, forward)] == ["spectral", "exact", "forward"]
    assert relative(spectral.loss, forward.loss) < 1e-9
    assert relative(exact.loss, forward.loss) < 1e-12
    assert max(spectral.error, exact.error, forward.error) < 1e-9


def test_a_hand_worked_surface() -> None:
    # One image, one pixel of 1 in each of two classes, all else 0: C = log(1 + exp(w2 - w1)) for true class 0.
    problem = SoftmaxProblem(inputs=np.ones((1, 1)), labels=np.array([0]), weight=np.zeros((2, 1)), bias=np.zeros(2))
    computed = surface(
        problem, Pair(weight(0, 0), weight(1, 0)), SurfaceConfig(first=Axis(0, 3, 1), second=Axis(0, 2, 1))
    )
    expected = [[math.log1p(math.exp(w2 - w1)) for w1 in range(3)] for w2 in range(2)]
    assert computed.loss == pytest.approx(np.array(expected), rel=1e-15)


def test_surface_rows_follow_the_second_weight() -> None:
    problem, pair = problem_of(2, 30, 3), Pair(weight(0, 0), weight(1, 1))
    computed = surface(problem, pair, SurfaceConfig(first=Axis(-1, 1, 0.5), second=Axis(-3, 3, 0.5)))
    assert computed.loss.shape == (len(computed.w2), len(computed.w1)) == (12, 4)
    assert computed.loss[7, 1] == pytest.approx(problem.forward(pair, computed.w1[1], computed.w2[7]), rel=1e-12)


def test_a_range_of_a_thousand_does_not_overflow() -> None:
    problem, pair = problem_of(3, 50, 4), Pair(weight(1, 0), weight(1, 1))
    axis = Axis(-1000, 1000, 10)
    computed = surface(problem, pair, SurfaceConfig(first=axis, second=axis))
    assert computed.method == "exact"
    assert np.isfinite(computed.loss).all()
    corners = np.array([[-1000.0, -1000.0], [-1000.0, 990.0], [990.0, -1000.0], [990.0, 990.0]])
    ours = computed.loss[[0, -1, 0, -1], [0, 0, -1, -1]]
    assert relative(ours, by_torch(problem, pair, corners)) < 1e-11


def test_what_is_told_to_be_ahead_is_what_is_then_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(product, "POINTS", 3)
    pixels = np.repeat([[0.5, 0.25], [0.5, 0], [0, 0.25]], [2, 3, 5], axis=0)
    plane = Plane(pixels=pixels, offsets=np.zeros((10, 1)), target=np.zeros(10, np.int8), constant=0.0, images=10)
    first, *events = product.evaluate_grid(plane, np.linspace(-1, 1, 7), np.linspace(-1, 1, 10))
    # images that use both weights at every point; those that use one, at every value of it in each of 4 or 3 parts
    assert first == Stage(name="evaluating every point", total=2 * 7 * 10 + 3 * 7 * 4 + 5 * 10 * 3)
    assert sum(event.amount for event in events if isinstance(event, Advanced)) == first.total


@pytest.mark.parametrize("method", ["exact", "forward"])
def test_every_point_that_a_stage_tells_of_is_evaluated_by_the_method_asked_for(
    method: Method, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: list[tuple[float, float]] = []
    forward = SoftmaxProblem.forward

    def counted(problem: SoftmaxProblem, pair: Pair, w1: float, w2: float) -> float:
        passes.append((w1, w2))
        return forward(problem, pair, w1, w2)

    monkeypatch.setattr(SoftmaxProblem, "forward", counted)
    config = SurfaceConfig(first=Axis(-1, 1, 0.5), second=Axis(-1, 1, 0.2), method=method)
    *events, _ = build_surface(problem_of(3, 20, 3), Pair(weight(0, 1), weight(2, 3)), config, Origin())
    stages = [event for event in events if isinstance(event, Stage)]
    assert len(passes) == (4 * 10 if method == "forward" else 0)
    assert sum(event.amount for event in events if isinstance(event, Advanced)) == sum(one.total or 0 for one in stages)
    if method == "forward":
        assert stages == [Stage(name="running the model at every point", total=4 * 10)]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("method", ["spectral", "exact"])
def test_a_long_narrow_surface_is_computed_in_parts(method: Method, *, turned: bool) -> None:
    problem, pair = problem_of(15, 12, 3), Pair(weight(1, 0), weight(2, 1))
    axes = [Axis(-4, 4, 1e-3), Axis(-0.1, 0.1, 0.02)]
    first, second = axes[::-1] if turned else axes
    computed = surface(problem, pair, SurfaceConfig(first=first, second=second, method=method))
    assert computed.method == method
    rng = np.random.default_rng(0)
    rows, columns = (rng.integers(size, size=40) for size in computed.loss.shape)
    points = np.stack([computed.w1[columns], computed.w2[rows]], axis=1)
    assert relative(computed.loss[rows, columns], by_torch(problem, pair, points)) < 1e-9


def test_a_step_of_thousands_of_nats_is_still_exact() -> None:
    problem, pair = problem_of(3, 20, 3), Pair(weight(1, 0), weight(2, 1))
    axis = Axis(-20_000, 20_000, 4000)
    w = axis.values()
    ours = cost_on_grid(problem.plane(pair), w, w)
    points = np.stack([np.tile(w, len(w)), np.repeat(w, len(w))], axis=1)
    assert relative(ours.ravel(), by_torch(problem, pair, points)) < 1e-11


def test_inputs_that_are_no_pixels_are_taken_as_they_are() -> None:
    rng = np.random.default_rng(4)
    problem = SoftmaxProblem(
        inputs=rng.normal(scale=3, size=(40, 5)).astype(np.float32),
        labels=rng.integers(3, size=40),
        weight=rng.normal(size=(3, 5)),
        bias=np.zeros(3),
    )
    pair = Pair(weight(0, 1), weight(2, 4))
    computed = surface(problem, pair, SurfaceConfig(first=Axis(-1, 1, 0.01), second=Axis(-1, 1, 0.01)))
    assert computed.method == "spectral"
    points = np.array([[computed.w1[3], computed.w2[150]], [computed.w1[120], computed.w2[9]]])
    assert relative(computed.loss[[150, 9], [3, 120]], by_torch(problem, pair, points)) < 1e-9


def test_two_classes_that_both_move_leave_no_logit_behind() -> None:
    problem, pair = problem_of(5, 30, 2), Pair(weight(0, 2), weight(1, 2))
    axis = Axis(-2, 2, 0.4)
    w = axis.values()
    points = np.stack([np.tile(w, len(w)), np.repeat(w, len(w))], axis=1)
    ours = cost_on_grid(problem.plane(pair), w, w)
    assert relative(ours.ravel(), by_torch(problem, pair, points)) < 1e-12


def test_the_mean_surface_is_the_summed_one_over_the_images() -> None:
    problem, pair = problem_of(6, 37, 3), Pair(weight(0, 0), weight(0, 1))
    axes = {"first": Axis(-1, 1, 0.1), "second": Axis(-1, 1, 0.1)}
    mean = surface(problem, pair, SurfaceConfig(reduction="mean", **axes))
    summed = surface(problem, pair, SurfaceConfig(**axes))
    assert mean.loss * 37 == pytest.approx(summed.loss, rel=1e-14)
    assert mean.trained_loss * 37 == pytest.approx(summed.trained_loss, rel=1e-14)


def test_the_trained_point_costs_what_the_model_costs() -> None:
    problem, pair = problem_of(7, 50, 4), Pair(weight(1, 2), weight(3, 4))
    computed = surface(problem, pair, SurfaceConfig(first=Axis(0, 1, 0.5), second=Axis(0, 1, 0.5)))
    assert computed.trained == (problem.weight[1, 2], problem.weight[3, 4])
    assert computed.trained_loss == pytest.approx(by_torch(problem, pair, np.array([computed.trained]))[0], rel=1e-12)


def test_minimum_and_maximum_are_those_of_the_grid() -> None:
    problem, pair = problem_of(8, 50, 4), Pair(weight(1, 2), weight(1, 3))
    computed = surface(problem, pair, SurfaceConfig(first=Axis(-5, 5, 0.2), second=Axis(-4, 4, 0.2)))
    loss, w1, w2 = computed.minimum()
    assert (loss, computed.maximum()) == (computed.loss.min(), computed.loss.max())
    assert problem.forward(pair, w1, w2) == pytest.approx(loss, rel=1e-9)


def test_a_pair_that_no_image_uses_gives_a_flat_surface_and_says_so() -> None:
    problem = problem_of(9, 20, 3)
    problem.inputs[:, :2] = 0
    pair = Pair(weight(1, 0), weight(1, 1))
    computed = surface(problem, pair, SurfaceConfig(first=Axis(-1000, 1000, 100), second=Axis(0, 1, 0.1)))
    assert np.ptp(computed.loss) == 0
    assert computed.loss[0, 0] == pytest.approx(computed.trained_loss)
    assert "no image uses" in computed.notes[0]
    assert computed.plane.is_flat


def test_exact_takes_over_where_nodes_would_exceed_a_quarter_of_the_points() -> None:
    problem, pair = problem_of(10, 20, 3), Pair(weight(1, 0), weight(1, 1))
    computed = surface(problem, pair, SurfaceConfig(first=Axis(-10, 10, 1), second=Axis(-10, 10, 1)))
    assert (computed.method, computed.nodes) == ("exact", (0, 0))
    assert "a quarter" in computed.notes[0]


def test_exact_takes_over_where_the_check_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    problem, pair = problem_of(11, 20, 3), Pair(weight(1, 0), weight(1, 1))
    monkeypatch.setattr("mnistfaces.landscape.build.nodes_for", lambda *_: 8)
    computed = surface(problem, pair, SurfaceConfig(first=Axis(-10, 10, 0.1), second=Axis(-10, 10, 0.1)))
    assert computed.method == "exact"
    assert computed.error < 1e-12
    assert "--tol" in computed.notes[0]


@pytest.mark.parametrize(("error", "method"), [(1e-9, "spectral"), (1.001e-9, "exact"), (1e-7, "exact")])
def test_an_error_as_large_as_the_tolerance_is_let_pass_and_no_larger_one(
    monkeypatch: pytest.MonkeyPatch, error: float, method: Method
) -> None:
    monkeypatch.setattr("mnistfaces.landscape.build.largest_error", lambda *_: (error, 1))
    axis, pair = Axis(-10, 10, 0.05), Pair(weight(1, 0), weight(1, 1))
    assert surface(problem_of(11, 20, 3), pair, SurfaceConfig(first=axis, second=axis, tol=1e-9)).method == method


def test_the_check_sees_a_surface_that_is_wrong() -> None:
    problem, pair = problem_of(12, 20, 3), Pair(weight(1, 0), weight(1, 1))
    plane, grid = problem.plane(pair), (np.linspace(-5, 5, 50), np.linspace(-5, 5, 40))
    cost = cost_on_grid(plane, *grid)
    assert largest_error(plane, grid, cost)[0] < 1e-12
    assert largest_error(plane, grid, cost * (1 + 1e-6))[0] == pytest.approx(1e-6, rel=1e-3)


@pytest.mark.parametrize(("reach", "most"), [(10, 90), (30, 260), (100, 800)])
def test_the_predicted_nodes_are_enough_and_not_many(reach: int, most: int) -> None:
    def of(points: Floats) -> Floats:
        return np.logaddexp(0, points + 0.3)  # one image of full pixels: the worst case

    count = nodes_for(-reach, reach, 1.0, 1e-9)
    points = np.linspace(-reach, reach, 3001)
    ours = interpolation(points, -reach, reach, count) @ of(nodes(-reach, reach, count))
    assert np.abs(ours - of(points)).max() < 1e-9
    assert count < most


def test_chebyshev_interpolation_is_exact_for_polynomials() -> None:
    points = np.linspace(-2, 5, 30)
    ours = interpolation(points, -2, 5, 6) @ (nodes(-2, 5, 6) ** 5 - 3 * nodes(-2, 5, 6))
    assert ours == pytest.approx(points**5 - 3 * points, rel=1e-12, abs=1e-10)


@pytest.mark.parametrize(
    ("low", "high", "step"), [(-10, 10, 0.01), (0, 1, 0.1), (0, 1, 0.3), (-1, 0.05, 0.1), (2, 3, 5), (-0.3, 0.6, 0.3)]
)
def test_an_axis_leaves_out_its_end_as_arange_does(low: float, high: float, step: float) -> None:
    assert Axis(low, high, step).values() == pytest.approx(np.arange(low, high - 1e-9 * step, step))


def test_the_values_of_an_axis_are_those_that_a_person_would_write() -> None:
    assert [repr(value) for value in Axis(-10, 10, 0.01).values()[[979, 1000, 1030]].tolist()] == [
        "-0.21",
        "0.0",
        "0.3",
    ]


@pytest.mark.parametrize(
    "axis",
    [
        (1, -1, 0.1),
        (1, 1, 0.1),
        (0, 1, 0),
        (0, 1, -1),
        (0, math.inf, 1),
        (0, 1, math.nan),
        (0, 1, 1e-9),
        (1e9, 1e9 + 1e-4, 1e-5),
    ],
)
def test_a_range_without_points_or_with_too_many_is_refused(axis: tuple[float, float, float]) -> None:
    with pytest.raises(UsageError):
        Axis(*axis)


@pytest.mark.parametrize(
    "config",
    [
        lambda: SurfaceConfig(first=Axis(-10, 10, 1e-3), second=Axis(-10, 10, 1e-3)),
        lambda: SurfaceConfig(tol=0),
        lambda: SurfaceConfig(tol=math.nan),
    ],
)
def test_a_surface_of_too_many_points_or_no_tolerance_is_refused(config: Callable[[], SurfaceConfig]) -> None:
    with pytest.raises(UsageError):
        config()


def test_a_weight_is_named_by_class_row_and_column() -> None:
    named = parse_weight("5,13,14", DIGITS, (28, 28))
    assert (named.class_number, named.index, named.name) == (5, 28 * 13 + 14, "5,13,14")


@pytest.mark.parametrize("text", ["", "5", "5,1", "5,1,2,3", "5,a,2", "5,-1,2", "5,1.5,2", "5;1;2"])
def test_a_weight_that_is_no_name_is_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError, match="CLASS,ROW,COLUMN"):
        parse_weight(text, DIGITS, (28, 28))


@pytest.mark.parametrize("text", ["10,0,0", "x,0,0", "5,28,0", "5,0,28", "5,999999999999999999999,0"])
def test_a_class_or_pixel_out_of_range_is_an_error(text: str) -> None:
    with pytest.raises(DataError):
        parse_weight(text, DIGITS, (28, 28))


def test_the_same_weight_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="twice"):
        Pair(weight(1, 2), weight(1, 2))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_diverged_model_has_no_surface(value: float) -> None:
    good = problem_of(13, 5, 3)
    bad = good.weight.copy()
    bad[0, 0] = value
    with pytest.raises(DataError, match="not finite"):
        SoftmaxProblem(inputs=good.inputs, labels=good.labels, weight=bad, bias=good.bias)


def test_a_model_for_other_images_is_refused() -> None:
    good = problem_of(14, 5, 3)
    with pytest.raises(DataError, match="6 inputs an image, the images have 4"):
        SoftmaxProblem(inputs=good.inputs[:, :4], labels=good.labels, weight=good.weight, bias=good.bias)


@pytest.fixture
def digits() -> Dataset:
    rng = np.random.default_rng(0)
    return Dataset(
        name="few",
        kind="digits",
        inputs=rng.integers(256, size=(9, 4), dtype=np.uint8),
        labels=np.arange(9) % 3,
        classes=("a", "b", "c"),
        ids=np.arange(9).astype(str),
        shape=(2, 2),
        groups=np.arange(9),
        given_test=np.zeros(9, bool),
        fingerprint="",
    )


def test_a_kept_model_is_judged_by_the_images_that_are_named(digits: Dataset) -> None:
    weights = {"0.weight": np.ones((3, 4), np.float32), "0.bias": np.arange(3, dtype=np.float32)}
    chosen = np.array([1, 5, 8])
    problem = softmax_problem(digits, chosen, weights)
    logits = torch.tensor(digits.values(chosen, "float64")) @ torch.ones(4, 3).double() + torch.arange(3)
    cost = torch.nn.functional.cross_entropy(logits, torch.tensor(digits.labels[chosen]), reduction="sum").item()
    assert problem.cost(problem.weight, problem.bias) == pytest.approx(cost, rel=1e-12)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ({"0.weight": (5, 4), "0.bias": (5,), "2.weight": (3, 5), "2.bias": (3,)}, "softmax regression"),
        ({"0.weight": (10, 4), "0.bias": (10,)}, "10 classes apart, few has 3"),
        ({"0.weight": (3, 7), "0.bias": (3,)}, "7 inputs"),
    ],
)
def test_a_model_that_has_no_surface_here_is_refused(
    digits: Dataset, shapes: dict[str, tuple[int, ...]], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        softmax_problem(digits, np.arange(9), {name: np.zeros(shape) for name, shape in shapes.items()})
