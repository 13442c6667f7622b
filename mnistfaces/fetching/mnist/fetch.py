"""MNIST, or a set that takes its place, from a file, a folder, or the network: verified, converted once, and kept."""

import contextlib
import shutil
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from mnistfaces.datasets.digits import (
    IDX_FILES,
    MNIST,
    ORDER,
    Edition,
    build_digits,
    digits_path,
    load_digits,
    split_idx,
    unpack_idx,
)
from mnistfaces.datasets.matfile import read_mat
from mnistfaces.datasets.order import save_order
from mnistfaces.datasets.store import fingerprint_of, save_dataset
from mnistfaces.errors import DataError, FetchError, FileError
from mnistfaces.fetching.mnist.mirrors import PACKING_LIMIT, FetchMnistConfig, failure, fetch_idx, fetch_mat
from mnistfaces.files import read_if_there, sha256_of_file, write_json
from mnistfaces.files.locks import Lease
from mnistfaces.files.schema import parse_json
from mnistfaces.progress import Event, Note, Stage

Arrays = Mapping[str, NDArray[Any]]

WAIT_SECONDS = 0.2


@dataclass(frozen=True, kw_only=True)
class FetchedMnist:
    """A set in the data folder: the fields of the command's row. None is what is not known, or not yet.

    Attributes:
        source: what gave it.
        train_n: training images.
        val_n: validation images: MNIST brings none along.
        test_n: test images.
        sha256: of the file.
        path: of the file.
    """

    source: str | None
    train_n: int | None
    val_n: int | None
    test_n: int | None
    sha256: str | None
    path: str


def find_mnist(data_dir: Path, edition: Edition = MNIST) -> FetchedMnist:
    """Returns what is in the data folder, verified to the last byte.

    Raises:
        DataError: it was not fetched, or is damaged.
        FileError: what tells where it is from cannot be read.
    """
    dataset = load_digits(data_dir, edition)
    path = digits_path(data_dir, edition)
    if fingerprint_of(dataset) != dataset.fingerprint:
        raise DataError(f"{path} is damaged: get it again with `mnf fetch {edition.word}`")
    sha256 = sha256_of_file(path)
    known: Any = None
    with contextlib.suppress(ValueError):
        known = parse_json(read_if_there(_origin_path(data_dir, edition)) or b"")
    told = known if isinstance(known, dict) and "source" in known else {}
    is_of_this_file = (
        told.get("fingerprint") == dataset.fingerprint or told.get("sha256") == sha256  # as release 0.1 wrote it
    )
    test_n = int(dataset.given_test.sum())
    return FetchedMnist(
        source=str(told["source"]) if is_of_this_file else None,
        train_n=len(dataset) - test_n,
        val_n=0,
        test_n=test_n,
        sha256=sha256,
        path=str(path),
    )


def fetch_mnist(data_dir: Path, config: FetchMnistConfig) -> Iterator[Event | FetchedMnist]:
    """Yields what happens on the way to a set in the data folder, and in the end what is there.

    Nothing happens when it is there already. Files that the network gave whole are kept until all are there.

    Raises:
        DataError: the file or folder does not hold the set.
        FetchError: no URL gave it.
        FileError: a folder or the disk refuses.
    """
    with contextlib.suppress(DataError):
        if not config.force:
            yield from _find(data_dir, config)
            _sweep(data_dir, config.edition)
            return
    lease = Lease(_lock_path(data_dir, config.edition))
    try:
        if (holder := lease.take()) is not None:
            yield Note(message=f"waiting for {data_dir}: it is in use by {holder}")
        while not lease.is_held and lease.take() is not None:
            time.sleep(WAIT_SECONDS)
    except OSError as error:
        raise FileError(f"cannot write {lease.path}: {error.strerror or error}") from error
    try:
        yield from _fetch_alone(data_dir, config)
    finally:
        lease.release()


def _find(data_dir: Path, config: FetchMnistConfig) -> Iterator[Event | FetchedMnist]:
    """Yields what is in the data folder, and that another source was not looked at."""
    found = find_mnist(data_dir, config.edition)
    if not config.is_remote and str(config.source) != found.source:
        yield Note(message=f"{found.path} is here already, from {found.source}: --force reads {config.source}")
    yield found


def plan_mnist(data_dir: Path, config: FetchMnistConfig) -> Iterator[Event | FetchedMnist]:
    """Yields what `fetch_mnist` would ask, in turn, and what is there or, with None for what is not, would be."""
    with contextlib.suppress(DataError):
        if not config.force:
            yield from _find(data_dir, config)
            return
    sources = (*config.idx_urls, *config.mat_urls) if config.is_remote else (str(config.source),)
    for source in sources:
        yield Note(message=f"would ask {source}")
    path = str(digits_path(data_dir, config.edition))
    yield FetchedMnist(source=sources[0], train_n=None, val_n=None, test_n=None, sha256=None, path=path)


