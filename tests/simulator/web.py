"""A web of its own: names, addresses, sockets and pages in memory, in the simulated time.

What a host answers is told by `pages`; a fault makes of one reply what a misbehaving host would send. The web takes
note of what no program may do: connect to an address that is not public, ask the archive for one, or go on with an
address when its time is over.
"""

import functools
import random
import socket
import ssl
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from rude_server import picture, reply
from tiny_mnist import make_tiny_mnist

from mnistfaces.datasets import digits
from mnistfaces.features import published
from mnistfaces.fetching import weights
from mnistfaces.fetching.mnist import mirrors
from mnistfaces.fetching.web.client import Client, Reply
from mnistfaces.fetching.web.download import Download
from simulator.clock import Turns
from simulator.faults import Fault
from simulator.pages import (
    HIDDEN,
    MIRRORS,
    NOBODY,
    PLAIN_DEADLINE_S,
    WEBS,
    WEIGHTS,
    deadline_of,
    redirect,
    sha256_of,
    tiny_weights,
)
from simulator.sockets import PUBLIC, Page, Socket
from simulator.world import World

PRIVATE = "10.0.0.7"
LIMIT = 16 << 20
"""Bytes of a photograph that the program is to take at most."""

SLACK_S = 7.0
"""Seconds that may be on top of a deadline: what is under way when it comes, and its end."""

SLOW_HOPS, EVERY_S = 4, 4.0
"""Redirects of a host that is slow, each within the time that all have together; and seconds between its bytes, less
than any silence that the program does not wait out."""


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
        self._extra: dict[str, Page] = {}

    def resolve(self, host: str, port: int, **_: Any) -> list[Any]:  # noqa: ANN401  as socket has it
        fault = self.world.call("resolve", host)
        if fault is not None and fault.effect == "silence":
            self.turns.wait(lambda: False, self.world.time + 60)
        if fault is not None and fault.effect == "later":
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        if host == NOBODY or (fault is not None and fault.effect == "unknown"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (PRIVATE if host == HIDDEN else PUBLIC, port))]

    def answer(self, url: str) -> Page:
        """Returns what is sent to one who asks for an address."""
        if "web.archive.org" in url and HIDDEN in url:
            self.world.wrong.append(f"the archive was asked for an address that is not public: {url}")
        fault = self.world.call("get", url)
        if url in self._extra:
            return self._extra[url]
        good = self._pages.get(url, reply(b"gone", "404 Not Found"))
        return Page(good) if fault is None else self._bad(fault, url, good)

    def _bad(self, fault: Fault, url: str, good: bytes) -> Page:
        """Returns what a host sends that misbehaves."""
        cut, body = int(fault.share * len(good)), good.partition(b"\r\n\r\n")[2]
        if fault.effect in ENDS:
            return Page(good[:cut], end=ENDS[fault.effect])
        if fault.effect == "slow":
            return self._slow(url)
        if fault.effect == "wrong length" and url.endswith(".txt"):
            return Page(good[:cut])  # whoever has no hash cannot know a list that ends early from a shorter one
        if fault.effect == "loop":
            return self._extra.setdefault(url, Page(redirect(url)))
        places = {"private": f"http://{self._rng.choice((HIDDEN, '127.0.0.1'))}/x.jpg"}
        if fault.effect in places:
            return Page(redirect(places[fault.effect]))
        changed = {
            "wrong length": Page(reply(body[: int(fault.share * len(body))])),
            "opted out": Page(reply(body, X_Robots_Tag="noai")),
            "drip": Page(good, every_s=0.9),
        }
        return changed.get(fault.effect) or Page(SENT[fault.effect]())

    def _slow(self, url: str) -> Page:
        """Returns the first of some redirects, each of which takes most of the time that all have together."""
        base = "{0.scheme}://{0.netloc}".format(urlsplit(url))
        blocks = int(0.7 * deadline_of(url) / EVERY_S)

        def hop(number: int) -> Page:
            content = redirect(f"{base}/slow{number}")
            return Page(content, every_s=EVERY_S, block=-(-len(content) // blocks))

        self._extra.update((f"{base}/slow{number}", hop(number + 1)) for number in range(SLOW_HOPS))
        return hop(0)


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


def install(world: World, turns: Turns, name: str) -> None:
    """Takes the place of the network, in this process and until its end."""
    web = Web(world, turns, WEBS[name]())
    socket.getaddrinfo = web.resolve  # type: ignore[assignment]
    socket.socket = functools.partial(Socket, web)  # type: ignore[assignment,misc]
    ssl.SSLContext.wrap_socket = lambda _, sock, *__, server_hostname="", **___: sock.wrapped(server_hostname)  # type: ignore[method-assign,assignment]
    ssl.SSLContext.load_verify_locations = lambda *_, **__: None  # type: ignore[method-assign,assignment]
    edition = replace(make_tiny_mnist().edition, mirrors=MIRRORS, mat_url=None)
    mirrors.FetchMnistConfig = functools.partial(mirrors.FetchMnistConfig, edition=edition)  # type: ignore[assignment,misc]
    digits.MNIST = edition
    if name == "weights":
        _publish(tiny_weights())
    _time_addresses(web)


def _publish(content: bytes) -> None:
    """Makes some bytes the published weights of SqueezeNet."""
    known = published.BACKBONES["squeezenet1_1"]
    assert known is not None
    file = weights.PublishedWeights(url=WEIGHTS, sha256=sha256_of(content), size=len(content))
    published.BACKBONES = {**published.BACKBONES, "squeezenet1_1": replace(known, weights=file)}
    weights.DEADLINE_S = PLAIN_DEADLINE_S


def _time_addresses(web: Web) -> None:
    """Takes note of addresses that took longer, with their redirects, than they may."""
    ask, get, stream = Download._ask, Client.get, Client.stream

    def check(url: str, seconds: float, allowed_s: float) -> None:
        if seconds > allowed_s + SLACK_S:
            web.world.wrong.append(f"{url} took {seconds:.0f} s with its redirects")

    def timed_ask(self: Download, task: Any, *more: Any) -> None:  # noqa: ANN401  passed on
        began = web.world.time
        ask(self, task, *more)
        task.simulated = (getattr(task, "simulated", 0.0) if task.hops else 0.0) + web.world.time - began
        check(task.wanted.url, task.simulated, deadline_of(task.wanted.url))

    def timed_get(self: Client, url: str, *, limit_bytes: int, deadline_s: float) -> Reply:
        began = web.world.time
        try:
            return get(self, url, limit_bytes=limit_bytes, deadline_s=deadline_s)
        finally:
            check(url, web.world.time - began, deadline_s)

    def timed_stream(self: Client, url: str, *, limit_bytes: int, deadline_s: float) -> Iterator[bytes]:
        began = web.world.time
        try:
            yield from stream(self, url, limit_bytes=limit_bytes, deadline_s=deadline_s)
        finally:
            check(url, web.world.time - began, deadline_s)

    Download._ask = timed_ask  # type: ignore[method-assign]
    Client.get, Client.stream = timed_get, timed_stream  # type: ignore[method-assign]
