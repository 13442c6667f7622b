"""Where photographs may come from: the live web, the archive, a mirror by template, a folder of files."""

import hashlib
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from mnistfaces.errors import UsageError
from mnistfaces.fetching.faces.entries import Entry
from mnistfaces.fetching.web.policy import Rules

ARCHIVE_URL = "https://web.archive.org/web/"
ARCHIVE_TIME = "20140601000000"
"""The capture nearest to the time when the list was made is asked for, as it was stored (`id_`)."""

ARCHIVE_READ_S = 30.0
ARCHIVE_DEADLINE_S = 60.0
TEMPLATE_FIELDS = frozenset({"sha256", "url", "face_id"})

_FIELD = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, kw_only=True)
class WebSource:
    """A source that is asked for URLs.

    Attributes:
        name: as the user wrote it.
        identity: what makes two sources the same, for the ledger.
        url_of: the URL to ask for a row.
        rules: of patience and politeness.
        jobs: requests at once; None for as many as the user allows.
    """

    name: str
    identity: str
    url_of: Callable[[Entry], str]
    rules: Rules
    jobs: int | None = None


@dataclass(frozen=True, kw_only=True)
class FolderSource:
    """A folder whose files are matched by SHA-256, whatever their names."""

    name: str
    path: Path

    def find(self, wanted: Collection[str], limit_bytes: int) -> Iterator[tuple[str, bytes]]:
        """Yields SHA-256 and content of the files that are wanted, each once."""
        left = set(wanted)
        for path in sorted(self.path.rglob("*")):
            if not left:
                return
            try:
                if not path.is_file() or path.stat().st_size > limit_bytes:
                    continue
                body = path.read_bytes()
            except OSError:
                continue  # what cannot be read is not a copy
            sha256 = hashlib.sha256(body).hexdigest()
            if sha256 in left:
                left.discard(sha256)
                yield sha256, body


Source = WebSource | FolderSource


def read_sources(
    tokens: Sequence[str], rules: Rules, *, archive_url: str = ARCHIVE_URL, archive_interval_s: float = 1.0
) -> tuple[Source, ...]:
    """Returns the sources that `live,wayback,DIR,URL_TEMPLATE` names, in that order.

    Raises:
        UsageError: names the first that is none of these.
    """
    names = dict.fromkeys(name for token in tokens for name in _names(token))
    if not names:
        raise UsageError("--source names nothing: choose from live, wayback, a folder, a URL template")
    return tuple(_source(name, rules, archive_url, archive_interval_s) for name in names)


def _names(token: str) -> list[str]:
    """Returns the parts of a list; a folder or template that has a comma of its own is given alone."""
    if Path(token).is_dir():
        return [token]
    return [part.strip() for part in token.split(",") if part.strip()]


def _source(name: str, rules: Rules, archive_url: str, interval_s: float) -> Source:
    if name == "live":
        return WebSource(name=name, identity=name, url_of=lambda row: row.url, rules=rules)
    if name == "wayback":
        base = f"{archive_url.rstrip('/')}/{ARCHIVE_TIME}id_/"
        patient = replace(
            rules,
            pause_s=interval_s,
            read_s=max(rules.read_s, ARCHIVE_READ_S),
            least_read_s=ARCHIVE_READ_S,
            deadline_s=max(rules.deadline_s, ARCHIVE_DEADLINE_S),
            refusal_ends=True,
            abandoned="not_tried",
        )
        return WebSource(name=name, identity=base, url_of=lambda row: base + row.url, rules=patient, jobs=1)
    if "://" in name:
        return WebSource(name=name, identity=name, url_of=_template(name), rules=rules)
    if Path(name).is_dir():
        return FolderSource(name=name, path=Path(name))
    raise UsageError(f"--source {name!r} is neither live nor wayback, nor a folder, nor a URL with {{sha256}}")


def _template(text: str) -> Callable[[Entry], str]:
    fields = _FIELD.findall(text)
    if not fields or not set(fields) <= TEMPLATE_FIELDS:
        raise UsageError(f"--source {text!r} must hold {{sha256}}, {{url}} or {{face_id}}, and no other field")
    query = text.find("?")

    def fill(row: Entry) -> str:
        def value(match: re.Match[str]) -> str:
            if match[1] == "url":  # inside a query it must not bring signs of its own
                return quote(row.url, safe="") if 0 <= query < match.start() else row.url
            return row.sha256 if match[1] == "sha256" else str(row.face_id)

        return _FIELD.sub(value, text)

    return fill
