"""Connections for requests that keep a total deadline and a cap on bytes, and go where they were checked to.

Every read from the socket passes through one class, which knows the time and the bytes that are left; so
headers, chunk sizes and the replies of a proxy are bounded like a body. The name is resolved and judged once,
and the socket is connected to that very address: there is no second look-up that could answer otherwise.
"""

import contextlib
import functools
import http.client
import io
import socket
import time
from typing import TYPE_CHECKING, Any, Self

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool

from mnistfaces.errors import FetchError
from mnistfaces.fetching.web.addresses import is_public, resolve
from mnistfaces.fetching.web.states import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from requests import PreparedRequest
    from urllib3.connectionpool import HTTPConnectionPool

FRAMING = 1 << 18
"""Bytes allowed on top of the body, for status line, headers and chunk sizes."""

SEE_OUT_S = 0.2
SEE_OUT_BLOCKS = 8


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


class Budget:
    """The time and the bytes that one request may still take.

    Attributes:
        limit_bytes: cap on the body alone.
    """

    def __init__(self, *, seconds: float, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self._end = time.monotonic() + seconds
        self._bytes = limit_bytes + FRAMING

    def seconds(self, at_most: float) -> float:
        """Returns how long the next step may wait.

        Raises:
            TimeoutError: no time is left.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("no time left")
        return min(at_most, left)

    def spend(self, count: int) -> None:
        """Takes note of bytes that arrived.

        Raises:
            RequestFailed: they are too many (`too_large`).
        """
        self._bytes -= count
        if self._bytes < 0:
            raise RequestFailed("too_large", f"more than {self.limit_bytes} bytes")


class _Metered(io.RawIOBase):
    """The bytes of a socket, each read within the budget."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, budget: Budget, read_s: float) -> None:
        self._raw, self._sock, self._budget, self._read_s = raw, sock, budget, read_s
        self.ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:  # noqa: ANN401  as io.RawIOBase has it
        self.ended = True  # unless the read succeeds
        self._sock.settimeout(self._budget.seconds(self._read_s))
        count: int | None = self._raw.readinto(buffer)
        self._budget.spend(count or 0)
        self.ended = count == 0
        return count

    def close(self) -> None:
        if not (self.closed or self.ended):
            self._see_out()
        self._raw.close()
        super().close()

    def _see_out(self) -> None:
        """Waits a moment for the server to hang up: only then it is done with this request for sure."""
        end = time.monotonic() + SEE_OUT_S
        with contextlib.suppress(OSError, ValueError):
            for _ in range(SEE_OUT_BLOCKS):
                self._sock.settimeout(max(end - time.monotonic(), 0.001))
                if not self._sock.recv(io.DEFAULT_BUFFER_SIZE):
                    return


class _MeteredResponse(http.client.HTTPResponse):
    """A response read within the budget, whose headers must be whole."""

    def __init__(
        self,
        sock: socket.socket,
        *args: Any,  # noqa: ANN401  passed on
        budget: Budget,
        read_s: float,
        **kwargs: Any,  # noqa: ANN401  passed on
    ) -> None:
        super().__init__(sock, *args, **kwargs)
        self._meter = _Metered(self.fp.detach(), sock, budget, read_s)
        self.fp = io.BufferedReader(self._meter)

    def begin(self) -> None:
        """Reads status and headers; http.client takes the end of the stream for the end of the headers."""
        super().begin()
        if self._meter.ended:
            raise RequestFailed("truncated", "the headers ended early")


def connect_checked(host: str, port: int, budget: Budget, *, connect_s: float, allow_private: bool) -> socket.socket:
    """Returns a socket connected to one of the host's addresses, all of which were found public.

    Raises:
        RequestFailed: `dns`, `private_address`, `timeout`, `refused` or `bad_url`.
    """
    try:
        addresses = resolve(host, port, budget.seconds(connect_s))
    except UnicodeError:
        raise RequestFailed("bad_url", f"{host!r} cannot be the name of a host") from None
    except (TimeoutError, socket.gaierror) as error:
        raise RequestFailed("dns", f"{host} has no address: {error}") from None
    for _, address in addresses:
        if not allow_private and not is_public(address[0]):
            raise RequestFailed("private_address", f"{host} is at {address[0]}, which is not a public address")
    failure: OSError = OSError("no address")
    for family, address in addresses:
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(budget.seconds(connect_s))
            sock.connect(address)
        except OSError as error:
            sock.close()
            failure = error
        else:
            return sock
    state: State = "timeout" if isinstance(failure, TimeoutError) else "refused"
    raise RequestFailed(state, f"cannot connect to {host}: {failure.strerror or failure}") from None


class _Pinned:
    """What both kinds of connection share: the socket's origin and the meter on its bytes."""

    def pin(self, budget: Budget, read_s: float, *, allow_private: bool) -> None:
        self.budget, self.allow_private = budget, allow_private
        self.response_class: Any = functools.partial(_MeteredResponse, budget=budget, read_s=read_s)

    def _new_conn(self: Any) -> socket.socket:
        # the address of a proxy is the user's own choice
        allowed = self.allow_private or self.proxy is not None
        return connect_checked(self._dns_host, self.port, self.budget, connect_s=self.timeout, allow_private=allowed)


class _PinnedHTTP(_Pinned, HTTPConnection):
    pass


class _PinnedHTTPS(_Pinned, HTTPSConnection):
    pass


class PinnedAdapter(HTTPAdapter):
    """A transport for one request: its connections share the request's budget."""

    def __init__(self, budget: Budget, read_s: float, *, allow_private: bool) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1)
        self._pin: Callable[..., None] = functools.partial(
            _Pinned.pin, budget=budget, read_s=read_s, allow_private=allow_private
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get_connection_with_tls_context(
        self,
        request: "PreparedRequest",
        *args: Any,  # noqa: ANN401  passed on
        **kwargs: Any,  # noqa: ANN401  passed on
    ) -> "HTTPConnectionPool":
        """Returns the pool of the request's host or proxy; its connections are pinned and metered."""
        pool = super().get_connection_with_tls_context(request, *args, **kwargs)
        kind: Any = _PinnedHTTPS if isinstance(pool, HTTPSConnectionPool) else _PinnedHTTP

        def connection(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  passed on
            made = kind(*args, **kwargs)
            self._pin(made)
            return made

        pool.ConnectionCls = connection  # type: ignore[assignment]
        return pool
