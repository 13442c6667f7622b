"""Each defence bears load: with it switched off, what it stands against happens."""

import gzip
import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rude_server import RudeServer, drip, picture, reply, reset, send

from mnistfaces import images
from mnistfaces.errors import MnistFacesError
from mnistfaces.fetching.faces.originals import Originals
from mnistfaces.fetching.web import client, download, pinned, policy
from mnistfaces.fetching.web.client import Client, ClientConfig
from mnistfaces.fetching.web.download import Download
from mnistfaces.fetching.web.failures import RequestFailed
from mnistfaces.fetching.web.hosts import Line, Wanted
from mnistfaces.fetching.web.pinned import Budget
from mnistfaces.fetching.web.policy import Host, Outcome, Rules

PHOTO = picture(1)
SHA = hashlib.sha256(PHOTO).hexdigest()
LIMIT = 1 << 16
QUICK = Rules(pause_s=0.1, retry_waits_s=(0.01, 0.01), return_s=(0.05,), read_s=0.5, least_read_s=0.5, deadline_s=2)

Check = Callable[[RudeServer, Path], None]
Switch = Callable[[pytest.MonkeyPatch], None]


def ask(server: RudeServer, path: str = "/a", seconds: float = 0.4) -> str:
    """Returns how a request ended."""
    try:
        reply_ = Client(ClientConfig(allow_private=True, read_s=3)).get(
            server.url(path), limit_bytes=LIMIT, deadline_s=seconds
        )
    except RequestFailed as failure:
        return failure.state
    return f"{len(reply_.body)} bytes"


