"""What a reply is, what to try again and when, and how to treat a host: decisions without network, clock or disk."""

import email.utils
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from mnistfaces.fetching.web.states import State

SNIFFED = 2048
OPT_OUT = frozenset({"noai", "noimageai", "noindex", "noimageindex"})
TRANSIENT: frozenset[State] = frozenset({"dns", "timeout", "refused", "reset", "truncated"})
TRANSIENT_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
HOST_FAILURES: frozenset[State] = frozenset({"dns", "timeout", "refused", "reset", "tls"})

ImageFormat = Literal["jpeg", "png", "gif", "webp", "bmp", "tiff"]

_HTML = (b"<!doctype html", b"<html", b"<?xml", b"<head", b"<body", b"<title", b"<script", b"<meta ")


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How patient and how polite to be.

    Attributes:
        pause_s: between two requests to a host.
        retry_waits_s: before the second try of a URL, the third, and so on; their number is that of the retries.
        max_retry_after_s: the longest Retry-After that is waited for.
        failures: a host is left alone after this many in a row.
        return_s: how long a host is left alone, the first time, the second, and so on. Then it is asked for those
            of its addresses that were never asked for: it may fail for some only.
        visits: how often a host that never answered is visited.
        visits_if_answered: how often one is that answered at least once.
        read_s: silence that is waited out; half as long after every silence of a host, down to `least_read_s`.
        least_read_s: see above.
        deadline_s: for a URL with its redirects, not counting waits.
        max_redirects: followed from one URL.
        limit_bytes: cap on a body.
        refusal_ends: a refused connection ends everything, as it must for an archive.
        abandoned: the state of what is never asked because its host was left.
    """

    pause_s: float = 0.4
    retry_waits_s: tuple[float, ...] = (1.0, 4.0)
    max_retry_after_s: float = 120.0
    failures: int = 3
    return_s: tuple[float, ...] = (5.0, 10.0, 20.0)
    visits: int = 2
    visits_if_answered: int = 4
    read_s: float = 5.0
    least_read_s: float = 1.0
    deadline_s: float = 30.0
    max_redirects: int = 5
    limit_bytes: int = 16 << 20
    refusal_ends: bool = False
    abandoned: State = "host_left"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How one request ended.

    Attributes:
        state: its name.
        status: of HTTP, where there was a reply.
        detail: for people.
        retry_after_s: what the server asked for.
    """

    state: State
    status: int | None = None
    detail: str = ""
    retry_after_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class Host:
    """What is known of a host in this pass.

    Attributes:
        streak: failures running.
        silences: failures by silence.
        visits: times it was left alone.
        answered: it gave a reply that was no failure, now or in an earlier pass.
        ready_at: no request before this time.
        given_up: it is not asked again.
    """

    streak: int = 0
    silences: int = 0
    visits: int = 0
    answered: bool = False
    ready_at: float = 0.0
    given_up: bool = False


def judge(status: int, headers: Mapping[str, str], body: bytes, sha256: str) -> Outcome:
    """Returns what a whole reply is; only bytes with the listed SHA-256 are `ok`.

    Args:
        status: of HTTP.
        headers: by lower-case name.
        body: of a reply with a status of 2xx.
        sha256: the listed one, lower case.
    """
    if not 200 <= status < 300:  # noqa: PLR2004  the successes of HTTP
        return Outcome(state="http_error", status=status, detail=f"HTTP {status}")
    if opted_out(headers.get("x-robots-tag", "")):
        return Outcome(state="opted_out", status=status, detail=f"X-Robots-Tag: {headers['x-robots-tag'][:80]}")
    if hashlib.sha256(body).hexdigest() == sha256:
        return Outcome(state="ok", status=status)
    return Outcome(state=_kind(body), status=status, detail=f"{len(body)} bytes with another SHA-256")


def opted_out(directives: str) -> bool:
    """Returns whether an X-Robots-Tag asks programs like this one to stay away, whichever robot it names."""
    words = directives.lower().replace(":", ",").split(",")
    return any(word.strip() in OPT_OUT for word in words)


