"""A web of a few hosts, the list that names its photographs, and a pass over it in one process."""

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

from rude_server import RudeServer, picture, reply, reset, send

from mnistfaces.datasets.variants import Variant
from mnistfaces.fetching.faces import sources
from mnistfaces.fetching.faces.fetch import FacesRequest, Finished, fetch_faces
from mnistfaces.fetching.web.states import STATES
from mnistfaces.progress import Note

PHOTOS = [picture(number) for number in range(6)]
SHAS = [hashlib.sha256(photo).hexdigest() for photo in PHOTOS]
GRAY, COLOR = Variant(16, color=False), Variant(20, color=True)


def row(name: str, number: int, photo: int, box: str = "2,3,22,23", url: str = "") -> str:
    url = url or f"http://host{photo}.example/{photo}.jpg"
    return f"{name}\t{number}\t{number}\t{url}\t{box}\t{SHAS[photo]}"


LIST = "\n".join(
    [
        row("Alec Baldwin", 1, 0),
        row("Alec Baldwin", 2, 0, "10,5,30,25"),  # two faces of one photograph
        row("Alec Baldwin", 3, 1),
        row("Bill Hader", 4, 2),
        row("Bill Hader", 5, 3),
        row("Bill Hader", 6, 4, "30,20,50,40"),  # leaves its image
        row("Bill Hader", 7, 5),
        "Bill Hader\t8\t8\thttp://brok",
    ],
)


def make_web(proxied: RudeServer, tmp_path: Path) -> RudeServer:
    """Writes the list, and serves three of its photographs, a page, a drop, and an archived copy."""
    (tmp_path / "list.txt").write_text(LIST)
    for photo in (0, 2, 4):
        proxied.routes[f"http://host{photo}.example/{photo}.jpg"] = send(reply(PHOTOS[photo]))
    proxied.routes["http://host1.example/1.jpg"] = send(reply(b"<html>for sale"))
    proxied.routes["http://host5.example/5.jpg"] = reset()
    archived = f"http://archive.example/web/{sources.ARCHIVE_TIME}id_/http://host1.example/1.jpg"
    proxied.routes[archived] = send(reply(PHOTOS[1]))
    return proxied


def fetch(tmp_path: Path, **wanted: Any) -> Finished:  # noqa: ANN401  fields of FacesRequest
    return follow(tmp_path, **wanted)[1]


def follow(tmp_path: Path, **wanted: Any) -> tuple[list[str], Finished]:  # noqa: ANN401  likewise
    asked = {
        "lists": (str(tmp_path / "list.txt"),),
        "variants": (GRAY,),
        "archive_url": "http://archive.example/web/",
        "archive_interval_s": 0.0,
    }
    events = list(fetch_faces(tmp_path / "data", FacesRequest(**{**asked, **wanted})))
    assert isinstance(events[-1], Finished)
    return [event.message for event in events if isinstance(event, Note)], events[-1]


def states(finished: Finished) -> dict[str, int]:
    counts = Counter({state: sum(row[state] for row in finished.counts) for state in STATES})
    return {state: count for state, count in counts.items() if count}
