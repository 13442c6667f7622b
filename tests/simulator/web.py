"""A web of its own: names, addresses, sockets and pages in memory, in the simulated time.

What a host answers is told by `PAGES`; a fault makes of one reply what a misbehaving host would send. The web takes
note of what no program may do: connect to an address that is not public, ask the archive for one, ask a host twice at
a time, or go on with an address when its time is over.
"""

import functools
import gzip
import io
import random
import socket
import ssl
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from faces_web import PHOTOS
from rude_server import picture, reply
from tiny_mnist import make_tiny_mnist

from mnistfaces.datasets import digits
from mnistfaces.fetching.mnist import mirrors
from mnistfaces.fetching.web.download import Download
from simulator.clock import Turns
from simulator.faults import Fault
from simulator.world import World

PUBLIC, PRIVATE = "93.184.216.34", "10.0.0.7"
LIMIT = 16 << 20
"""Bytes of a photograph that the program is to take at most."""

DEADLINE_S, ARCHIVE_DEADLINE_S, SLACK_S = 30.0, 60.0, 7.0
"""Seconds that one address with its redirects may take, and what may be on top: what is under way, and its end."""

NOBODY, HIDDEN = "nobody.example", "hidden.example"


@dataclass(frozen=True)
class _Page:
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


def _faces() -> dict[str, bytes]:
    pages = {f"http://host{photo}.example/{photo}.jpg": reply(PHOTOS[photo]) for photo in (0, 2)}
    pages["https://host4.example/4.jpg"] = reply(PHOTOS[4])
    pages["http://host1.example/1.jpg"] = reply(b"<html>for sale")
    pages["http://host3.example/3.jpg"] = reply(b"", "302 Found", Location="https://host4.example/moved/3.jpg")
    pages["https://host4.example/moved/3.jpg"] = reply(PHOTOS[3])
    archived = "https://web.archive.org/web/20140601000000id_/http://host1.example/1.jpg"
    return {**pages, archived: reply(PHOTOS[1])}


def _digits() -> dict[str, bytes]:
    files = make_tiny_mnist().files
    return {
        f"https://mirror{number}.example/mnist/{name}.gz": reply(gzip.compress(content, mtime=0))
        for number in (1, 2)
        for name, content in files.items()
    }


WEBS: Mapping[str, Callable[[], dict[str, bytes]]] = {"faces": _faces, "digits": _digits}


class Web:
    """Everything behind the sockets.

    Attributes:
        world: counts what is asked, and takes note of what is wrong.
        turns: pass the time.
    """

    def __init__(self, world: World, turns: Turns, pages: Mapping[str, bytes]) -> None:
        self.world, self.turns, self._pages = world, turns, pages
        self._rng = random.Random(world.rng.random())  # noqa: S311  faults, not secrets
        self._asked: set[str] = set()
        self._extra: dict[str, _Page] = {}

    def resolve(self, host: str, port: int, **_: Any) -> list[Any]:  # noqa: ANN401  as socket has it
        fault = self.world.call("resolve", host)
        if fault is not None and fault.effect == "silence":
            self.turns.wait(lambda: False, self.world.time + 60)
        if fault is not None and fault.effect == "later":
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        if host == NOBODY or (fault is not None and fault.effect == "unknown"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (PRIVATE if host == HIDDEN else PUBLIC, port))]

    def answer(self, url: str) -> _Page:
        """Returns what is sent to one who asks for an address."""
        if "web.archive.org" in url and HIDDEN in url:
            self.world.wrong.append(f"the archive was asked for an address that is not public: {url}")
        fault = self.world.call("get", url)
        if url in self._extra:
            return self._extra[url]
        good = self._pages.get(url, reply(b"gone", "404 Not Found"))
        return _Page(good) if fault is None else self._bad(fault, url, good)

    def _bad(self, fault: Fault, url: str, good: bytes) -> _Page:
        """Returns what a host sends that misbehaves."""
        cut, body = int(fault.share * len(good)), good.partition(b"\r\n\r\n")[2]
        if fault.effect in ENDS:
            return _Page(good[:cut], end=ENDS[fault.effect])
        if fault.effect == "slow":
            return self._slow("{0.scheme}://{0.netloc}".format(urlsplit(url)))
        places = {"loop": url, "private": f"http://{self._rng.choice((HIDDEN, '127.0.0.1'))}/x.jpg"}
        if fault.effect in places:
            return _Page(_to(places[fault.effect]))
        changed = {
            "wrong length": _Page(reply(body[: int(fault.share * len(body))])),
            "opted out": _Page(good.replace(b"\r\n\r\n", b"\r\nX-Robots-Tag: noai\r\n\r\n", 1)),
            "drip": _Page(good, every_s=0.9),
        }
        return changed.get(fault.effect) or _Page(SENT[fault.effect]())

    def _slow(self, base: str) -> _Page:
        """Returns the first of some redirects, none of which comes at once."""
        for hop in range(4):
            self._extra[f"{base}/slow{hop}"] = _Page(_to(f"{base}/slow{hop + 1}"), every_s=4.0, block=8)
        return _Page(_to(f"{base}/slow0"), every_s=4.0, block=8)


