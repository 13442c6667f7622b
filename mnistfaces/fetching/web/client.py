"""An HTTP client whose every request ends in time, within a size, and only at public addresses.

requests does the protocol. What it cannot promise by itself stands in `pinned`: a total deadline and a cap on
bytes under every read, and a socket that is connected to the very address that was checked. Here are the
redirects, the content codings, and one name for each way to fail.
"""

import contextlib
import http.client
import os
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import requests
from requests.utils import get_environ_proxies, select_proxy
from urllib3.exceptions import HTTPError

from mnistfaces.fetching.web.failures import ProxyError, RequestFailed, named
from mnistfaces.fetching.web.pinned import Budget, Pin, PinnedAdapter
from mnistfaces.fetching.web.urls import host_of, target_of

USER_AGENT = "mnistfaces (+https://github.com/mnistfaces/mnistfaces)"
HEADERS = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity", "Connection": "close"}
BLOCK = 1 << 16
REDIRECTS = frozenset({301, 302, 303, 307, 308})
WHOLE = range(200, 300)
"""Statuses whose body is read; that of any other is left alone."""

_FAILURES = (requests.RequestException, HTTPError, http.client.HTTPException, OSError, ValueError)


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
        with contextlib.suppress(UnicodeError):  # http.client reads a header as Latin-1, servers write UTF-8
            target = target.encode("latin-1").decode()
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
            raise named(error, url) from error

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
                raise named(error, url) from error
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
        pin = Pin(budget=budget, read_s=read_s, allow_private=self.config.allow_private, target=target_of(url))
        with PinnedAdapter(pin) as adapter:
            response = adapter.send(
                request,
                stream=True,
                timeout=(self.config.connect_s, read_s),
                proxies=_proxies(url),
                verify=os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True,
            )
            with response:
                if not adapter.connections:
                    raise RuntimeError("requests made a connection of its own, past the checks")
                yield response


def _proxies(url: str) -> dict[str, str]:
    """Returns the proxies that the environment names.

    Raises:
        ProxyError: the one for this URL is of a kind that is not supported.
    """
    proxies = get_environ_proxies(url)
    if proxy := select_proxy(url, proxies):
        try:
            parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
            usable = parts.scheme in ("http", "https") and parts.hostname
        except ValueError:
            usable = False
        if not usable:
            kind = proxy.partition("://")[0]  # its rest may hold a password
            raise ProxyError(f"the environment names a {kind[:20]!r} proxy for {url[:80]}: use an http or https proxy")
    return proxies


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
