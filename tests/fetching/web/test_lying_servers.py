"""Replies of a server that lies, drawn at random: each gives the body that was meant, or a failure that has a name."""

import gzip
import random
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from damage import damaged, tries
from rude_server import RudeServer, send

from mnistfaces.fetching.web.client import Client, ClientConfig
from mnistfaces.fetching.web.failures import RequestFailed
from mnistfaces.fetching.web.states import STATES

URL = "http://host.example/"
LIMIT = 4096
DEADLINE_S = 10.0
CODINGS: dict[str, Callable[[bytes], bytes]] = {"": bytes, "gzip": gzip.compress, "deflate": zlib.compress}

Meant = tuple[bytes, Callable[[bytes], bool]]
"""What the server sends before it hangs up, and whether a body is one that the client may believe."""


def nothing(_: bytes) -> bool:
    return False


def anything(_: bytes) -> bool:
    return True


def head(rng: random.Random, *fields: str) -> bytes:
    more = [f"X-{number}: {'y' * rng.randrange(30)}" for number in range(rng.randrange(4))]
    lines = [*fields, *more]
    rng.shuffle(lines)
    return "".join(f"{line}\r\n" for line in ["HTTP/1.1 200 OK", *lines, ""]).encode()


def chunked(rng: random.Random, body: bytes, wrong: Callable[[int], str] = "{:x}".format) -> bytes:
    """Returns a body in chunks, the size of one of them as `wrong` writes it."""
    cuts = sorted({0, len(body), *(rng.randrange(len(body) + 1) for _ in range(rng.randrange(4)))})
    parts = [body[start:end] for start, end in pairwise(cuts)]
    chosen = rng.randrange(len(parts))
    sizes = [wrong(len(part)) if number == chosen else f"{len(part):x}" for number, part in enumerate(parts)]
    return b"".join(size.encode() + b"\r\n" + part + b"\r\n" for size, part in zip(sizes, parts, strict=True))


def drawn(rng: random.Random, *, closed: bool) -> tuple[bytes, bytes]:
    """Returns an honest reply and its body; the end of the connection may be the end of the body."""
    body = rng.randbytes(rng.randint(1, 2000))
    coding = rng.choice([*CODINGS])
    packed = CODINGS[coding](body)
    fields = [f"Content-Encoding: {coding}"] if coding else []
    framing = rng.choice(["length", "chunked", "close"][: 3 if closed else 2])
    if framing == "length":
        return head(rng, *fields, f"Content-Length: {len(packed)}") + packed, body
    if framing == "chunked":
        return head(rng, *fields, "Transfer-Encoding: chunked") + chunked(rng, packed) + b"0\r\n\r\n", body
    return head(rng, *fields) + packed, body


def honest(rng: random.Random) -> Meant:
    sent, body = drawn(rng, closed=True)
    return sent, body.__eq__


def cut_off(rng: random.Random) -> Meant:
    sent, body = drawn(rng, closed=False)
    return sent[: rng.randrange(len(sent))], body.__eq__  # only the end of the last chunk may be missing


def wrong_length(rng: random.Random) -> Meant:
    body = rng.randbytes(rng.randint(1, 2000))
    told = rng.choice([len(body) + rng.randint(1, 10**6), rng.randrange(len(body)), 10**400, -1, -len(body)])
    whole = body if told < 0 else body[:told]  # a length that is none leaves it to the end of the connection
    return head(rng, f"Content-Length: {told}") + body, lambda found: told <= len(body) and found == whole


def lying_chunk(rng: random.Random) -> Meant:
    lie = rng.choice([
        lambda size: f"{size + rng.randint(1, 999):x}",
        lambda size: f"-{size:x}",
        lambda _: "f" * rng.randint(16, 5000),
        lambda _: "",
        lambda _: "zz",
    ])  # fmt: skip
    body = rng.randbytes(rng.randint(100, 2000))
    return head(rng, "Transfer-Encoding: chunked") + chunked(rng, body, lie) + b"0\r\n\r\n", nothing


def bomb(rng: random.Random) -> Meant:
    packed = gzip.compress(bytes(LIMIT + rng.choice([1, 10**6, 10**7])))
    return head(rng, "Content-Encoding: gzip", f"Content-Length: {len(packed)}") + packed, nothing


