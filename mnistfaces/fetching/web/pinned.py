"""Connections for requests that keep a total deadline and a cap on bytes, and go where they were checked to.

Every read from the socket passes through one class, which knows the time and the bytes that are left; so
headers, chunk sizes and the replies of a proxy are bounded like a body. The name is resolved and judged once,
and the socket is connected to that very address: there is no second look-up that could answer otherwise.

The pools' own factory is replaced, not a method of the adapter: releases of requests find their pools in
different ways, and whichever way that is, it leads to connections of this module.
"""

import contextlib
import functools
import http.client
import io
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from mnistfaces.fetching.web.addresses import is_public, resolve
from mnistfaces.fetching.web.failures import RequestFailed

if TYPE_CHECKING:
    from urllib3.poolmanager import PoolManager

    from mnistfaces.fetching.web.states import State

FRAMING = 1 << 18
"""Bytes allowed on top of the body, for status line, headers and chunk sizes."""

SEE_OUT_S = 0.2
SEE_OUT_BLOCKS = 8


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
    """The bytes of a socket, each read within the budget.

    Attributes:
        ended: nothing more comes.
        last: the server hangs up after this reply, as it does not after that of a proxy that opened a tunnel.
    """

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, budget: Budget, read_s: float) -> None:
        self._raw, self._sock, self._budget, self._read_s = raw, sock, budget, read_s
        self.ended = False
        self.last = False

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
        if self.last and not (self.closed or self.ended):
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
        self._meter.last = True
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


@dataclass(frozen=True, kw_only=True)
class Pin:
    """What holds for the connections of one request.

    Attributes:
        budget: of the request.
        read_s: seconds of silence.
        allow_private: connect to addresses that are not public.
        target: path and query, to the byte as they are sent.
    """

    budget: Budget
    read_s: float
    allow_private: bool
    target: str


class _Pinned:
    """What both kinds of connection share: the socket's origin, the meter on its bytes, and what it asks for."""

    def hold(self, pin: Pin) -> None:
        self.pin = pin
        self.response_class: Any = functools.partial(_MeteredResponse, budget=pin.budget, read_s=pin.read_s)

    def _new_conn(self: Any) -> socket.socket:
        # the address of a proxy is the user's own choice
        allowed = self.pin.allow_private or self.proxy is not None
        return connect_checked(
            self._dns_host, self.port, self.pin.budget, connect_s=self.timeout, allow_private=allowed
        )

    def _tunnel(self: Any) -> None:
        """Opens a tunnel through a proxy; what follows, the agreement on TLS, may take as long as without one."""
        self._open_tunnel()
        self.sock.settimeout(self.pin.budget.seconds(self.timeout))

    def putrequest(self: Any, method: str, url: str, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  passed on
        """Asks for the address as it was given, whatever requests and urllib3 would have made of it."""
        parts = urlsplit(url)  # a proxy of an http address wants it whole
        origin = f"{parts.scheme}://{parts.netloc}" if parts.netloc and not url.startswith("/") else ""
        self._put_request(method, origin + self.pin.target, *args, **kwargs)


class _PinnedHTTP(_Pinned, HTTPConnection):
    _open_tunnel: Any = HTTPConnection._tunnel  # noqa: SLF001  of http.client
    _put_request: Any = HTTPConnection.putrequest


class _PinnedHTTPS(_Pinned, HTTPSConnection):
    _open_tunnel: Any = HTTPSConnection._tunnel  # noqa: SLF001  of http.client
    _put_request: Any = HTTPSConnection.putrequest


class PinnedAdapter(HTTPAdapter):
    """A transport for one request: its connections share the request's budget.

    Attributes:
        pin: what holds for them.
        connections: how many were made.
    """

    def __init__(self, pin: Pin) -> None:
        self.pin = pin
        self.connections = 0
        super().__init__(pool_connections=1, pool_maxsize=1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  passed on
        """Makes the manager of the pools that reach hosts directly."""
        super().init_poolmanager(*args, **kwargs)
        self._hold(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> "PoolManager":  # noqa: ANN401  passed on
        """Returns the manager of the pools that reach hosts through a proxy."""
        manager: PoolManager = super().proxy_manager_for(*args, **kwargs)
        self._hold(manager)
        return manager

    def _hold(self, manager: "PoolManager") -> None:
        makers: dict[str, Any] = {
            "http": functools.partial(self._pool, HTTPConnectionPool, _PinnedHTTP),
            "https": functools.partial(self._pool, HTTPSConnectionPool, _PinnedHTTPS),
        }
        manager.pool_classes_by_scheme = makers

    def _pool(
        self,
        pool_class: type["HTTPConnectionPool"],
        connection_class: type[Any],
        *args: Any,  # noqa: ANN401  passed on
        **kwargs: Any,  # noqa: ANN401  passed on
    ) -> "HTTPConnectionPool":
        def connection(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  passed on
            made = connection_class(*args, **kwargs)
            made.hold(self.pin)
            self.connections += 1
            return made

        pool = pool_class(*args, **kwargs)
        pool.ConnectionCls = connection  # type: ignore[assignment]
        return pool