def run(server: RudeServer, tmp_path: Path, urls: list[str], rules: Rules = QUICK) -> list[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("http_proxy", server.url(""))
        pending = Download(Client(), Originals(tmp_path / "originals").add, rules)
        units = [Wanted(url, url, SHA) for url in urls]
        return [settled.outcome.state for settled in pending.run(units, jobs=8)]


def time_is_bounded(server: RudeServer, _: Path) -> None:
    server.routes["/a"] = drip(b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n")
    began = time.monotonic()
    ask(server)
    assert time.monotonic() - began < 0.8


def bytes_are_bounded(server: RudeServer, _: Path) -> None:
    server.routes["/a"] = send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n" + b"x" * 40 * LIMIT)
    assert ask(server, seconds=5) == "too_large"


def decoded_bytes_are_bounded(server: RudeServer, _: Path) -> None:
    server.routes["/a"] = send(reply(gzip.compress(bytes(4 * LIMIT)), Content_Encoding="gzip"))
    assert ask(server, seconds=5) == "too_large"


def headers_must_be_whole(server: RudeServer, _: Path) -> None:
    server.routes["/a"] = send(b"HTTP/1.1 200 OK\r\nContent-Le")
    assert ask(server) == "truncated"


def private_addresses_are_refused(server: RudeServer, _: Path) -> None:
    server.routes["/a"] = send(reply(b"secret"))
    with pytest.raises(RequestFailed):
        Client().get(server.url("/a"), limit_bytes=LIMIT, deadline_s=1)
    assert server.connections == 0


def redirects_end(server: RudeServer, _: Path) -> None:
    server.routes["/a"] = send(reply(b"", "302 Found", Location="/a"))
    ask(server, seconds=1)
    assert server.connections <= 6


def other_bytes_are_not_kept(server: RudeServer, tmp_path: Path) -> None:
    server.routes["http://a.example/"] = send(reply(picture(2)))
    assert run(server, tmp_path, ["http://a.example/"]) == ["other_image"]
    assert not (tmp_path / "originals").exists()


def damaged_originals_are_not_read(_: RudeServer, tmp_path: Path) -> None:
    Originals(tmp_path).add(SHA, PHOTO)
    next(tmp_path.rglob("*.png")).write_bytes(picture(2))
    assert Originals(tmp_path).read(SHA) is None


def a_host_is_asked_once_at_a_time(server: RudeServer, tmp_path: Path) -> None:
    def slowly(connection: object) -> None:
        time.sleep(0.1)
        send(reply(PHOTO))(connection)  # type: ignore[arg-type]  a socket

    urls = [f"http://a.example/{number}" for number in range(4)]
    server.routes.update(dict.fromkeys(urls, slowly))
    server.most_in_flight = 0
    run(server, tmp_path, [*urls, *(f"http://b{number}.example/" for number in range(4))])
    assert server.most_in_flight == 1


def there_is_a_pause(server: RudeServer, tmp_path: Path) -> None:
    run(server, tmp_path, ["http://a.example/1", "http://a.example/2"])
    assert server.times[1] - server.times[0] > 0.09


def dead_hosts_are_left(server: RudeServer, tmp_path: Path) -> None:
    urls = [f"http://a.example/{number}" for number in range(30)]
    server.routes.update(dict.fromkeys(urls, reset()))
    run(server, tmp_path, urls, replace(QUICK, pause_s=0.0))
    assert len(server.targets) <= 6


def what_may_pass_is_tried_again(server: RudeServer, tmp_path: Path) -> None:
    server.routes["http://a.example/"] = [reset(), send(reply(PHOTO))]
    assert run(server, tmp_path, ["http://a.example/"]) == ["ok"]


def retry_after_is_honoured(server: RudeServer, tmp_path: Path) -> None:
    server.routes["http://a.example/"] = [send(reply(b"", "503 Busy", Retry_After="1")), send(reply(PHOTO))]
    run(server, tmp_path, ["http://a.example/"])
    assert server.times[1] - server.times[0] > 0.9


def opting_out_is_honoured(server: RudeServer, tmp_path: Path) -> None:
    server.routes["http://a.example/"] = send(reply(PHOTO, X_Robots_Tag="noai"))
    assert run(server, tmp_path, ["http://a.example/"]) == ["opted_out"]


def pixels_are_bounded(_: RudeServer, __: Path) -> None:
    with pytest.raises(images.Undecodable):
        images.decode(picture(1, (200, 200)), max_pixels=10_000)


def boxes_must_fit(_: RudeServer, __: Path) -> None:
    with pytest.raises(MnistFacesError):
        images.crop(images.decode(PHOTO), (30, 20, 50, 40))


def switch(target: object, name: str, value: object) -> Switch:
    return lambda patch: patch.setattr(target, name, value)


def no_metered_headers(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(pinned._MeteredResponse, "begin", lambda self: super(pinned._MeteredResponse, self).begin())


def no_busy_mark(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Line, "busy", property(lambda _: False, lambda *_: None))
    patch.setattr(download, "host_after", lambda host, *_, **__: host)


def no_hash(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(download, "judge", lambda *_: Outcome(state="ok"))
    patch.setattr(Originals, "add", lambda self, sha256, body: _keep_anything(self.folder, sha256, body))


def _keep_anything(folder: Path, sha256: str, body: bytes) -> None:
    folder.mkdir(parents=True)
    (folder / sha256).write_bytes(body)


def unverified(self: Originals, sha256: str) -> bytes:
    return self._paths[sha256].read_bytes()


def never_left(host: Host, *_: object, **__: object) -> Host:
    return host


def no_pixel_cap(patch: pytest.MonkeyPatch) -> None:
    decode = images.decode
    patch.setattr(images, "decode", lambda content, **_: decode(content))


DEFENCES: list[tuple[Check, Switch]] = [
    (time_is_bounded, switch(Budget, "seconds", lambda _, at_most: at_most)),
    (bytes_are_bounded, switch(Budget, "spend", lambda *_: None)),
    (decoded_bytes_are_bounded, switch(client, "_decoded", lambda blocks, *_: gzip.decompress(b"".join(blocks)))),
    (headers_must_be_whole, no_metered_headers),
    (private_addresses_are_refused, switch(pinned, "is_public", lambda _: True)),
    (
        redirects_end,
        switch(ClientConfig.__init__, "__kwdefaults__", {**ClientConfig.__init__.__kwdefaults__, "max_redirects": 99}),
    ),
    (other_bytes_are_not_kept, no_hash),
    (damaged_originals_are_not_read, switch(Originals, "read", unverified)),
    (a_host_is_asked_once_at_a_time, no_busy_mark),
    (there_is_a_pause, switch(download, "host_after", never_left)),
    (dead_hosts_are_left, switch(download, "host_after", never_left)),
    (what_may_pass_is_tried_again, switch(download, "wait_before_retry", lambda *_: None)),
    (retry_after_is_honoured, switch(download, "retry_after", lambda *_: None)),
    (opting_out_is_honoured, switch(policy, "opted_out", lambda _: False)),
    (pixels_are_bounded, no_pixel_cap),
    (boxes_must_fit, switch(images, "crop", lambda pixels, _: pixels)),
]


@pytest.fixture
def fresh() -> Iterator[RudeServer]:
    made = RudeServer()
    yield made
    made.close()


@pytest.mark.timed
@pytest.mark.parametrize(("check", "switch_off"), DEFENCES, ids=[check.__name__ for check, _ in DEFENCES])
def test_a_defence_holds_and_without_it_the_harm_is_done(
    server: RudeServer, fresh: RudeServer, tmp_path: Path, check: Check, switch_off: Switch
) -> None:
    check(server, tmp_path / "with")
    with pytest.MonkeyPatch.context() as patch:
        switch_off(patch)
        with pytest.raises((AssertionError, pytest.fail.Exception, RuntimeError, RequestFailed)):
            check(fresh, tmp_path / "without")
