"""Predictions remember what a later judgement must know of the trials that they were made in."""

import numpy as np
import pytest
from small_data import make_dataset

from mnistfaces.datasets.splits import Split
from mnistfaces.runs.predictions import Answers, Predictions


@pytest.mark.parametrize(("tested", "pool"), [((24, 30), 0), ((10, 20), 24), ((20, 30), 24)])
def test_the_pool_is_what_could_train_or_test_and_nothing_where_test_images_are_the_datas_own(
    tested: tuple[int, int], pool: int
) -> None:
    dataset = make_dataset((10, 10, 10), given_test=np.arange(30) >= 24)
    split = Split(train=np.arange(10), val=np.arange(0), test=np.arange(*tested))
    answers = Answers(key="0", split=split, val=None, test=np.zeros(len(split.test), np.int64))
    predictions = Predictions.of(dataset, [answers])
    assert predictions.pool_n.tolist() == [pool]
    scores = predictions.scores("0")
    assert scores is not None
    assert scores.pool_n == pool
