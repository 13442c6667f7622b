"""Pretrained weights from where torchvision keeps them, checked by hash before they get their name."""

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mnistfaces.errors import FetchError
from mnistfaces.fetching.web.client import Client, ClientConfig
from mnistfaces.files import sha256_of_file, write_whole
from mnistfaces.files.litter import sweep_once

DEADLINE_S = 3600.0


@dataclass(frozen=True, kw_only=True)
class PublishedWeights:
    """A file of weights that others publish.

    Attributes:
        url: where it is; the last part of its path is the file's name.
        sha256: of its bytes; torchvision puts the first eight digits into the name.
        size: in bytes.
    """

    url: str
    sha256: str
    size: int

    @property
    def file_name(self) -> str:
        """Returns the name under which it is kept."""
        return self.url.rpartition("/")[2]


def find_weights(published: PublishedWeights, *folders: Path) -> Path | None:
    """Returns the first whole copy of published weights in these folders, or None."""
    for path in (folder / published.file_name for folder in folders):
        if path.is_file() and path.stat().st_size == published.size and sha256_of_file(path) == published.sha256:
            return path
    return None


def fetch_weights(published: PublishedWeights, folder: Path, config: ClientConfig | None = None) -> Iterator[int]:
    """Yields how many bytes arrived, block by block; at the end the verified file is in `folder`.

    Raises:
        FetchError: the network did not give the file, or gave another one; the message says what to do by hand.
        FileError: the folder or the disk refuses.
    """
    sweep_once(folder)
    digest = hashlib.sha256()
    arriving = Client(config).stream(published.url, limit_bytes=published.size, deadline_s=DEADLINE_S)
    try:
        first = next(arriving, b"")  # without a network nothing is written at all
        with write_whole(folder / published.file_name) as file:
            for block in itertools.chain([first], arriving):
                file.write(block)
                digest.update(block)
                yield len(block)
            if digest.hexdigest() != published.sha256:
                raise FetchError(f"its SHA-256 is {digest.hexdigest()}")
    except FetchError as error:
        raise FetchError(
            f"cannot get {published.url} ({error}): download it elsewhere, SHA-256 {published.sha256}, and pass it "
            f"with --weights {published.file_name}; --weights random needs no file"
        ) from error
