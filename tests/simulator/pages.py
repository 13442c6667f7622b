"""What lies on the simulated webs, and the lists of faces that name some of it."""

import functools
import gzip
import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urljoin, urlsplit

import torch
from faces_web import PHOTOS, row
from rude_server import picture, reply
from tiny_mnist import make_tiny_mnist
from torchvision.models import squeezenet1_1

NOBODY, HIDDEN = "nobody.example", "hidden.example"
ARCHIVE = "https://web.archive.org/web/20140601000000id_/"
MIRRORS = ("https://mirror1.example/mnist", "https://mirror2.example/mnist")
WEIGHTS = "https://weights.example/models/tiny.pth"
LIST_URL = "http://lists.example/list.txt"


def sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


LIST = (
    row("Alec Baldwin", 1, 0),
    row("Alec Baldwin", 2, 0, "10,5,30,25"),  # two faces of one photograph
    row("Alec Baldwin", 3, 1),
    row("Bill Hader", 4, 2),
    row("Bill Hader", 5, 3),
    row("Bill Hader", 6, 4, "30,20,50,40", "https://host4.example/4.jpg"),  # leaves its image
    row("Bill Hader", 7, 5),
    row("Bill Hader", 8, 5, url=f"http://{HIDDEN}/5.jpg"),
    row("Bill Hader", 9, 5, url=f"http://{NOBODY}/5.jpg"),
    "Bill Hader\t8\t8\thttp://brok",
)

MOVED = (
    row("Alec Baldwin", 1, 0, url="http://short.example/a"),  # to https, by a path alone, to another host
    row("Alec Baldwin", 2, 1, url="http://long.example/0"),  # five redirects, as many as are followed
    row("Alec Baldwin", 3, 2, url="http://long.example/far"),  # six; the archive has it, behind a redirect
    row("Bill Hader", 4, 3, url="http://short.example/other"),  # to another photograph
    row("Bill Hader", 5, 4, url="http://short.example/inside"),  # to an address that is not public
    row("Bill Hader", 6, 5, url="http://short.example/sold"),  # to a page; the archive has it
    row("Bill Hader", 7, 3, url="http://short.example/round"),  # to itself
)
"""Rows whose photographs are somewhere else now."""

LOST = tuple(
    f"{('Alec Baldwin', 'Bill Hader')[number % 2]}\t{number}\t{number}\t{url}\t2,3,22,23\t{sha256_of(picture(number))}"
    for number, url in enumerate(
        [
            "http://gone.example/0.jpg",
            "http://gone.example/1.jpg",
            f"http://{NOBODY}/2.jpg",
            f"http://{NOBODY}/3.jpg",
            "http://parked.example/4.jpg",
            "http://parked.example/5.jpg",
            "http://alive.example/6.jpg",
            f"http://{HIDDEN}/7.jpg",
            "http://gone.example/8.jpg",
            "http://parked.example/9.jpg",
        ]
    )
)
"""Rows that the live web has lost but for one; the archive has some of them, and things that are not they."""


def redirect(url: str, status: str = "302 Found") -> bytes:
    """Returns the reply that sends one to another address."""
    return reply(b"", status, Location=url)


def _faces() -> dict[str, bytes]:
    pages = {f"http://host{photo}.example/{photo}.jpg": reply(PHOTOS[photo]) for photo in (0, 2)}
    pages["https://host4.example/4.jpg"] = reply(PHOTOS[4])
    pages["http://host1.example/1.jpg"] = reply(b"<html>for sale")
    pages["http://host3.example/3.jpg"] = redirect("https://host4.example/moved/3.jpg")
    pages["https://host4.example/moved/3.jpg"] = reply(PHOTOS[3])
    return {**pages, f"{ARCHIVE}http://host1.example/1.jpg": reply(PHOTOS[1])}


