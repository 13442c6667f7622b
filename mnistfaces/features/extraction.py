"""From images to the dataset of their features: streamed to disk, and taken up again where it stopped.

N images, B images per batch, F features.
"""

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from mnistfaces.config import DataConfig, ExtractConfig
from mnistfaces.datasets import RESIZED, kind_of, load_dataset
from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.store import fingerprint_of, save_dataset
from mnistfaces.errors import DataError, UsageError
from mnistfaces.features.computing import compute, first_of_each
from mnistfaces.features.partial import Partial, StoredFeatures, row_type
from mnistfaces.features.sources import DatasetSource, Source, files_source, folder_source
from mnistfaces.features.target import Extracted, finished, result_of, target_of
from mnistfaces.files import hash_of
from mnistfaces.progress import Advanced, Event, Note, Stage

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

    Raises:
        UsageError: the request cannot be meant.
        DataError: no image can be read, or the weights do not fit.
        FileError: another extraction's file is at `out`, or the disk refuses.
        FetchError: the network did not give the weights.
    """
    wanted = config or ExtractConfig()
    if wanted.backbone == "pixels":
        data = replace(reading, res=wanted.res, color=wanted.color)
        yield from _keep_pixels(images, out, data, data_dir, force=force)
        return
    from mnistfaces.features.network import load_network

    yield Stage(name="reading the images")
    source = _open_source(images, wanted, reading, data_dir)
    yield Note(message=f"{source.name}: {len(source.keys)} images, seen at {wanted.side} x {wanted.side} pixels")
    network = yield from load_network(wanted, data_dir=data_dir)
    job = hash_of([network.recipe.key, source.name, source.fingerprint])
    target = target_of(out, job)
    if (known := finished(target, job, force=force)) is not None:
        yield Note(message=f"{target} is there already")
        yield known
        return
    began = time.perf_counter()
    kind = row_type(network.size, looks=source.looks)
    with Partial(target, network.recipe.key, kind) as partial:
        done = {key for key in source.keys if key in partial.rows or key in partial.skipped}
        todo = first_of_each(source.keys, done)
        if done and todo:
            yield Note(message=f"going on: {len(done)} images are done, {len(todo)} are left")
        yield Stage(name="extract", total=len(todo))
        try:
            for amount in compute(source, todo, network, partial, batch_size=wanted.batch_size, jobs=_jobs(wanted)):
                yield Advanced(amount=amount)
            dataset = _assemble(source, network, partial, job)
            save_dataset(target, dataset)
        except DataError:
            partial.remove()
            raise
        partial.remove()
    rate = len(todo) / (time.perf_counter() - began) if todo else None
    yield result_of(dataset, target, rate)


def _jobs(config: ExtractConfig) -> int:
    return config.jobs or os.cpu_count() or 1


def _open_source(
    images: str | Sequence[Path], config: ExtractConfig, reading: DataConfig, data_dir: Path | None
) -> Source:
    if not isinstance(images, str):
        return files_source(images, config.side, _jobs(config))
    kind = kind_of(images)
    if kind == "images" and Path(images).is_dir():
        return folder_source(Path(images), config.side, _jobs(config), reading)
    data = replace(reading, res=config.side, color=True) if kind in RESIZED else reading
    return DatasetSource(load_dataset(images, data_dir=data_dir, **vars(data)), config.side)


def _assemble(source: Source, network: "Network", partial: Partial, job: str) -> Dataset:
    """Returns the dataset of all images that could be read; its inputs stay on the disk."""
    from mnistfaces.features.network import versions

    kept = np.array([i for i, key in enumerate(source.keys) if key in partial.rows], np.int64)
    lost = [i for i, key in enumerate(source.keys) if key not in partial.rows]
    reasons = [f"{source.ids[i]}: {partial.skipped.get(source.keys[i], 'cannot be read')}" for i in lost[:NAMED]]
    if not len(kept):
        raise DataError(f"{source.name}: none of {len(lost)} images can be read, the first is {reasons[0]}")
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
        groups=source.groups(kept, thumbnails),
        given_test=source.given_test[kept],
        given_val=None if source.given_val is None else source.given_val[kept],
        fingerprint="",
        meta={
            "source": source.name,
            "source_fingerprint": source.fingerprint,
            "job": job,
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
    dataset = load_dataset(images, data_dir=data_dir, **vars(data))
    job = hash_of(["pixels", dataset.name, dataset.fingerprint])
    target = target_of(out, job)
    if (known := finished(target, job, force=force)) is not None:
        yield Note(message=f"{target} is there already")
        yield known
        return
    yield Stage(name="copy", total=len(dataset))
    save_dataset(target, replace(dataset, meta={**dataset.meta, "job": job}))
    yield Advanced(amount=len(dataset))
    if dataset.inputs.dtype == np.uint8:
        yield Note(message="features are pixels of 0 to 255: divide them by 255 for other programs")
    yield result_of(dataset, target, len(dataset) / (time.perf_counter() - began))
