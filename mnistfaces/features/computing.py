"""Batches of images on their way through a network, several at once, here or on workers.

Kernels are chosen by the size of a batch, and last bits with them: SqueezeNet's features of an image differ by 4e-8
between batches of 4 and of 16. So as many images always go through together, black ones filling up a batch that is
short, and an image's features depend neither on its company nor on who computes them, or in how many attempts.

B images per batch, F features.
"""

import functools
import itertools
import pickle
from collections import deque
from collections.abc import Container, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from mnistfaces.config import DeviceName
from mnistfaces.devices import processor_name
from mnistfaces.errors import DataError, MnistFacesError, WorkerError
from mnistfaces.execution.dispatch import Lost, Workers, dispatch
from mnistfaces.execution.tasks import Task, Tell, here
from mnistfaces.features.partial import row_type
from mnistfaces.features.sources import Item, Part, Source
from mnistfaces.progress import Advanced, Event
from mnistfaces.text import counted

if TYPE_CHECKING:
    from mnistfaces.features.network import Network
    from mnistfaces.features.recipe import Recipe

MOST_THREADS = 8
"""Each holds a batch with its activations, some 100 MB, and decoding gains little from more."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """What came of some images.

    Attributes:
        keys: of the images that could be read.
        rows: theirs, as they are kept on the disk.
        broken: what is wrong with the others, by key, where it will be so tomorrow.
        unread: likewise, where another attempt may succeed.
        processor: that computed.
    """

    keys: list[str]
    rows: NDArray[Any]
    broken: dict[str, str]
    unread: dict[str, str]
    processor: str


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is wanted of every batch.

    Attributes:
        name: of the source.
        looks: whether rows carry thumbnails.
        size: images that go through the network together.
    """

    name: str
    looks: bool
    size: int


@dataclass(frozen=True, kw_only=True)
class Batches:
    """The images that are left to do, batch by batch.

    Attributes:
        size: images that go through the network together.
        positions: of the images of each batch, of which the last may have fewer.
    """

    size: int
    positions: list[list[int]]

    @classmethod
    def of(cls, keys: Iterable[str], done: Container[str], size: int) -> "Batches":
        """Returns the batches of those images that are not done, each distinct image once.

        Args:
            keys: of all images; "" for one that has none.
            done: keys of the images that are done.
            size: B, of which no more is used than there are distinct images.
        """
        first: dict[str, int] = {}
        for position, key in enumerate(keys):
            if key:
                first.setdefault(key, position)
        left = [position for key, position in first.items() if key not in done]
        cuts = range(0, len(left), size)
        return cls(size=min(size, len(first)), positions=[left[start : start + size] for start in cuts])

    @property
    def images(self) -> int:
        """Returns how many images are left."""
        return sum(map(len, self.positions))


def compute(source: Source, batches: Batches, network: "Network", threads: int) -> Iterator[Advanced | Batch]:
    """Yields batch after batch, computed in this process, and after each that it is done.

    A thread decodes a whole batch and computes its features, while the others do so with the next ones: cores that
    share one convolution wait for each other, and two threads decode hardly faster than one.

    Args:
        source: of the images.
        batches: of its images.
        network: of the features.
        threads: of which no more than MOST_THREADS are of use.

    Raises:
        DataError: a feature is not finite.
    """
    threads = min(threads, MOST_THREADS)
    waiting = iter(batches.positions)
    order = Order(name=source.name, looks=source.looks, size=batches.size)

    def computed(positions: Sequence[int]) -> Batch:
        return batch_of([source.read(position) for position in positions], network, order)

    with network.shared_by(threads) as prepare_thread:
        pool = ThreadPoolExecutor(threads, initializer=prepare_thread)
        try:
            running: deque[Future[Batch]] = deque()
            running.extend(pool.submit(computed, batch) for batch in itertools.islice(waiting, threads))
            while running:
                batch = running.popleft().result()
                yield batch  # kept before its thread goes on: a kill loses no more than one batch per thread
                running.extend(pool.submit(computed, following) for following in itertools.islice(waiting, 1))
                yield Advanced(amount=len(batch.keys) + len(batch.broken) + len(batch.unread))
        finally:
            pool.shutdown(cancel_futures=True)


