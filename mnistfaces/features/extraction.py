"""From images to the dataset of their features: streamed to disk, and taken up again where it stopped.

N images, B images per batch, F features.
"""

import contextlib
import os
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from mnistfaces.config import DataConfig, DeviceName, ExtractConfig
from mnistfaces.datasets import RESIZED, kind_of, read_dataset
from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.store import fingerprint_of, save_dataset
from mnistfaces.errors import DataError, UsageError
from mnistfaces.execution.dispatch import Workers
from mnistfaces.execution.reference import DatasetReference, KnownDataset
from mnistfaces.features.computing import Batch, Batches, NetworkThere, compute, compute_on
from mnistfaces.features.folders import files_source, folder_source
from mnistfaces.features.partial import Partial, StoredFeatures, row_type, sweep_partial
from mnistfaces.features.recipe import find_recipe, versions
from mnistfaces.features.sources import DatasetSource, Source
from mnistfaces.features.target import INCOMPLETE, Extracted, extracted_from, finished, may_hold, target_of
from mnistfaces.files import hash_of
from mnistfaces.progress import Advanced, Event, Note, Stage, result_of
from mnistfaces.text import counted

if TYPE_CHECKING:
    from mnistfaces.features.network import Network

NAMED = 20


def extract_features(
    images: str | Sequence[Path],
    out: Path | None = None,
    config: ExtractConfig | None = None,
    *,
    reading: DataConfig = DataConfig(),
    data_dir: Path | None = None,
    force: bool = False,
    workers: Workers | None = None,
) -> Iterator[Event | Extracted]:
    """Yields what happens on the way from images to a dataset of features on disk, and in the end the file.

    What an earlier process finished is not done again, whether it was killed or not.

    Args:
        images: a dataset by name or path, a folder of images, or image files.
        out: the `.npz`, or a folder for `features.npz`; None is `runs/extract-features-<hash>`.
        config: what stands for an image.
        reading: how data of one's own are read; `config` has their size and colour.
        data_dir: where data live.
        force: replace what another extraction left at `out`.
        workers: where the network runs; None is in this process.

    Raises:
        UsageError: the request cannot be meant.
        DataError: no image can be read, or the weights do not fit.
        FileError: another extraction's file is at `out`, or the disk refuses.
        FetchError: the network did not give the weights.
        WorkerError: a worker refuses, or none can be reached any more.
    """
    wanted = config or ExtractConfig()
    if wanted.backbone == "pixels":
        if workers is not None:
            raise UsageError("--jobs and --engine are for networks: --backbone pixels computes nothing")
        data = replace(reading, res=wanted.res, color=wanted.color)
        yield from _keep_pixels(images, out, data, data_dir, force=force)
        return
    yield Stage(name="reading the images")
    source = yield from _open_source(images, wanted, reading, data_dir)
    yield Note(
        message=f"{source.name}: {counted(len(source.keys), 'image')}, seen at {wanted.side} x {wanted.side} pixels"
    )
    device: DeviceName = wanted.device if workers is None else "cpu"
    recipe, network = find_recipe(wanted, may_hold(out)), None
    if recipe is None:
        network = yield from _load_network(wanted, device, data_dir)
        recipe = network.recipe
    job, request = (hash_of([recipe.key, source.name, *more]) for more in ([source.fingerprint], []))
    target = target_of(out, job)
    if (known := finished(target, job, request, force=force)) is not None:
        sweep_partial(target)
        yield Note(message=f"{target} is there already")
        yield known
        return
    if network is None:
        network = yield from _load_network(wanted, device, data_dir)
    began = time.perf_counter()
    with Partial(target, network.recipe.key, row_type(network.size, looks=source.looks)) as partial:
        batches = Batches.of(source.keys, partial.rows.keys() | partial.skipped.keys(), wanted.batch_size)
        work: Iterator[Event | Batch]
        if workers is None:
            work = compute(source, batches, network, _threads(wanted))
        else:
            there = NetworkThere(recipe=network.recipe, device=wanted.device, data_dir=data_dir)
            work = compute_on(workers, source, batches, there)
        try:
            with workers or contextlib.nullcontext():
                unread = yield from _keep(work, batches.images, partial)
            dataset = yield from _assemble(source, network, partial, unread, job=job, request=request)
            save_dataset(target, dataset)
        except DataError:
            partial.remove()
            raise
        if INCOMPLETE in dataset.meta:
            yield Note(message="some images could not be read this time: the same command tries them again")
        else:
            partial.remove()
    rate = batches.images / (time.perf_counter() - began) if batches.images else None
    yield extracted_from(dataset, target, rate)


def _load_network(
    config: ExtractConfig, device: DeviceName, data_dir: Path | None
) -> Generator[Event, None, "Network"]:
    from mnistfaces.features.network import load_network  # torchvision: not where features are shown again

    return (yield from load_network(replace(config, device=device), data_dir=data_dir))