def _to(url: str) -> bytes:
    return reply(b"", "302 Found", Location=url)


@functools.cache
def _bomb() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join([*(packer.compress(bytes(1 << 20)) for _ in range(3 * LIMIT >> 20)), packer.flush()])


ENDS = {"reset": "reset", "short": "close", "silence": "silence"}
"""What comes after a part of a reply."""

SENT: Mapping[str, Callable[[], bytes]] = {
    "garbage": lambda: bytes(range(256)),
    "page": lambda: reply(b"<!doctype html><html>moved", Content_Type="image/jpeg"),
    "other": lambda: reply(picture(99)),
    "empty": reply,
    "endless": lambda: b"HTTP/1.1 200 OK\r\n\r\n" + bytes(LIMIT + (1 << 20)),
    "bomb": lambda: reply(_bomb(), Content_Encoding="gzip"),
    "404": lambda: reply(b"no", "404 Not Found"),
    "503": lambda: reply(b"no", "503 Service Unavailable"),
    "429": lambda: reply(b"no", "429 Too Many Requests", Retry_After="7"),
}
"""What else comes in place of a reply."""


class _Socket:
    """A connection."""

    def __init__(self, web: Web, *_: object) -> None:
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

    def wrapped(self, host: str) -> "_Socket":
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

    def _answer(self) -> _Page:
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

    def __init__(self, sock: _Socket) -> None:
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:  # noqa: ANN401  as io has it
        block = self._sock.recv(len(buffer))
        buffer[: len(block)] = block
        return len(block)


def install(world: World, turns: Turns, name: str) -> None:
    """Takes the place of the network, in this process and until its end."""
    web = Web(world, turns, WEBS[name]())
    socket.getaddrinfo = web.resolve  # type: ignore[assignment]
    socket.socket = functools.partial(_Socket, web)  # type: ignore[assignment,misc]
    ssl.SSLContext.wrap_socket = lambda _, sock, *__, server_hostname="", **___: sock.wrapped(server_hostname)  # type: ignore[method-assign,assignment]
    ssl.SSLContext.load_verify_locations = lambda *_, **__: None  # type: ignore[method-assign,assignment]
    if name == "digits":
        _tiny()
    _time_addresses(web)


def _tiny() -> None:
    """Makes MNIST small, with mirrors of its own."""
    places = ("https://mirror1.example/mnist", "https://mirror2.example/mnist")
    edition = replace(make_tiny_mnist().edition, mirrors=places, mat_url=None)
    mirrors.FetchMnistConfig = functools.partial(mirrors.FetchMnistConfig, edition=edition)  # type: ignore[assignment,misc]
    digits.MNIST = edition


def _time_addresses(web: Web) -> None:
    """Takes note of addresses that took longer, with their redirects, than they may."""
    ask = Download._ask

    def timed(self: Download, task: Any, *more: Any) -> None:  # noqa: ANN401  passed on
        began = web.world.time
        ask(self, task, *more)
        task.simulated = (getattr(task, "simulated", 0.0) if task.hops else 0.0) + web.world.time - began
        allowed = ARCHIVE_DEADLINE_S if "archive" in task.wanted.url else DEADLINE_S
        if task.simulated > allowed + SLACK_S:
            web.world.wrong.append(f"{task.wanted.url} took {task.simulated:.0f} s with its redirects")

    Download._ask = timed  # type: ignore[method-assign]
