"""The gradient check can fail: what it says of right, wrong and subtly wrong gradients."""

import numpy as np
import pytest
import torch
from scipy.optimize import approx_fprime
from small_data import make_dataset, sample_of

from mnistfaces.engine.models.softmax import Softmax
from mnistfaces.inspection.gradcheck import SoftmaxCost, check_forward, check_gradient

STEPS = (0.1, 0.01, 0.001, 0.0001)


@pytest.fixture(scope="module")
def problem() -> SoftmaxCost:
    return SoftmaxCost(make_dataset(), seed=0)


def verdicts(problem: SoftmaxCost, gradient: np.ndarray) -> list[bool]:
    return [check.ok for check in check_gradient(problem.cost, gradient, problem.point, STEPS, problem.scale())]


def test_the_gradient_is_that_of_autograd() -> None:
    problem = SoftmaxCost(sample_of(4), seed=3)
    point = torch.from_numpy(problem.point).requires_grad_()
    weight, bias = point[:7840].view(10, 784), point[7840:]
    logits = problem.inputs[0, :, :784] @ weight.T + bias
    cost = torch.nn.functional.cross_entropy(logits, problem.labels, reduction="sum")
    cost.backward()
    assert point.grad is not None
    assert problem.cost(problem.point[None])[0] == pytest.approx(cost.item(), rel=1e-12)
    np.testing.assert_allclose(problem.gradient(), point.grad.numpy(), rtol=1e-10, atol=1e-12)


def test_a_right_gradient_passes_at_every_step_and_its_error_shrinks_as_the_square(problem: SoftmaxCost) -> None:
    checks = list(check_gradient(problem.cost, problem.gradient(), problem.point, STEPS, problem.scale()))
    assert [check.ok for check in checks] == [True] * 4
    errors = [check.max_relative_error for check in checks]
    assert 50 < errors[0] / errors[1] < 200
    assert 50 < errors[1] / errors[2] < 200


@pytest.mark.parametrize(
    "wrong",
    [
        lambda gradient: -gradient,
        lambda gradient: gradient * 1.001,
        lambda gradient: np.roll(gradient, 1),
        lambda gradient: np.where(np.arange(len(gradient)) == np.abs(gradient).argmax(), 0, gradient),
        lambda gradient: gradient + 1e-3 * np.abs(gradient).max(),
        lambda gradient: gradient - 1e-3 * np.abs(gradient).max(),
    ],
    ids=["sign", "scale", "order", "one entry", "above", "below"],
)
def test_a_wrong_gradient_is_caught_whatever_the_sign_of_its_error(problem: SoftmaxCost, wrong: object) -> None:
    checks = list(check_gradient(problem.cost, wrong(problem.gradient()), problem.point, STEPS, problem.scale()))  # type: ignore[operator]
    assert not any(check.ok for check in checks[2:])
    assert checks[3].max_relative_error == pytest.approx(checks[2].max_relative_error, rel=0.05)  # it does not shrink


def test_a_wrong_backward_pass_of_the_engine_is_caught(problem: SoftmaxCost, monkeypatch: pytest.MonkeyPatch) -> None:
    right = Softmax.backward

    def forgets_an_image(self, parameters, inputs, buffers, residual, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, PLR0917
        residual[:, :, 0] = 0
        return right(self, parameters, inputs, buffers, residual, out)

    assert verdicts(problem, problem.gradient()) == [True] * 4
    monkeypatch.setattr(Softmax, "backward", forgets_an_image)
    assert verdicts(problem, problem.gradient())[2:] == [False, False]


def test_half_of_the_entries_doubled_are_caught_at_the_widest_step(problem: SoftmaxCost) -> None:
    gradient = problem.gradient()
    order = np.argsort(np.abs(gradient))
    wrong = gradient.copy()
    wrong[order[: len(order) // 2]] *= 2  # the small ones: none is large beside the largest
    (check,) = check_gradient(problem.cost, wrong, problem.point, [0.1], problem.scale())
    assert not check.ok


def test_a_signed_maximum_of_forward_differences_hides_every_error_of_a_convex_cost() -> None:
    """Of a / 2 w^2 the secant is a h / 2 above the tangent: the signed maximum says 0, however large the error is."""
    curvature, point = np.array([1.0, 4.0, 0.0]), np.array([0.5, -2.0, 1.0])

    def cost(points: np.ndarray) -> np.ndarray:
        return (points**2 @ curvature) / 2

    for check in check_forward(cost, curvature * point, point, STEPS):
        assert check.signed == pytest.approx(0, abs=1e-10)
        assert check.absolute == pytest.approx(4 * check.h / 2, rel=1e-6)
    doubled = next(check_forward(cost, 2 * curvature * point, point, [0.001]))
    assert doubled.absolute > 4  # an error of one sign in one entry, of the other in another


def test_forward_differences_are_those_of_scipy(problem: SoftmaxCost) -> None:
    gradient = problem.gradient()
    for check in check_forward(problem.cost, gradient, problem.point, STEPS[:3]):
        numeric = approx_fprime(problem.point, lambda point: problem.cost(point[np.newaxis])[0], check.h)
        assert check.signed == pytest.approx((gradient - numeric).max(), abs=1e-8)
        assert check.absolute == pytest.approx(np.abs(gradient - numeric).max(), rel=1e-6)
