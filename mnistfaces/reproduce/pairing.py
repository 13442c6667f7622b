"""Pixels against features on the same images: the final networks of Parts 8 and 10, compared like for like."""

from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace

from mnistfaces.config import DatasetKind
from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.matching import match
from mnistfaces.datasets.store import save_dataset
from mnistfaces.errors import DataError
from mnistfaces.experiments.sweep import Sweep
from mnistfaces.progress import Event
from mnistfaces.reproduce.published import published_in
from mnistfaces.reproduce.records import Found, Remark, Role, Setup
from mnistfaces.reproduce.sweeps import Table
from mnistfaces.statistics.differences import paired_difference

FINAL = ("Table 15",)
"""Whose accuracy is told on the images of Part 8, too."""

KINDS: Mapping[Role, DatasetKind] = {"features": "features", "faces": "arrays"}
"""Of the files that hold the images in common: a run finds arrays again by their path."""


def pair_pixels_with_features(setup: Setup) -> Iterator[Event | Found]:
    """Yields by how much features are ahead of pixels, on the images that are in both and by the same splits."""
    try:
        text = yield from _compare(setup)
    except DataError as error:
        text = f"Pixels and features were not paired: {error}."
    figures = tuple(one for one in published_in(10, FINAL) if one.quantity == "test_accuracy")
    yield Remark(text=text, figures=figures)


def _compare(setup: Setup) -> Generator[Event, None, str]:
    """Trains both networks on the images in common; returns what came out, in words.

    Raises:
        DataError: a dataset is not here, or too few images are in both.
    """
    features, faces = setup.load("features"), setup.load("faces")
    matched = match(features, faces)
    ahead = yield from _trained(setup, "features", matched.first)
    behind = yield from _trained(setup, "faces", matched.second)
    found = paired_difference(
        *(list(job.outcomes.result(job.grid.cells[0]).scores.values()) for job in (ahead, behind))
    )
    without = " and ".join(
        f"{count} of {len(dataset)} in the {name}"
        for count, dataset, name in zip(matched.left_out, (features, faces), ("features", "pixels"), strict=True)
    )
    runs = " ".join(job.folder.path.as_posix() for job in (ahead, behind))
    return (
        f"Paired on the {len(matched.first)} images that are in both ({without} are left out), split by split, with "
        f"Part 8's network and 20 validation images per actor: features are {100 * found.difference:+.1f} points ahead "
        f"of pixels [{100 * found.low:.1f}, {100 * found.high:.1f}], p = {found.p:.2g} over {found.trials} seeds, on "
        f"{found.n} test images in all. The same again: mnf compare {runs}"
    )


def _trained(setup: Setup, role: Role, dataset: Dataset) -> Generator[Event, None, Sweep]:
    """Keeps a dataset beside the report and trains the final network on it, seed by seed.

    Raises:
        DataError: no training came to an end; the message says why.
    """
    file = setup.paired / f"{role}.npz"
    name, meta = f"paired-{role}", {**dataset.meta, "source": file.as_posix()}
    save_dataset(file, replace(dataset, name=name, kind=KINDS[role], meta=meta))
    job = yield from Table(names=(), part=10, role=role, split={"val_per_class": 20}).done(setup, file)
    if not job.outcomes.result(job.grid.cells[0]).scores:
        raise DataError(next(iter(job.failures), f"every training on {name} diverged"))
    return job