def _fetch_alone(data_dir: Path, config: FetchMnistConfig) -> Iterator[Event | FetchedMnist]:
    """Yields the same, while no other process fetches into the folder."""
    if not config.force and digits_path(data_dir, config.edition).exists():
        try:
            yield from _find(data_dir, config)
        except DataError as error:
            yield failure(str(digits_path(data_dir, config.edition)), f"fetched again: {error}")
        else:
            return
    _remove_torn(data_dir, config.edition)
    if config.is_remote:
        arrays, source = yield from _from_network(data_dir, config)
    else:
        yield Stage(name=f"reading {config.source}")
        arrays, source = _from_disk(Path(str(config.source)), config.edition), config.source
    yield Stage(name=f"verifying and keeping {config.edition.title}")
    try:
        dataset = build_digits(arrays, config.edition)
    except DataError as error:
        raise DataError(f"{source}: {error}") from error
    # first, so that a kill after the file is in its place cannot lose where it came from
    write_json(_origin_path(data_dir, config.edition), {"source": source, "fingerprint": dataset.fingerprint})
    if ORDER in arrays:
        save_order(data_dir, config.edition, arrays[ORDER])
    save_dataset(digits_path(data_dir, config.edition), dataset)
    shutil.rmtree(_parts_folder(data_dir, config.edition), ignore_errors=True)
    yield find_mnist(data_dir, config.edition)


def _sweep(data_dir: Path, edition: Edition) -> None:
    """Removes what a process that was killed late has left, unless another one is at work."""
    lease = Lease(_lock_path(data_dir, edition))
    if lease.path.exists() or _parts_folder(data_dir, edition).exists() or any(_torn(data_dir, edition)):
        with contextlib.suppress(OSError):
            if lease.take() is None:
                _remove_torn(data_dir, edition)
                shutil.rmtree(_parts_folder(data_dir, edition), ignore_errors=True)
        lease.release()


def _remove_torn(data_dir: Path, edition: Edition) -> None:
    """Removes the unfinished files of killed processes: whoever holds the lock is the only one to write."""
    for torn in _torn(data_dir, edition):
        torn.unlink(missing_ok=True)


def _torn(data_dir: Path, edition: Edition) -> Iterator[Path]:
    for folder in (data_dir, _parts_folder(data_dir, edition)):
        yield from folder.glob(f".{edition.word}.*.tmp" if folder == data_dir else ".*.tmp")


def _lock_path(data_dir: Path, edition: Edition) -> Path:
    return data_dir / f".{edition.word}.lock"


def _origin_path(data_dir: Path, edition: Edition) -> Path:
    """Where it is written down what gave the file, whose own bytes do not depend on that."""
    return data_dir / f"{edition.word}.json"


def _parts_folder(data_dir: Path, edition: Edition) -> Path:
    return data_dir / f"{edition.word}.parts"


def _from_network(data_dir: Path, config: FetchMnistConfig) -> Generator[Event, None, tuple[Arrays, str | None]]:
    """Yields what happens at each file asked for; returns the twenty arrays and what gave them."""
    parts = _parts_folder(data_dir, config.edition)
    problems: list[str] = []
    if config.idx_urls:
        try:
            source = yield from fetch_idx(parts, config)
        except FetchError as error:
            problems.append(str(error))
        else:
            content = {name: unpack_idx(name, (parts / name).read_bytes(), config.edition) for name in IDX_FILES}
            return split_idx(content), source
    if config.mat_urls:
        path = parts / "mnist_all.mat"
        try:
            url = yield from fetch_mat(path, config)
            return read_mat(path, list(config.edition.arrays)), url
        except (FetchError, DataError) as error:
            problems.append(str(error))
        finally:
            path.unlink(missing_ok=True)
    raise FetchError(
        f"no source gave {config.edition.title}: {'; '.join(problems)}; "
        f"name another one with `mnf fetch {config.edition.word} --from`"
    )


def _from_disk(source: Path, edition: Edition) -> Arrays:
    """Returns the twenty arrays of a `.mat` file or of a folder of IDX files."""
    if not source.exists():
        raise FileError(f"there is no file or folder {source}")
    if not source.is_dir():
        if not edition.pinned_arrays:
            raise FileError(f"{source} is no folder: {edition.title} is known by its four IDX files, packed by gzip")
        return read_mat(source, list(edition.arrays))
    return split_idx({name: _read_idx(source, name, edition) for name in IDX_FILES})


def _read_idx(folder: Path, name: str, edition: Edition) -> bytes:
    stems = (name, name.replace("-idx", ".idx"))
    for path in (folder / f"{stem}{packing}" for stem in stems for packing in ("", ".gz")):
        if path.is_file():
            try:
                with path.open("rb") as file:
                    return unpack_idx(name, file.read(edition.size(name) + PACKING_LIMIT), edition)
            except OSError as error:
                raise FileError(f"cannot read {path}: {error.strerror or error}") from error
            except DataError as error:
                raise DataError(f"{path}: {error}") from error
    raise FileError(f"{folder} holds neither {name} nor {name}.gz")