def _kind(body: bytes) -> State:
    """Returns what bytes are that are not the listed image, by their content."""
    if not body:
        return "empty"
    found = image_format(body)
    if found is not None:
        return "other_image" if _is_complete(body, found) else "truncated"
    start = body[:SNIFFED].lower()
    return "html" if any(mark in start for mark in _HTML) else "not_image"


def image_format(body: bytes) -> ImageFormat | None:
    """Returns the format that the first bytes announce; None if they announce no image."""
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "webp"
    marks: dict[bytes, ImageFormat] = {
        b"\xff\xd8\xff": "jpeg",
        b"\x89PNG\r\n\x1a\n": "png",
        b"GIF87a": "gif",
        b"GIF89a": "gif",
        b"BM": "bmp",
        b"II*\0": "tiff",
        b"MM\0*": "tiff",
    }
    return next((found for mark, found in marks.items() if body.startswith(mark)), None)


def _is_complete(body: bytes, found: ImageFormat) -> bool:
    """Returns whether the bytes of an image go on to its end mark, for the formats that have one."""
    if found == "jpeg":  # an end of image after the last start of scan; anything may follow
        return body.rfind(b"\xff\xd9") > body.rfind(b"\xff\xda")
    if found == "png":
        return b"IEND" in body[-64:]
    if found == "gif":
        return body.rstrip(b"\0").endswith(b";")
    if found in ("webp", "bmp"):
        start = 4 if found == "webp" else 2
        return len(body) >= int.from_bytes(body[start : start + 4], "little") + (8 if found == "webp" else 0)
    return True


def retry_after(value: str, now: float) -> float | None:
    """Returns the seconds that a Retry-After asks for; None for none that can be read.

    Args:
        value: of the header: seconds, or a date.
        now: seconds since the epoch.
    """
    value = value.strip()
    if value.isascii() and value.isdecimal():
        return float(value[:12])
    try:
        when = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    try:
        return max(when.timestamp() - now, 0.0)
    except (OverflowError, OSError, ValueError):
        return None


def wait_before_retry(outcome: Outcome, tries: int, rules: Rules) -> float | None:
    """Returns the seconds to wait before a URL is tried again; None when its outcome stands.

    Args:
        outcome: of the latest try.
        tries: made so far.
        rules: the waits grow as they say; a server's Retry-After lengthens them.
    """
    transient = outcome.state in TRANSIENT or outcome.status in TRANSIENT_STATUS
    asked = outcome.retry_after_s or 0.0
    if not transient or tries > len(rules.retry_waits_s) or asked > rules.max_retry_after_s:
        return None
    return max(rules.retry_waits_s[tries - 1], asked)


def is_host_failure(outcome: Outcome) -> bool:
    """Returns whether an outcome speaks against the host rather than against one of its addresses."""
    return outcome.state in HOST_FAILURES or outcome.status in TRANSIENT_STATUS


def read_seconds(host: Host, rules: Rules) -> float:
    """Returns how long a host may be silent: half as long after every time that it was."""
    return max(rules.read_s / 2.0**host.silences, min(rules.least_read_s, rules.read_s))


def host_after(host: Host, outcome: Outcome, now: float, rules: Rules, *, untried: bool) -> Host:
    """Returns what is known of a host after one more request to it.

    Args:
        host: what was known before.
        outcome: of the request.
        now: when it ended.
        rules: of patience.
        untried: the host has addresses that were never asked for: only for these is it worth a new visit.
    """
    asked = outcome.retry_after_s or 0.0
    if not is_host_failure(outcome):
        return replace(host, streak=0, answered=True, ready_at=now + rules.pause_s)
    if asked > rules.max_retry_after_s or (rules.refusal_ends and outcome.state == "refused"):
        return replace(host, given_up=True)
    failed = replace(host, streak=host.streak + 1, silences=host.silences + (outcome.state == "timeout"))
    if failed.streak < rules.failures:
        return replace(failed, ready_at=now + max(rules.pause_s, asked))
    visits = host.visits + 1
    allowed = rules.visits_if_answered if host.answered else rules.visits
    rest = rules.return_s[min(visits, len(rules.return_s)) - 1]
    over = visits >= allowed or not untried
    return replace(failed, streak=0, visits=visits, given_up=over, ready_at=now + max(rest, asked))
