"""A dataset as workers get it: not its images but where they lie, and what they must hash to."""

import functools
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mnistfaces.config import DataConfig
from mnistfaces.datasets import NAMES, read_dataset
from mnistfaces.errors import MnistFacesError, WorkerError
from mnistfaces.execution.tasks import here
from mnistfaces.progress import Event, drained

if TYPE_CHECKING:
    from mnistfaces.datasets.base import Dataset

LoadDataset = Callable[[DataConfig], "Dataset"]
"""Returns the dataset in a form."""

OPENED = 4  # datasets that a worker keeps open


@dataclass(frozen=True)
class DatasetReference:
    """A dataset by name or path, opened in any form; it can be sent to another process, which opens it there.

    Attributes:
        name: as for `read_dataset`.
        data_dir: where data live; None is each machine's own folder.
        follow: watches how far reading is; it stays in this process.
    """

    name: str
    data_dir: Path | None = None
    follow: Callable[["Iterator[Event | Dataset]"], "Dataset"] = field(default=drained, compare=False)

    def __call__(self, data: DataConfig) -> "Dataset":
        """Returns the dataset in a form."""
        return self.follow(read_dataset(self.name, data, data_dir=self.data_dir))

    def __reduce__(self) -> tuple[type, tuple[str, Path | None]]:
        """Sends paths that hold in whichever folder the other process was started."""
        name = self.name if self.name in NAMES else str(Path(self.name).absolute())
        return DatasetReference, (name, self.data_dir and self.data_dir.absolute())


@dataclass(frozen=True, kw_only=True)
class KnownDataset:
    """A dataset that was opened here, for a worker to open there.

    Attributes:
        load: opens it, from where it lies on the worker's machine.
        form: of it.
        name: that it has here: a path may be spelled in another way there.
        fingerprint: of its content here.
    """

    load: LoadDataset
    form: DataConfig
    name: str
    fingerprint: str

    def open(self) -> "Dataset":
        """Returns the dataset, which stays open in this process.

        Raises:
            WorkerError: this worker has no such dataset, or one of another content.
        """
        return _opened(pickle.dumps(self))


@functools.lru_cache(maxsize=OPENED)
def _opened(pickled: bytes) -> "Dataset":
    known: KnownDataset = pickle.loads(pickled)  # noqa: S301  made by `open`, in this process
    try:
        dataset = known.load(known.form)
    except MnistFacesError as error:
        raise WorkerError(f"{here()}: {error}") from error
    if dataset.fingerprint != known.fingerprint:
        raise WorkerError(
            f"{here()} has another content of {known.name} (fingerprint {dataset.fingerprint[:12]}, "
            f"here {known.fingerprint[:12]}): copy this machine's data there"
        )
    return replace(dataset, name=known.name)
