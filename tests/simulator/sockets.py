"""Connections to the simulated web, in the simulated time."""

import io
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator.web import Web

PUBLIC = "93.184.216.34"
"""The address that every host has which is not to be private."""


@dataclass(frozen=True)
class Page:
    """A reply: bytes that come at once, and what then happens.

    Attributes:
        content: the bytes.
        every_s: seconds before each block of `block` bytes; 0 sends all at once.
        block: see above.
        end: what comes after the bytes: the end of the connection, silence, or a reset.
    """

    content: bytes
    every_s: float = 0.0
    block: int = 1
    end: str = "close"


class Socket:
    """A connection."""

    def __init__(self, web: "Web", *_: object) -> None:
        self._web, self._timeout, self._host, self._tls = web, None, "", False
        self._asked, self._page, self._sent, self.closed = b"", None, 0, False

    def settimeout(self, seconds: float | None) -> None:
        self._timeout = seconds

    def gettimeout(self) -> float | None:
        return self._timeout

    def setsockopt(self, *_: object) -> None:
        pass

    def connect(self, address: tuple[str, int]) -> None:
        world = self._web.world
        if address[0] != PUBLIC:
            world.wrong.append(f"a connection to {address[0]}, which is not public")
        fault = world.call("connect", address[0])
        self._pass(0.05 if fault is None or fault.effect != "silence" else 1e9)

    def wrapped(self, host: str) -> "Socket":
        """Agrees on TLS."""
        fault = self._web.world.call("tls", host)
        self._pass(0.05 if fault is None or fault.effect != "silence" else 1e9)
        if fault is not None and fault.effect == "untrusted":
            raise ssl.SSLCertVerificationError("certificate verify failed")
        if fault is not None and fault.effect == "broken":
            raise ssl.SSLEOFError("EOF occurred in violation of protocol")
        self._tls = True
        return self

    def sendall(self, data: bytes) -> None:
        try:
            fault = self._web.world.call("send", "")
        except OSError:
            self._page = Page(b"", end="reset")  # whoever goes on to read all the same
            raise
        if fault is not None and fault.effect == "silence":
            self._pass(1e9)
        self._asked += bytes(data)

    def makefile(self, *_: object, **__: object) -> io.BufferedReader:
        return io.BufferedReader(_Raw(self))

    def recv(self, count: int) -> bytes:
        """Returns what came, after the time that it takes to come."""
        page = self._page = self._page or self._answer()
        left = page.content[self._sent : self._sent + (page.block if page.every_s else count)]
        self._pass(page.every_s if left or page.end != "silence" else 1e9)
        if not left and page.end == "reset":
            raise ConnectionResetError("Connection reset by peer")
        self._sent += len(left)
        return left

    def _answer(self) -> Page:
        line, _, rest = self._asked.partition(b"\r\n")
        host = next(one.split(b":", 1)[1].strip() for one in rest.split(b"\r\n") if one.lower().startswith(b"host:"))
        target = line.split()[1].decode("latin-1")
        return self._web.answer(f"{'https' if self._tls else 'http'}://{host.decode()}{target}")

    def _pass(self, seconds: float) -> None:
        """Lets time pass; raises TimeoutError when that is more than is waited for."""
        late = self._timeout is not None and seconds > self._timeout
        until = self._web.world.time + (self._timeout if late and self._timeout is not None else seconds)
        self._web.turns.wait(lambda: False, until)
        if late:
            raise TimeoutError("timed out")

    def shutdown(self, *_: object) -> None:
        pass

    def close(self) -> None:
        self.closed = True


class _Raw(io.RawIOBase):
    """What a socket gives, as a file."""

    def __init__(self, sock: Socket) -> None:
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:  # noqa: ANN401  as io has it
        block = self._sock.recv(len(buffer))
        buffer[: len(block)] = block
        return len(block)
