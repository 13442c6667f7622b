import hashlib
import socket
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from rude_server import RudeServer, picture, reply, reset, send, silence

from mnistfaces.errors import FileError
from mnistfaces.fetching.faces.originals import Originals
from mnistfaces.fetching.web.client import Client, ClientConfig, Reply
from mnistfaces.fetching.web.download import Download
from mnistfaces.fetching.web.hosts import Settled, Wanted
from mnistfaces.fetching.web.policy import Rules

QUICK = Rules(
    pause_s=0.02, retry_waits_s=(0.05, 0.1), return_s=(0.1, 0.2, 0.3), read_s=0.3, least_read_s=0.2, deadline_s=1
)
PHOTO = picture(1)
SHA = hashlib.sha256(PHOTO).hexdigest()
GONE = send(reply(b"", "404 Not Found"))
HERE = send(reply(PHOTO))


def unit(url: str, sha256: str = SHA) -> Wanted:
    return Wanted(url, url, sha256)


def run(tmp_path: Path, urls: list[str], rules: Rules = QUICK, **answered: list[str]) -> dict[str, Settled]:
    pending = Download(Client(ClientConfig(read_s=1)), Originals(tmp_path).add, rules, **answered)
    return {settled.wanted.url: settled for settled in pending.run([unit(url) for url in urls], jobs=16)}


def states(settled: dict[str, Settled]) -> list[str]:
    return [one.outcome.state for one in settled.values()]


def test_only_the_listed_bytes_enter_the_tree(proxied: RudeServer, tmp_path: Path) -> None:
    proxied.routes["http://a.example/good"] = HERE
    proxied.routes["http://b.example/changed"] = send(reply(picture(2)))
    proxied.routes["http://c.example/page"] = send(reply(b"<html>for sale"))
    found = run(tmp_path, ["http://a.example/good", "http://b.example/changed", "http://c.example/page"])
    assert {url: one.outcome.state for url, one in found.items()} == {
        "http://a.example/good": "ok",
        "http://b.example/changed": "other_image",
        "http://c.example/page": "html",
    }
    assert [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()] == [PHOTO]


def test_a_host_is_asked_one_thing_at_a_time_with_a_pause_between(proxied: RudeServer, tmp_path: Path) -> None:
    urls = [f"http://{host}.example:{port}/{number}" for host in "abc" for port in (80, 81) for number in range(4)]
    run(tmp_path, urls, replace(QUICK, pause_s=0.1))
    for host in "abc":
        times = [
            when for when, target in zip(proxied.times, proxied.targets, strict=True) if f"{host}.example" in target
        ]
        assert len(times) == 8
        assert min(late - early for early, late in pairwise(times)) > 0.09
    assert proxied.times[-1] - proxied.times[0] < 3 * 7 * 0.1  # the hosts did not wait for one another


def test_404_is_asked_once_and_what_may_pass_three_times(proxied: RudeServer, tmp_path: Path) -> None:
    proxied.routes["http://a.example/1"] = GONE
    proxied.routes["http://b.example/1"] = send(reply(b"", "503 Busy"))
    proxied.routes["http://c.example/1"] = [reset(), send(reply(PHOTO)[:-9]), HERE]
    found = run(tmp_path, [f"http://{host}.example/1" for host in "abc"])
    assert {url: (one.outcome.state, one.tries) for url, one in found.items()} == {
        "http://a.example/1": ("http_error", 1),
        "http://b.example/1": ("http_error", 3),
        "http://c.example/1": ("ok", 3),
    }


def test_retry_after_is_waited_for_by_the_whole_host(proxied: RudeServer, tmp_path: Path) -> None:
    proxied.routes["http://a.example/1"] = [send(reply(b"", "429 Slow down", Retry_After="1")), HERE]
    found = run(tmp_path, ["http://a.example/1", "http://a.example/2"])
    assert found["http://a.example/1"].outcome.state == "ok"
    assert proxied.times[1] - proxied.times[0] > 0.95


@pytest.mark.timed
def test_a_retry_after_of_more_than_two_minutes_is_not_waited_for(proxied: RudeServer, tmp_path: Path) -> None:
    proxied.routes["http://a.example/1"] = send(reply(b"", "503 Busy", Retry_After="121"))
    began = time.monotonic()
    found = run(tmp_path, ["http://a.example/1", "http://a.example/2"])
    assert states(found) == ["http_error", "host_left"]
    assert time.monotonic() - began < 1
    assert len(proxied.targets) == 1


def test_a_dead_host_is_left_and_asked_six_times_at_most(proxied: RudeServer, tmp_path: Path) -> None:
    urls = [f"http://dead.example/{number}" for number in range(50)]
    proxied.routes.update({url: reset() for url in urls})
    found = run(tmp_path, urls)
    assert len(proxied.targets) == 6
    assert sorted(states(found)) == ["host_left"] * 44 + ["reset"] * 6


def test_a_host_that_fails_for_some_addresses_gives_the_others_all_the_same(
    proxied: RudeServer, tmp_path: Path
) -> None:
    urls = [f"http://mixed.example/{number}" for number in range(8)]
    proxied.routes.update({url: reset() for url in urls[:5]})
    proxied.routes.update(dict.fromkeys(urls[5:], HERE))
    assert states(run(tmp_path, urls)).count("ok") == 3