def too_large(rng: random.Random) -> Meant:
    body = bytes(LIMIT + rng.randint(1, 10**5))
    framing = rng.choice([[], [f"Content-Length: {len(body)}"]])
    return head(rng, *framing) + body, nothing


def broken_packing(rng: random.Random) -> Meant:
    body = rng.randbytes(rng.randint(1, 2000))
    packed = gzip.compress(body)
    end = rng.choice([len(packed) - rng.randint(9, 12), rng.randrange(len(packed))])
    wrong = rng.choice([packed[:end], packed[:-8] + bytes([packed[-8] ^ 1]) + packed[-7:]])
    return head(rng, "Content-Encoding: gzip", f"Content-Length: {len(wrong)}") + wrong, nothing


def redirect(rng: random.Random) -> Meant:
    target = rng.choice([
        URL, "", "/", "//", "?", "#", "http://", "http://[", "http://[::1", "file:///etc/passwd", "ftp://host.example/",
        "javascript:0", "http://host.example:99999/", "https://host.example/", "\u00e4", "x" * 9000, "http://\x00/",
        "http://host..example/", "http://%00/", " ", "\\\\host\\x", "data:,x", "http://user:pw@host.example/",
    ])  # fmt: skip
    status = rng.choice([301, 302, 303, 307, 308])
    return f"HTTP/1.1 {status} Away\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n".encode(), b"".__eq__


def strange_head(rng: random.Random) -> Meant:
    first = rng.choice(
        ["HTTP/1.1 200 OK", "HTTP/1.0 200", "HTTP/9.9 200 OK", "ICY 200 OK", "HTTP/1.1 2OO OK", "200", ""]
    )
    strange = [
        "Content-Length: 5\r\nContent-Length: 7", "Content-Length: 5, 5", "Content-Length: +5", "Content-Length: 0x5",
        "Content-Length: \u0665", "Transfer-Encoding: chunked, gzip", "Transfer-Encoding: chunked\r\nContent-Length: 3",
        "no colon", ": no name", " folded", "a\x00b: c", "X: " + "y" * 70_000,
        "\r\n".join(f"X{n}: y" for n in range(200)),
        "Content-Encoding: br", "Content-Encoding: gzip, gzip", "Content-Type: \x1b[2J", "Set-Cookie: a=\xff",
    ]  # fmt: skip
    lines = [first, *rng.sample(strange, rng.randint(1, 3))]
    return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + rng.randbytes(5), anything


KINDS = (honest, cut_off, wrong_length, lying_chunk, bomb, too_large, broken_packing, redirect, strange_head)


def ask_often(web: RudeServer, generators: Iterator[random.Random]) -> Counter[str]:
    """Gets one reply after the other; returns how they ended."""
    client, ends = Client(ClientConfig()), Counter[str]()
    for number, rng in enumerate(generators):
        kind = KINDS[number % len(KINDS)]
        sent, may_be = kind(rng)
        if rng.random() < 0.3:
            sent, may_be = damaged(sent, rng), anything
        web.routes[URL] = send(sent)
        began = time.monotonic()
        try:
            reply = client.get(URL, limit_bytes=LIMIT, deadline_s=DEADLINE_S)
        except RequestFailed as failure:
            assert failure.state in STATES  # noqa: PT017  either outcome is right
            assert kind is not honest or may_be is anything, sent
            ends[failure.state] += 1
        else:
            assert len(reply.body) <= LIMIT
            assert reply.status not in range(200, 300) or may_be(reply.body), (kind.__name__, sent, reply)
            ends[str(reply.status)] += 1
        assert time.monotonic() - began < DEADLINE_S + 5
    return ends


@pytest.mark.parametrize("usual", [120, pytest.param(20_000, marks=pytest.mark.long)])
def test_a_reply_is_what_was_meant_or_a_failure_that_has_a_name(
    proxied: RudeServer, monkeypatch: pytest.MonkeyPatch, usual: int
) -> None:
    monkeypatch.setenv("https_proxy", proxied.url(""))
    print(ask_often(proxied, tries(usual)))  # noqa: T201  the tier's record
