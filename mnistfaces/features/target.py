"""The file that an extraction ends in: where it lies, and whether it is there already."""

from dataclasses import dataclass
from pathlib import Path

from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.store import open_dataset
from mnistfaces.display import Displayed
from mnistfaces.errors import DataError, FileError
from mnistfaces.runs.folder import RUNS

FOLDER, FILE_NAME = "extract-features-", "features.npz"
HASH_LENGTH = 12

INCOMPLETE = "incomplete"
"""Of the `meta` of a file without images that another attempt may read: the request that is to try."""


@dataclass(frozen=True, kw_only=True)
class Extracted(Displayed):
    """The end of an extraction: the fields of the command's row.

    Attributes:
        images: in the file.
        features: of each image.
        skipped: images that could not be read, and are not in the file.
        images_per_second: from image files to the finished file; None when nothing was left to do.
        file: the `.npz`.
    """

    images: int
    features: int
    skipped: int
    images_per_second: float | None
    file: str


def extracted_from(dataset: Dataset, target: Path, rate: float | None) -> Extracted:
    """Returns what an extraction came to whose file holds this dataset."""
    size, width = dataset.inputs.shape
    skipped = int(dataset.meta.get("skipped", 0))
    return Extracted(images=size, features=width, skipped=skipped, images_per_second=rate, file=str(target))


def target_of(out: Path | None, job: str) -> Path:
    """Returns the file that `--out` means: itself, one in it, or without it one named by what made it.

    Args:
        out: a `.npz`, a folder, or None.
        job: hash of what is asked for.
    """
    if out is None:
        return RUNS / f"{FOLDER}{job[:HASH_LENGTH]}" / FILE_NAME
    return out if out.suffix == ".npz" else out / FILE_NAME


def may_hold(out: Path | None) -> list[Path]:
    """Returns the files that may hold what goes to `--out`: where it is not given, all of those named by jobs."""
    return [target_of(out, "")] if out else sorted(RUNS.glob(f"{FOLDER}*/{FILE_NAME}"))


def finished(target: Path, job: str, request: str, *, force: bool) -> Extracted | None:
    """Returns what a file came to that holds just what is asked for; None where there is no file, or it may go.

    Args:
        target: the file.
        job: hash of what is asked for, every image included.
        request: the same without the images: a file that lacks some which could not be read when it was made, but
            may be now, is `INCOMPLETE` for it.
        force: any file may go.

    Raises:
        FileError: the file holds something else.
    """
    if not target.exists():
        return None
    try:
        dataset = open_dataset(target)
    except DataError:
        dataset = None
    meta = {} if dataset is None else dataset.meta
    if dataset is not None and meta.get("job") == job and INCOMPLETE not in meta:
        return extracted_from(dataset, target, None)
    if force or meta.get(INCOMPLETE) == request:
        return None
    raise FileError(
        f"{target} holds something else than what is asked for: give another --out, or --force to replace it"
    )