def _moved() -> dict[str, bytes]:
    steps = {f"http://long.example/{hop}": redirect(f"/{hop + 1}") for hop in range(5)}
    return {
        **steps,
        "http://long.example/5": reply(PHOTOS[1]),
        "http://long.example/far": redirect("/0", "307 Temporary Redirect"),
        "http://short.example/a": redirect("https://short.example/b", "301 Moved Permanently"),
        "https://short.example/b": redirect("/c?d=e"),
        "https://short.example/c?d=e": redirect("http://photos.example/0.jpg", "303 See Other"),
        "http://photos.example/0.jpg": reply(PHOTOS[0]),
        "http://short.example/other": redirect("http://photos.example/5.jpg", "308 Permanent Redirect"),
        "http://photos.example/5.jpg": reply(PHOTOS[5]),
        "http://short.example/inside": redirect(f"http://{HIDDEN}/4.jpg"),
        "http://short.example/sold": redirect("http://parked.example/"),
        "http://parked.example/": reply(b"<html>for sale"),
        "http://short.example/round": redirect("/round"),
        f"{ARCHIVE}http://long.example/far": redirect(f"{ARCHIVE.replace('0601', '0713')}http://long.example/far"),
        f"{ARCHIVE.replace('0601', '0713')}http://long.example/far": reply(PHOTOS[2]),
        f"{ARCHIVE}http://short.example/sold": reply(PHOTOS[5]),
    }


def _lost() -> dict[str, bytes]:
    parked = reply(b"<html>for sale", Content_Type="image/jpeg")
    archived = {f"http://gone.example/{number}.jpg": picture(number) for number in (0, 1)}
    archived |= {f"http://{NOBODY}/2.jpg": picture(2), f"http://{NOBODY}/3.jpg": picture(5)}
    archived |= {"http://parked.example/4.jpg": picture(4), "http://parked.example/5.jpg": b"<html>not in the archive"}
    return {
        LIST_URL: reply("\n".join(LOST).encode()),
        "http://alive.example/6.jpg": reply(picture(6)),
        **{f"http://parked.example/{number}.jpg": parked for number in (4, 5, 9)},
        **{f"{ARCHIVE}{url}": reply(content) for url, content in archived.items()},
    }


def _digits() -> dict[str, bytes]:
    files = make_tiny_mnist().files
    return {
        f"{mirror}/{name}.gz": reply(gzip.compress(content, mtime=0))
        for mirror in MIRRORS
        for name, content in files.items()
    }


@functools.cache
def tiny_weights() -> bytes:
    """Returns random weights of SqueezeNet, as torchvision would publish them."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        weights = squeezenet1_1().state_dict()
    file = io.BytesIO()
    torch.save(weights, file)
    return file.getvalue()


def _weights() -> dict[str, bytes]:
    return {
        WEIGHTS: redirect("https://files.example/tiny.pth"),
        "https://files.example/tiny.pth": reply(tiny_weights()),
    }


WEBS: Mapping[str, Callable[[], dict[str, bytes]]] = {
    "faces": _faces,
    "moved": _moved,
    "lost": _lost,
    "digits": _digits,
    "weights": _weights,
}

DEADLINES_S = {"web.archive.org": 60.0, "mirror1.example": 300.0, "mirror2.example": 300.0, "lists.example": 300.0}
"""Seconds that an address of a host may take with its redirects; others have PLAIN_DEADLINE_S."""

PLAIN_DEADLINE_S = 30.0


def deadline_of(url: str) -> float:
    """Returns how many seconds an address with its redirects may take."""
    return DEADLINES_S.get(urlsplit(url).hostname or "", PLAIN_DEADLINE_S)


def listed_for(pages: Mapping[str, bytes], listed: Sequence[str]) -> dict[str, str]:
    """Returns for each address that exactly one listed address leads to, which that is."""
    leads: dict[str, set[str]] = {}
    for first in listed:
        url, seen = first, set()
        while url not in seen:
            seen.add(url)
            leads.setdefault(url, set()).add(first)
            head = pages.get(url, b"").partition(b"\r\n\r\n")[0]
            target = next((line[9:].strip() for line in head.split(b"\r\n") if line.startswith(b"Location:")), b"")
            url = urljoin(url, target.decode()) if target else url
    return {url: first.pop() for url, first in leads.items() if len(first) == 1}