def _keep(work: Iterable[Event | Batch], left: int, partial: Partial) -> Generator[Event, None, dict[str, str]]:
    """Keeps batch after batch, passing on how far the work is; returns what could not be read for the moment, and why.

    Args:
        work: the batches, and how far they are.
        left: images in them.
        partial: takes what they came to.

    Raises:
        DataError: a feature is not finite.
        FileError: the disk refuses.
    """
    if left and (partial.rows or partial.skipped):
        done = counted(len(partial.rows) + len(partial.skipped), "image is", "images are")
        yield Note(message=f"going on: {done} done, {left} left")
    yield Stage(name="extract", total=left)
    unread: dict[str, str] = {}
    processors: set[str] = set()
    for event in work:
        if isinstance(event, Batch):
            partial.append(event.keys, event.rows, event.broken)
            unread |= event.unread
            processors |= {event.processor} - {""}
        else:
            yield event
    if len(processors) > 1:
        names = ", ".join(sorted(processors))
        yield Note(message=f"computed on unlike processors ({names}): last bits may differ among images")
    return unread


def _threads(config: ExtractConfig) -> int:
    return config.threads or os.cpu_count() or 1


def _open_source(
    images: str | Sequence[Path], config: ExtractConfig, reading: DataConfig, data_dir: Path | None
) -> Generator[Event, None, Source]:
    if not isinstance(images, str):
        return (yield from files_source(images, config.side, _threads(config)))
    kind = kind_of(images)
    if kind == "images" and Path(images).is_dir():
        return (yield from folder_source(Path(images), config.side, _threads(config), reading))
    form = replace(reading, res=config.side, color=True) if kind in RESIZED else reading
    dataset = yield from result_of(read_dataset(images, form, data_dir=data_dir))
    known = KnownDataset(
        load=DatasetReference(images, data_dir), form=form, name=dataset.name, fingerprint=dataset.fingerprint
    )
    return DatasetSource(dataset, config.side, known)


def _assemble(
    source: Source, network: "Network", partial: Partial, unread: Mapping[str, str], *, job: str, request: str
) -> Generator[Event, None, Dataset]:
    """Returns the dataset of all images that could be read; its inputs stay on the disk.

    Args:
        source: of the images.
        network: of the features.
        partial: that holds them.
        unread: why images could not be read, beside those that are broken.
        job: hash of what is asked for.
        request: the same without the images.

    Raises:
        DataError: no image could be read.
    """
    kept = np.array([i for i, key in enumerate(source.keys) if key in partial.rows], np.int64)
    lost = [i for i, key in enumerate(source.keys) if key not in partial.rows]
    problems = {"": "cannot be read", **partial.skipped, **unread}
    reasons = [f"{source.ids[i]}: {problems[source.keys[i]]}" for i in lost[:NAMED]]
    if not len(kept):
        raise DataError(f"{source.name}: none of {counted(len(lost), 'image')} can be read, the first is {reasons[0]}")
    rows = np.array([partial.rows[source.keys[i]] for i in kept], np.int64)
    thumbnails = np.empty(0, np.uint8)
    if source.looks:
        thumbnails = partial.read("thumbnail", rows)
    recipe = network.recipe
    layer = "" if recipe.layer == "features" else f"-{recipe.layer}"
    dataset = Dataset(
        name=f"{source.name}-{recipe.backbone}{layer}",
        kind="features",
        inputs=cast("Any", StoredFeatures(partial, rows, network.size)),
        labels=source.labels[kept],
        classes=source.classes,
        ids=source.ids[kept],
        shape=(network.size,),
        groups=(yield from source.groups(kept, thumbnails)),
        given_test=source.given_test[kept],
        given_val=None if source.given_val is None else source.given_val[kept],
        fingerprint="",
        meta={
            "source": source.name,
            "source_fingerprint": source.fingerprint,
            "job": job,
            **({INCOMPLETE: request} if unread or "" in source.keys else {}),
            "recipe": {**asdict(recipe), "versions": versions()},
            "skipped": len(lost),
            "skipped_files": reasons,
        },
        sha256=None if source.sha256 is None else source.sha256[kept],
    )
    return replace(dataset, fingerprint=fingerprint_of(dataset))


def _keep_pixels(
    images: str | Sequence[Path], out: Path | None, data: DataConfig, data_dir: Path | None, *, force: bool
) -> Iterator[Event | Extracted]:
    """Yields the row of a dataset that was written as it is, bytes of 0 to 255, with its split."""
    if not isinstance(images, str):
        raise UsageError("--backbone pixels takes a dataset, or a folder with one subfolder of images per class")
    began = time.perf_counter()
    dataset = yield from result_of(read_dataset(images, data, data_dir=data_dir))
    job = hash_of(["pixels", dataset.name, dataset.fingerprint])
    target = target_of(out, job)
    if (known := finished(target, job, job, force=force)) is not None:
        yield Note(message=f"{target} is there already")
        yield known
        return
    yield Stage(name="copy", total=len(dataset))
    save_dataset(target, replace(dataset, meta={**dataset.meta, "job": job}))
    yield Advanced(amount=len(dataset))
    if dataset.inputs.dtype == np.uint8:
        yield Note(message="features are pixels of 0 to 255: divide them by 255 for other programs")
    yield extracted_from(dataset, target, len(dataset) / (time.perf_counter() - began))
