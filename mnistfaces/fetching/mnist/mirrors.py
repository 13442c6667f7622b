"""The files of MNIST, or of a set that takes its place: each mirror in turn, each file verified before it is kept."""

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mnistfaces.datasets.digits import IDX_FILES, MNIST, Edition, unpack_idx
from mnistfaces.errors import DataError, FetchError, UsageError
from mnistfaces.files import write_whole
from mnistfaces.progress import Event, Note, Stage

if TYPE_CHECKING:
    from mnistfaces.fetching.web.client import Reply

MAT_LIMIT = 64 << 20
PACKING_LIMIT = 1 << 20
"""Bytes that a packed file may have more than its content."""
FOUND = 200


@dataclass(frozen=True, kw_only=True)
class FetchMnistConfig:
    """Where MNIST, or a set that takes its place, may come from.

    Attributes:
        source: a `.mat` file, a URL of one, or a folder or URL of the four IDX files; None asks the mirrors in turn.
        force: fetch again what is there already.
        allow_private: connect to addresses that are not public.
        deadline_s: seconds for one file from one mirror.
        edition: what the content must be, and where it is to be had: its `.mat` is asked for when the mirrors do not
            give all files.
    """

    source: str | None = None
    force: bool = False
    allow_private: bool = False
    deadline_s: float = 300.0
    edition: Edition = MNIST

    def __post_init__(self) -> None:
        """Raises UsageError for a source that cannot be meant."""
        if self.source == "" or (self.source and "://" in self.source and not self.is_remote):
            raise UsageError(f"--from takes a file, a folder, or an http or https URL, not {self.source!r}")

    @property
    def is_remote(self) -> bool:
        """Whether the network is asked."""
        return self.source is None or self.source.lower().startswith(("http://", "https://"))

    @property
    def idx_urls(self) -> tuple[str, ...]:
        """Which URLs are asked for the four IDX files, in turn."""
        if self.source is None:
            return self.edition.mirrors
        return (self.source,) if self.is_remote and not self.mat_urls else ()

    @property
    def mat_urls(self) -> tuple[str, ...]:
        """Which URLs are asked for `mnist_all.mat`, after the others."""
        if self.source is None:
            return (self.edition.mat_url,) if self.edition.mat_url else ()
        is_mat = self.is_remote and urlsplit(self.source).path.lower().endswith(".mat")
        return (self.source,) if is_mat and self.edition.pinned_arrays else ()


def failure(source: str, problem: str) -> Note:
    """Returns what a person reads of a source that did not give what it should."""
    return Note(message=problem if source in problem else f"{source}: {problem}")


def fetch_idx(folder: Path, config: FetchMnistConfig) -> Generator[Event, None, str | None]:
    """Gets the four IDX files into a folder, as they were sent; one that is there already is not asked for.

    A mirror that failed is asked last from then on.

    Yields:
        A stage for each request, a note for each file and for each failure.

    Returns:
        Which mirrors gave the files; None when all were there.

    Raises:
        FetchError: no mirror gives one of the files.
        FileError: the folder or the disk refuses.
    """
    mirrors = list(config.idx_urls)
    used: list[str] = []
    for name in IDX_FILES:
        if _is_kept(folder / name, config.edition):
            yield Note(message=f"{name} is there from before", detail=True)
            continue
        problems: list[str] = []
        for mirror in tuple(mirrors):
            url = f"{mirror.rstrip('/')}/{name}"
            yield Stage(name=f"asking for {url}")
            try:
                content = _download_idx(url, config)
            except (FetchError, DataError) as error:
                problems.append(str(error))
                mirrors.append(mirrors.pop(mirrors.index(mirror)))
                yield failure(url, str(error))
                continue
            with write_whole(folder / name) as file:
                file.write(content)
            used.append(mirror)
            yield Note(message=f"got {url}")
            break
        else:
            raise FetchError("; ".join(problems))
    return ", ".join(dict.fromkeys(used)) or None


def fetch_mat(path: Path, config: FetchMnistConfig) -> Generator[Event, None, str]:
    """Gets the first `.mat` file that a URL gives; yields a stage and a note for each, returns the URL that gave it.

    Raises:
        FetchError: none gave a file.
        FileError: the folder or the disk refuses.
    """
    problems: list[str] = []
    for url in config.mat_urls:
        yield Stage(name=f"asking for {url}")
        try:
            content = _download(url, MAT_LIMIT, config)
        except FetchError as error:
            problems.append(str(error))
            yield failure(url, str(error))
            continue
        with write_whole(path) as file:
            file.write(content)
        yield Note(message=f"got {url}")
        return url
    raise FetchError("; ".join(problems))


def _is_kept(path: Path, edition: Edition) -> bool:
    try:
        unpack_idx(path.name, path.read_bytes(), edition)
    except (OSError, DataError):
        return False
    return True


def _download_idx(url: str, config: FetchMnistConfig) -> bytes:
    """Returns an IDX file as it was sent, packed or else unpacked, once its content is verified."""
    name = url.rpartition("/")[2]
    limit = config.edition.size(name) + PACKING_LIMIT
    reply = _ask(f"{url}.gz", limit, config)
    if reply.status != FOUND:
        reply = _ask(url, limit, config)
    content = _body(reply, f"{url}.gz")
    try:
        unpack_idx(name, content, config.edition)
    except DataError as error:
        raise DataError(f"{reply.url}: {error}") from error
    return content


def _download(url: str, limit: int, config: FetchMnistConfig) -> bytes:
    return _body(_ask(url, limit, config), url)


def _ask(url: str, limit: int, config: FetchMnistConfig) -> "Reply":
    from mnistfaces.fetching.web.client import Client, ClientConfig

    client = Client(ClientConfig(allow_private=config.allow_private))
    return client.get(url, limit_bytes=limit, deadline_s=config.deadline_s)


def _body(reply: "Reply", url: str) -> bytes:
    if reply.status != FOUND:
        raise FetchError(f"{url} answered {reply.status}")
    return reply.body
