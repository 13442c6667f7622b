"""Near-duplicates among features: which pairs are found, and what their number may cost."""

import tracemalloc

import numpy as np
import pytest

from mnistfaces.datasets.grouping import SAME_FEATURES, feature_pairs, tells_apart


def test_pairs_of_features_are_those_of_every_cosine() -> None:
    rng = np.random.default_rng(0)
    for count, width in ((1500, 600), (1200, 40)):
        features = rng.standard_normal((count, width)).astype(np.float32)
        features[600:650] = features[:50] + 0.2 * rng.standard_normal((50, width)).astype(np.float32)
        lengths = np.linalg.norm(features, axis=1)
        every = np.triu(features @ features.T > SAME_FEATURES * np.outer(lengths, lengths), 1)
        found = {(int(first), int(second)) for first, second in feature_pairs(features)}
        assert found == set(zip(*(places.tolist() for places in np.nonzero(every)), strict=True))
        assert len(found) >= 50


@pytest.mark.parametrize("width", [1, 3, 4])
def test_few_features_tell_nothing_apart_and_that_is_seen_at_once(width: int) -> None:
    features = np.random.default_rng(0).random((18_000, width), dtype=np.float32)
    tracemalloc.start()
    pairs = feature_pairs(features)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert not tells_apart(pairs, len(features))
    assert peak < 400_000_000


def test_a_tenth_of_all_that_is_alike_is_not_too_many() -> None:
    features = np.random.default_rng(0).standard_normal((2000, 64)).astype(np.float32)
    features[1] = features[0]
    features[1100:1300] = features[1100]  # of those that it is compared with, more than a tenth
    found = set(feature_pairs(features))
    assert found == {(0, 1), *((i, j) for i in range(1100, 1300) for j in range(i + 1, 1300))}
    assert tells_apart(list(found), 2000)
    features[1300] = features[1100]
    assert not tells_apart(feature_pairs(features), 2000)