@pytest.mark.timed
def test_a_silent_host_holds_up_nobody_else(proxied: RudeServer, tmp_path: Path) -> None:
    slow = [f"http://silent.example/{number}" for number in range(3)]
    quick = [f"http://host{number}.example/1" for number in range(30)]
    proxied.routes.update({url: silence() for url in slow})
    proxied.routes.update(dict.fromkeys(quick, HERE))
    began = time.monotonic()
    found = run(tmp_path, slow + quick)
    assert list(found)[:30] != slow
    assert [found[url].outcome.state for url in slow] == ["timeout"] * 3
    assert time.monotonic() - began < 3


def test_a_redirect_waits_for_its_turn_at_the_other_host(proxied: RudeServer, tmp_path: Path) -> None:
    for number in range(5):
        moved = send(reply(b"", "302 Found", Location=f"http://cdn.example/{number}"))
        proxied.routes[f"http://host{number}.example/"] = moved
        proxied.routes[f"http://cdn.example/{number}"] = HERE
    found = run(tmp_path, [f"http://host{number}.example/" for number in range(5)], replace(QUICK, pause_s=0.1))
    times = [when for when, target in zip(proxied.times, proxied.targets, strict=True) if "cdn" in target]
    assert states(found) == ["ok"] * 5
    assert min(late - early for early, late in pairwise(times)) > 0.09


def test_a_redirect_loop_ends(proxied: RudeServer, tmp_path: Path) -> None:
    proxied.routes["http://a.example/"] = send(reply(b"", "302 Found", Location="http://b.example/"))
    proxied.routes["http://b.example/"] = send(reply(b"", "302 Found", Location="http://a.example/"))
    assert states(run(tmp_path, ["http://a.example/"])) == ["redirects"]
    assert len(proxied.targets) == QUICK.max_redirects + 1


def test_a_url_that_cannot_be_asked_for_is_settled_without_a_request(proxied: RudeServer, tmp_path: Path) -> None:
    assert states(run(tmp_path, ["ftp://a.example/1", "http://[::1"])) == ["bad_url", "bad_url"]
    assert proxied.connections == 0


def test_an_archive_that_refuses_ends_the_rest(tmp_path: Path) -> None:
    rules = replace(QUICK, refusal_ends=True, abandoned="not_tried")
    pending = Download(Client(ClientConfig(allow_private=True)), Originals(tmp_path).add, rules)
    urls = [f"http://127.0.0.1:1/{number}" for number in range(9)]
    found = [settled.outcome.state for settled in pending.run([unit(url) for url in urls], jobs=1)]
    assert found == ["refused"] + ["not_tried"] * 8


def test_a_disk_that_refuses_is_one_error(proxied: RudeServer, tmp_path: Path) -> None:
    proxied.routes["http://a.example/1"] = HERE
    (tmp_path / SHA[:2]).write_text("a file where a folder should be")
    with pytest.raises(FileError, match="cannot write"):
        run(tmp_path, ["http://a.example/1"])


def test_other_bytes_are_refused_by_the_tree_itself(tmp_path: Path) -> None:
    tree = Originals(tmp_path)
    with pytest.raises(FileError, match="SHA-256"):
        tree.add(SHA, PHOTO + b"\0")
    assert list(tmp_path.iterdir()) == []


def test_a_photograph_that_was_damaged_on_the_disk_is_removed_unread(tmp_path: Path) -> None:
    Originals(tmp_path).add(SHA, PHOTO)
    tree = Originals(tmp_path)
    assert tree.read(SHA) == PHOTO
    (path,) = (path for path in tmp_path.rglob("*.png"))
    path.write_bytes(PHOTO[:-1])
    assert tree.read(SHA) is None
    assert SHA not in tree
    assert not path.exists()


def test_the_time_of_a_url_is_counted_over_its_redirects(proxied: RudeServer, tmp_path: Path) -> None:
    def slowly(connection: socket.socket) -> None:
        time.sleep(0.3)
        connection.sendall(reply(b"", "302 Found", Location=f"http://host{len(proxied.targets)}.example/"))

    for number in range(9):
        proxied.routes[f"http://host{number}.example/"] = slowly
    rules = replace(QUICK, deadline_s=0.7, read_s=9, least_read_s=9, retry_waits_s=(), max_redirects=8)  # no silence
    (found,) = run(tmp_path, ["http://host0.example/"], rules).values()
    assert found.outcome.state == "timeout"
    assert len(proxied.targets) < 6


def test_after_a_redirect_only_the_rest_of_the_time_is_left(
    proxied: RudeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxied.routes["http://a.example/"] = send(reply(b"", "302 Found", Location="http://b.example/"))
    left, real = [], Client.get_once

    def get_once(client: Client, url: str, *, deadline_s: float, **options: Any) -> Reply:  # noqa: ANN401  as it is
        left.append(deadline_s)
        return real(client, url, deadline_s=deadline_s, **options)

    monkeypatch.setattr(Client, "get_once", get_once)
    assert states(run(tmp_path, ["http://a.example/"])) == ["http_error"]
    assert QUICK.deadline_s == left[0] > left[1]
