"""How a request fails: each failure under one name, whatever chain of exceptions brought it."""

import http.client
import re
import ssl

import requests
from urllib3.exceptions import TimeoutError as ProtocolTimeout

from mnistfaces.errors import FetchError, MnistFacesError
from mnistfaces.fetching.web.states import State

_TUNNEL_STATUS = re.compile(r"Tunnel connection failed: (\d{3})")


class RequestFailed(FetchError):  # noqa: N818  it names an outcome among others
    """A request that gave no whole reply.

    Attributes:
        state: the name of what happened.
        status: the HTTP status, where there was one.
    """

    def __init__(self, state: State, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.state: State = state
        self.status = status


class ProxyError(MnistFacesError):
    """A proxy of the environment through which nothing can be asked: not an outcome of any one request."""


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


def named(error: Exception, url: str) -> RequestFailed:  # noqa: PLR0911  one return a name
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
