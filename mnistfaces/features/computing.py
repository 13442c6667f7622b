"""Batches of images on their way through a network, several at once, in order onto the disk.

B images per batch, F features.
"""

import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mnistfaces.errors import DataError
from mnistfaces.features.partial import Partial, row_type
from mnistfaces.features.sources import Source

if TYPE_CHECKING:
    from mnistfaces.features.network import Network

MOST_WORKERS = 8
"""Each holds a batch with its activations, some 100 MB, and decoding gains little from more."""

Batch = tuple[list[str], NDArray[Any], dict[str, str], int]
"""Units of the images that could be read, their rows on disk, the others' problems, and how many there were."""


def first_of_each(keys: Iterable[str], done: set[str]) -> list[int]:
    """Returns the position at which each distinct key that is not done comes first."""
    seen = done | {""}
    todo: list[int] = []
    for position, key in enumerate(keys):
        if key not in seen:
            seen.add(key)
            todo.append(position)
    return todo


def compute(
    source: Source, todo: Sequence[int], network: "Network", partial: Partial, *, batch_size: int, jobs: int
) -> Iterator[int]:
    """Yields how many images each batch had, once its features are on the disk.

    A worker decodes a whole batch and computes its features, while the others do so with the next ones: cores that
    share one convolution wait for each other, and two threads decode hardly faster than one. The batches of one
    list are the same whether or not they are computed in one go, and so are their last bits.

    Args:
        source: of the images.
        todo: positions of the images.
        network: of the features.
        partial: takes the finished batches.
        batch_size: B.
        jobs: workers, of which no more than MOST_WORKERS are of use.

    Raises:
        DataError: a feature is not finite.
        FileError: the disk refuses.
    """
    batches = (todo[start : start + batch_size] for start in range(0, len(todo), batch_size))
    workers = min(jobs, MOST_WORKERS)
    with network.shared_by(workers) as prepare_thread:
        pool = ThreadPoolExecutor(workers, initializer=prepare_thread)
        try:
            waiting: deque[Future[Batch]] = deque()
            waiting.extend(pool.submit(_batch, source, network, some) for some in itertools.islice(batches, workers))
            while waiting:
                keys, rows, problems, count = waiting.popleft().result()
                waiting.extend(pool.submit(_batch, source, network, some) for some in itertools.islice(batches, 1))
                partial.append(keys, rows, problems)
                yield count
        finally:
            pool.shutdown(cancel_futures=True)


def _batch(source: Source, network: "Network", positions: Sequence[int]) -> Batch:
    items = [source.read(position) for position in positions]
    seen = [item for item in items if item.pixels is not None]
    rows = np.zeros(len(seen), row_type(network.size, looks=source.looks))
    if seen:
        rows["features"] = network.features(np.stack([item.pixels for item in seen if item.pixels is not None]))
        if not np.isfinite(rows["features"]).all():
            raise DataError(f"{source.name}: a feature is not finite: the weights do not suit --dtype or --preprocess")
    if source.looks:
        for row, item in zip(rows, seen, strict=True):
            row["thumbnail"] = item.thumbnail
    problems = {item.key: item.problem for item in items if item.pixels is None}
    return [item.key for item in seen], rows, problems, len(items)
