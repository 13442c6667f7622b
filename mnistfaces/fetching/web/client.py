"""An HTTP client whose every request ends in time, within a size, and only at public addresses.

requests does the protocol. What it cannot promise by itself stands in `pinned`: a total deadline and a cap on
bytes under every read, and a socket that is connected to the very address that was checked. Here are the
redirects, the content codings, and one name for each way to fail.
"""

import contextlib
import http.client
import os
import re
import ssl
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import requests
from requests.utils import get_environ_proxies
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as ProtocolTimeout

from mnistfaces.fetching.web.pinned import Budget, PinnedAdapter, RequestFailed

USER_AGENT = "mnistfaces (+https://github.com/mnistfaces/mnistfaces)"
HEADERS = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity", "Connection": "close"}
BLOCK = 1 << 16
MAX_URL = 8192
REDIRECTS = frozenset({301, 302, 303, 307, 308})
WHOLE = range(200, 300)
"""Statuses whose body is read; that of any other is left alone."""

_FAILURES = (requests.RequestException, HTTPError, http.client.HTTPException, OSError, ValueError)
_TUNNEL_STATUS = re.compile(r"Tunnel connection failed: (\d{3})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A whole reply of any status.

    Attributes:
        url: what was asked for.
        status: of the reply.
        headers: by lower-case name.
        body: freed of its content coding; empty unless the status is 2xx.
        seconds: from the start of the request.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float

    @property
    def location(self) -> str | None:
        """The absolute address that a redirect names; None for any other reply."""
        target = self.headers.get("location")
        if self.status not in REDIRECTS or not target:
            return None
        try:
            return urljoin(self.url, target.strip())
        except ValueError:
            return target


@dataclass(frozen=True, kw_only=True)
class ClientConfig:
    """What a client allows.

    Attributes:
        connect_s: seconds to find a host's address, to connect to it, and to agree on TLS, each.
        read_s: seconds of silence.
        max_redirects: redirects followed from one address.
        allow_private: connect to addresses that are not public.
    """

    connect_s: float = 5.0
    read_s: float = 10.0
    max_redirects: int = 5
    allow_private: bool = False


class Client:
    """Gets URLs; keeps nothing from one request to the next, so threads may share it."""

    def __init__(self, config: ClientConfig | None = None) -> None:
        self.config = config or ClientConfig()

    def get(self, url: str, *, limit_bytes: int, deadline_s: float) -> Reply:
        """Returns the reply at the end of the redirects.

        Args:
            url: http or https.
            limit_bytes: cap on the body, as sent and as decoded.
            deadline_s: seconds for everything together.

        Raises:
            RequestFailed: there is no whole reply within these bounds.
        """
        end = time.monotonic() + deadline_s
        for _ in range(self.config.max_redirects + 1):
            reply = self.get_once(url, limit_bytes=limit_bytes, deadline_s=end - time.monotonic())
            if reply.location is None:
                return reply
            url = reply.location
        raise RequestFailed("redirects", f"more than {self.config.max_redirects} redirects, the last to {url}")

    def get_once(self, url: str, *, limit_bytes: int, deadline_s: float, read_s: float | None = None) -> Reply:
        """Returns the reply to one request; a redirect is a reply like any other.

        Args:
            url: http or https.
            limit_bytes: cap on the body, as sent and as decoded.
            deadline_s: seconds for everything together.
            read_s: seconds of silence; None for those of the configuration.

        Raises:
            RequestFailed: there is no whole reply within these bounds.
        """
        host_of(url)
        began = time.monotonic()
        budget = Budget(seconds=deadline_s, limit_bytes=limit_bytes)
        try:
            return self._exchange(url, budget, self.config.read_s if read_s is None else read_s, began)
        except _FAILURES as error:
            raise _named(error, url) from error

    def stream(self, url: str, *, limit_bytes: int, deadline_s: float) -> Iterator[bytes]:
        """Yields the body at the end of the redirects, as it was sent, in blocks that arrive one after the other.

        Args:
            url: http or https.
            limit_bytes: cap on the body.
            deadline_s: seconds for everything together.

        Raises:
            RequestFailed: there is no whole body within these bounds, or the status is not 2xx (`http_error`).
        """
        end = time.monotonic() + deadline_s
        for _ in range(self.config.max_redirects + 1):
            host_of(url)
            budget = Budget(seconds=end - time.monotonic(), limit_bytes=limit_bytes)
            try:
                with self._sent(url, budget, self.config.read_s) as response:
                    if response.status_code in WHOLE:
                        yield from _raw_blocks(response, limit_bytes)
                        return
            except _FAILURES as error:
                raise _named(error, url) from error
            headers = {name.lower(): value for name, value in response.headers.items()}
            reply = Reply(url=url, status=response.status_code, headers=headers, body=b"", seconds=0.0)
            if reply.location is None:
                raise RequestFailed("http_error", f"{url} answered {reply.status}", reply.status)
            url = reply.location
        raise RequestFailed("redirects", f"more than {self.config.max_redirects} redirects, the last to {url}")

    def _exchange(self, url: str, budget: Budget, read_s: float, began: float) -> Reply:
        with self._sent(url, budget, read_s) as response:
            headers = {name.lower(): value for name, value in response.headers.items()}
            body = _body(response, headers.get("content-encoding", ""), budget.limit_bytes)
        seconds = time.monotonic() - began
        return Reply(url=url, status=response.status_code, headers=headers, body=body, seconds=seconds)

    @contextlib.contextmanager
    def _sent(self, url: str, budget: Budget, read_s: float) -> Iterator[requests.Response]:
        """Yields the response to one request, its body not yet read."""
        # no session: it would read redirects ahead, and send the passwords of a netrc file
        request = requests.Request("GET", url, headers=HEADERS).prepare()
        with PinnedAdapter(budget, read_s, allow_private=self.config.allow_private) as adapter:
            response = adapter.send(
                request,
                stream=True,
                timeout=(self.config.connect_s, read_s),
                proxies=get_environ_proxies(url),
                verify=os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True,
            )
            with response:
                yield response


def host_of(url: str) -> str:
    """Returns the host of an http or https URL, in lower case and without its port: the unit of politeness.

    Raises:
        RequestFailed: the URL cannot be asked for (`bad_url`).
    """
    if len(url) > MAX_URL or _CONTROL.search(url):
        raise RequestFailed("bad_url", f"too long, or with control characters: {url[:80]!r}")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port  # a bad port is an error
    except ValueError as error:
        raise RequestFailed("bad_url", f"{error}: {url[:80]!r}") from None
    if parts.scheme not in ("http", "https"):
        raise RequestFailed("bad_url", f"neither http nor https: {url[:80]!r}")
    if not host:
        raise RequestFailed("bad_url", f"no host: {url[:80]!r}")
    return host.rstrip(".")


def _body(response: requests.Response, coding: str, limit_bytes: int) -> bytes:
    """Returns the body, freed of its coding; nothing of a reply that is an error."""
    if response.status_code not in WHOLE:
        return b""
    return _decoded(_raw_blocks(response, limit_bytes), coding, limit_bytes)


def _raw_blocks(response: requests.Response, limit_bytes: int) -> Iterator[bytes]:
    """Yields the body as it was sent, up to the limit."""
    total = 0
    while block := response.raw.read(BLOCK, decode_content=False):
        total += len(block)
        if total > limit_bytes:
            raise _too_large(limit_bytes)
        yield block


def _decoded(blocks: Iterator[bytes], coding: str, limit_bytes: int) -> bytes:
    """Returns the body without its gzip or deflate coding, never holding more than the limit."""
    if coding.strip().lower() not in ("gzip", "x-gzip", "deflate"):
        return b"".join(blocks)
    decoder = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # 32: gzip or zlib, by its first bytes
    body = bytearray()
    try:
        for block in blocks:
            body += decoder.decompress(block, limit_bytes + 1 - len(body))
            if len(body) > limit_bytes:
                raise _too_large(limit_bytes)
    except zlib.error as error:
        raise RequestFailed("bad_response", f"{coding} content that cannot be decoded: {error}") from None
    if not decoder.eof:
        raise RequestFailed("truncated", f"{coding} content that ends early")
    return bytes(body)


def _too_large(limit_bytes: int) -> RequestFailed:
    return RequestFailed("too_large", f"more than {limit_bytes} bytes")


def _chain(error: BaseException) -> list[BaseException]:
    """Returns an exception and every one that it wraps, by cause, context, reason or argument."""
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop()
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            waiting += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
    return found


def _named(error: Exception, url: str) -> RequestFailed:  # noqa: PLR0911  one return a name
    """Returns the failure under its name: the gravest thing that the chain of exceptions mentions."""
    chain = _chain(error)

    def mentions(*kinds: type[BaseException]) -> bool:
        return any(isinstance(one, kinds) for one in chain)

    for one in chain:
        if tunnel := _TUNNEL_STATUS.search(str(one)):
            return RequestFailed("http_error", f"the proxy answered {tunnel[1]}: {url}", int(tunnel[1]))
    if mentions(TimeoutError, ProtocolTimeout):
        return RequestFailed("timeout", f"no answer in time from {url}")
    if mentions(ssl.SSLError, requests.exceptions.SSLError):
        return RequestFailed("tls", f"no trusted connection to {url}: {error}")
    if mentions(ConnectionError):
        return RequestFailed("reset", f"the connection was dropped: {url}")
    if mentions(requests.exceptions.InvalidURL, requests.exceptions.MissingSchema, UnicodeError):
        return RequestFailed("bad_url", f"cannot be asked for: {url[:80]!r}")
    if mentions(http.client.IncompleteRead) and not mentions(ValueError):
        return RequestFailed("truncated", f"the body ended early: {url}")
    return RequestFailed("bad_response", f"not HTTP as it should be: {url}: {error}")
