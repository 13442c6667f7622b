"""The report's own draw and descent, against its program written out, and against what it printed."""

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from small_data import make_dataset

from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.digits import load_digits
from mnistfaces.datasets.sample import load_sample
from mnistfaces.errors import DataError
from mnistfaces.fetching.mnist.fetch import fetch_mnist
from mnistfaces.fetching.mnist.mirrors import FetchMnistConfig
from mnistfaces.reproduce.comparison import judge
from mnistfaces.reproduce.published import ACCURACIES, published_in
from mnistfaces.reproduce.published_draw import Answer, PublishedDraw, Setting, descend
from mnistfaces.reproduce.records import Finding
from mnistfaces.reproduce.tables import TABLES

SHARED = Path(os.environ.get("MNF_SHARED", Path(__file__).parents[3] / "shared")) / "data" / "mnist"
Floats = NDArray[np.float64]


def wide_digits() -> Dataset:
    """As many images of each of three classes as the report drew from, of 20 pixels."""
    counts = (1700, 1650, 1620)
    given_test = np.concatenate([np.arange(count) >= count - 550 for count in counts])
    return make_dataset(counts, given_test=given_test)


def program(digits: Dataset, lr: float, momentum: float, iterations: int) -> tuple[float, float, int]:
    """The report's loop as its appendix has it, weights and all; returns both accuracies and when it ended."""
    rows = {
        "train": np.random.RandomState(0).randint(1, 1001, 100),
        "test": np.random.RandomState(0).randint(1, 501, 50),
    }
    images, labels = {}, {}
    for side, mask in (("train", ~digits.given_test), ("test", digits.given_test)):
        blocks = [digits.inputs[mask & (digits.labels == label)][rows[side]] for label in range(3)]
        images[side], labels[side] = np.concatenate(blocks).T / 255.0, np.repeat(np.arange(3), len(rows[side]))
    truth = np.eye(3)[labels["train"]].T
    weights, bias = np.zeros((3, 20)), np.zeros((3, 1))
    step, bias_step, done = np.zeros((3, 20)), np.zeros((3, 1)), 0
    with np.errstate(all="ignore"):
        while done < iterations:
            odds = np.exp(weights @ images["train"] + bias)
            residual = odds / odds.sum(axis=0) - truth
            before, before_bias = weights.copy(), bias  # the slip: no copy of the bias
            step = momentum * step + lr * residual @ images["train"].T
            bias_step = momentum * bias_step + lr * residual.sum(axis=1, keepdims=True)
            weights = weights - step
            bias -= bias_step
            done += 1
            if not (np.linalg.norm(weights - before) > 1e-5 or np.linalg.norm(bias - before_bias) > 1e-5):
                break
        right = [
            float(((weights @ images[side] + bias).argmax(axis=0) == labels[side]).mean()) for side in ("train", "test")
        ]
    return right[0], right[1], done


def answers(drawn: PublishedDraw, settings: list[Setting], checkpoints: set[int]) -> dict[tuple[Setting, int], Answer]:
    *_, found = descend(drawn, settings, checkpoints)
    assert isinstance(found, dict)
    return found


def test_descent_by_products_of_images_is_the_reports_loop_over_weights() -> None:
    digits = wide_digits()
    settings = [Setting(lr=lr, momentum=beta) for lr, beta in ((1e-3, 0.0), (1e-4, 0.9), (1e-2, 0.99), (0.3, 0.999))]
    found = answers(PublishedDraw.of(digits), settings, {10, 300})
    ended = {}
    for setting in settings:
        for iterations in (10, 300):
            train, test, done = program(digits, setting.lr, setting.momentum, iterations)
            answer = found[setting, iterations]
            assert (answer.train_accuracy, answer.test_accuracy) == (train, test)
            assert answer.overflowed == (done < iterations)
            ended[setting, iterations] = done
    assert ended[settings[-1], 300] < 300  # one of them overflows, and its accuracy is that of class 0
    assert found[settings[-1], 300].train_accuracy == pytest.approx(1 / 3)


def test_the_sample_is_not_what_the_report_drew_from() -> None:
    with pytest.raises(DataError, match="mnf fetch digits"):
        PublishedDraw.of(load_sample())


def test_the_reports_own_draw_must_be_equal_in_every_printed_digit() -> None:
    figure = next(figure for figure in published_in(4, ("Table 1",)) if figure.quantity == "test_accuracy")
    assert judge(Finding(figure=figure, value=figure.value, exact=True))["agrees"] is True
    assert judge(Finding(figure=figure, value=figure.value + 0.002, exact=True))["agrees"] is False


@pytest.mark.skipif(not SHARED.exists(), reason=f"the full MNIST is not at {SHARED}")
def test_tables_1_and_2_come_out_equal_to_the_printed_digit(tmp_path: Path) -> None:
    for _ in fetch_mnist(tmp_path, FetchMnistConfig(source=str(SHARED / "mnist_all.mat"))):
        pass
    drawn = PublishedDraw.of(load_digits(tmp_path))
    for table in (table for table in TABLES if table.repeatable):
        cells = [cell for cell in table.grid().cells if cell.training.epochs <= 3000]
        settings = [Setting(lr=cell.training.lr, momentum=cell.training.momentum) for cell in cells]
        found = answers(drawn, list(dict.fromkeys(settings)), {cell.training.epochs for cell in cells})
        printed = {(figure.setting, figure.quantity): figure.value for figure in published_in(table.part, table.names)}
        for cell, setting in zip(cells, settings, strict=True):
            answer = found[setting, cell.training.epochs]
            for quantity in ACCURACIES:
                assert getattr(answer, quantity) == pytest.approx(printed[table.setting_of(cell), quantity], abs=1e-9)
            assert answer.overflowed == (printed[table.setting_of(cell), "train_accuracy"] == pytest.approx(0.1))