@dataclass(frozen=True, kw_only=True)
class NetworkThere:
    """A network as a worker builds it: from its recipe, with the same weights to the last bit.

    Attributes:
        recipe: that it follows.
        device: where it is to run.
        data_dir: where downloads are kept; None is each machine's own folder.
    """

    recipe: "Recipe"
    device: DeviceName
    data_dir: Path | None

    def build(self) -> "Network":
        """Returns the network, which stays in this process.

        Raises:
            WorkerError: its weights are not here, or others.
        """
        return _built(pickle.dumps(self))


@functools.lru_cache(maxsize=1)
def _built(pickled: bytes) -> "Network":
    from mnistfaces.features.network import rebuild_network

    there: NetworkThere = pickle.loads(pickled)  # noqa: S301  made by `build`, in this process
    try:
        return rebuild_network(there.recipe, device=there.device, data_dir=there.data_dir)
    except MnistFacesError as error:
        raise WorkerError(f"{here()}: {error}") from error


def compute_on(workers: Workers, source: Source, batches: Batches, there: NetworkThere) -> Iterator[Event | Batch]:
    """Yields batches as workers have done them; one whose workers died is unread.

    Args:
        workers: entered as a context.
        source: of the images.
        batches: of its images.
        there: the network of the features.

    Raises:
        DataError: a feature is not finite.
        WorkerError: a worker refuses, or none can be reached any more.
    """
    order = Order(name=source.name, looks=source.looks, size=batches.size)
    tasks = [
        Task(
            work=functools.partial(_work, there, source.part(positions), order),
            amount=len(positions),
            words=f"batch {number} of {len(batches.positions)}: {counted(len(positions), 'image')}",
            contents=counted(len(positions), "image"),
            device=there.device,
            threads=workers.threads,
        )
        for number, positions in enumerate(batches.positions, 1)
    ]
    for event in dispatch(tasks, workers):
        if isinstance(event, Event):
            yield event
        elif isinstance(event, Lost):
            unread = {source.keys[position]: event.reason for position in batches.positions[event.number]}
            yield Batch(keys=[], rows=np.empty(0), broken={}, unread=unread, processor="")
        else:
            yield event.result


def _work(there: NetworkThere, part: Part, order: Order, tell: Tell) -> Batch:  # noqa: ARG001  a batch is one step
    return batch_of(part.items(), there.build(), order)


def batch_of(items: Sequence[Item], network: "Network", order: Order) -> Batch:
    """Returns what comes of some images.

    Args:
        items: the images.
        network: of the features.
        order: what is wanted of them.

    Raises:
        DataError: a feature is not finite.
    """
    seen = [(item, item.pixels) for item in items if item.pixels is not None]
    rows = np.zeros(len(seen), row_type(network.size, looks=order.looks))
    if seen:
        _, one = seen[0]
        pixels = np.zeros((order.size, *one.shape), np.uint8)  # (B, S, S, 3)
        for place, (_, image) in enumerate(seen):
            pixels[place] = image
        rows["features"] = network.features(pixels)[: len(seen)]
        if not np.isfinite(rows["features"]).all():
            raise DataError(f"{order.name}: a feature is not finite: the weights do not suit --dtype or --preprocess")
    if order.looks:
        for row, (item, _) in zip(rows, seen, strict=True):
            row["thumbnail"] = item.thumbnail
    problems = [item for item in items if item.pixels is None]
    return Batch(
        keys=[item.key for item, _ in seen],
        rows=rows,
        broken={item.key: item.problem for item in problems if item.lasting},
        unread={item.key: item.problem for item in problems if not item.lasting},
        processor=processor_name(cast("DeviceName", network.device.type)),
    )
