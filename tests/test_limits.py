"""Every limit lets pass what is as large as it says, and nothing that is larger by one."""

import gzip
import math
import re
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import typer
from rude_server import RudeServer, picture, reply, send

from mnistfaces import arrays, images
from mnistfaces.cli import _lists, _workers
from mnistfaces.config import MOST_TRIALS, SplitConfig, TrainConfig
from mnistfaces.config.checks import MOST, MOST_HIDDEN
from mnistfaces.datasets import duplicates, matfile
from mnistfaces.datasets.layouts import idx, rows
from mnistfaces.datasets.variants import Variant
from mnistfaces.errors import MnistFacesError, UsageError
from mnistfaces.evaluation import csv_lines
from mnistfaces.experiments import trials
from mnistfaces.experiments.trials import Cell, Grid
from mnistfaces.fetching.faces.fetch import LARGEST_RES, FacesRequest
from mnistfaces.fetching.web.client import Client, ClientConfig
from mnistfaces.fetching.web.download import Download
from mnistfaces.fetching.web.hosts import Wanted
from mnistfaces.fetching.web.pinned import FRAMING, Budget
from mnistfaces.fetching.web.policy import Rules
from mnistfaces.fetching.web.urls import MAX_URL, host_of
from mnistfaces.files.schema import LARGEST, NAME_BYTES, FileName, problem_of
from mnistfaces.landscape.pair import MOST_POINTS, Axis, check_points

Case = Callable[[int, Path, pytest.MonkeyPatch], object]
"""Does what is `more` (0 or 1) beyond a limit; raises, or returns something false, where that is refused."""


def body(more: int, *_: object) -> object:
    return len(got(b"x" * 99, 99 - more, "get")) == 99


def packed_body(more: int, *_: object) -> object:
    return len(got(gzip.compress(bytes(9999)), 9999 - more, "get", Content_Encoding="gzip")) == 9999


def streamed_body(more: int, *_: object) -> object:
    return len(got(b"x" * 99, 99 - more, "stream")) == 99


def got(content: bytes, limit: int, way: str, **headers: str) -> bytes:
    server = RudeServer()
    server.routes["/a"] = send(reply(content, **headers))
    client = Client(ClientConfig(allow_private=True))
    try:
        if way == "get":
            return client.get(server.url("/a"), limit_bytes=limit, deadline_s=9).body
        return b"".join(client.stream(server.url("/a"), limit_bytes=limit, deadline_s=9))
    finally:
        server.close()


def redirects_of_a_reply(more: int, *_: object) -> object:
    return at_the_end_of_redirects(more, lambda client, url: client.get(url, limit_bytes=99, deadline_s=9).body)


def redirects_of_a_stream(more: int, *_: object) -> object:
    return at_the_end_of_redirects(more, lambda client, url: [*client.stream(url, limit_bytes=99, deadline_s=9)])


def redirects_of_a_download(more: int, *_: object) -> object:
    def state(client: Client, url: str) -> object:
        rules = Rules(pause_s=0, max_redirects=client.config.max_redirects, retry_waits_s=())
        (settled,) = Download(client, lambda *_: None, rules).run([Wanted("a", url, "0" * 64)], jobs=1)
        return settled.outcome.state == "not_image"  # it came, and has another SHA-256

    return at_the_end_of_redirects(more, state)


def at_the_end_of_redirects(more: int, ask: Callable[[Client, str], object]) -> object:
    server, most = RudeServer(), 3
    for number in range(most + more):
        server.routes[f"/{number}"] = send(reply(b"", "302 Found", Location=f"/{number + 1}"))
    server.routes[f"/{most + more}"] = send(reply(b"there"))
    try:
        return ask(Client(ClientConfig(allow_private=True, max_redirects=most)), server.url("/0"))
    finally:
        server.close()


def budget(more: int, *_: object) -> object:
    Budget(seconds=9, limit_bytes=10).spend(10 + FRAMING + more)
    return True


def url(more: int, *_: object) -> object:
    return host_of("http://a/" + "x" * (MAX_URL + more - len("http://a/")))


def pixels(more: int, *_: object) -> object:
    return images.decode(picture(1, (7, 6)), max_pixels=42 - more).size


def unpacked_arrays(more: int, folder: Path, patch: pytest.MonkeyPatch) -> object:
    path = folder / "a.npz"
    arrays.write_npz(path, {"a": np.zeros(10_000, np.uint8)}, compressed=True)
    patch.setattr(arrays, "INFLATED_RATIO", 0)
    patch.setattr(arrays, "INFLATED_FREE", 10_000 + 128 - more)  # with the header of the array
    return arrays.read_npz(path)


def unpacked_rows(more: int, folder: Path, patch: pytest.MonkeyPatch) -> object:
    (folder / "a.csv").write_text("a,b\n1,2\n3,4\n")
    patch.setattr(rows, "INFLATED_RATIO", 0)
    patch.setattr(rows, "INFLATED_FREE", 15 - more)  # five for each row
    return list(rows.read_rows(folder / "a.csv")[1])


def matlab_file(more: int, folder: Path, patch: pytest.MonkeyPatch) -> object:
    scipy.io.savemat(folder / "a.mat", {"a": np.ones(3)})
    patch.setattr(matfile, "SIZE_LIMIT", (folder / "a.mat").stat().st_size - more)
    return matfile.read_mat(folder / "a.mat", ["a"])


def idx_file(more: int, folder: Path, patch: pytest.MonkeyPatch) -> object:
    (folder / "a").write_bytes(gzip.compress(idx.BYTES + b"\x01" + struct.pack(">I", 9999) + bytes(9999)))
    patch.setattr(idx, "MOST_BYTES", 9999 + 8 - more)
    return len(idx.read_idx(folder / "a"))


def table_of_answers(more: int, folder: Path, patch: pytest.MonkeyPatch) -> object:
    (folder / "a.csv").write_bytes(b"x" * 10)
    patch.setattr(csv_lines, "MOST_BYTES", 10 - more)
    return csv_lines.read_text(folder / "a.csv")


def points_of_an_axis(more: int, *_: object) -> object:
    return len(Axis(0, MOST_POINTS + more, 1))


def points_of_a_surface(more: int, *_: object) -> object:
    side = math.isqrt(MOST_POINTS)
    check_points(Axis(0, side + more, 1), Axis(0, side, 1))
    return True


def crops_of_one_photograph(more: int, *_: object) -> object:
    noise = np.random.default_rng(1).integers(0, 256, (2, 32, 32)).astype(np.uint8)
    return duplicates.near_duplicates(noise, [0, 2 ** (duplicates.SAME_PHOTO_BITS + more) - 1])


def epochs(more: int, *_: object) -> object:
    return TrainConfig(epochs=MOST + more)


def hidden(more: int, *_: object) -> object:
    return TrainConfig(model="mlp", hidden=MOST_HIDDEN + more)


def values_of_a_list(more: int, _: Path, patch: pytest.MonkeyPatch) -> object:
    patch.setattr(_lists, "MOST_TRIALS", 5)
    return _lists.read_integers([f"lin:1:{5 + more}:{5 + more}"], "--epochs")


def trials_of_a_sweep(more: int, _: Path, patch: pytest.MonkeyPatch) -> object:
    patch.setattr(trials, "MOST_TRIALS", 6)
    return Grid(cells=(Cell(training=TrainConfig(), split=SplitConfig()),), seeds=tuple(range(6 + more)))


def folds_of_a_sweep(more: int, _: Path, patch: pytest.MonkeyPatch) -> object:
    patch.setattr(trials, "MOST_TRIALS", 6)
    return Grid(cells=(Cell(training=TrainConfig(), split=SplitConfig(folds=6 + more)),))


def shards(more: int, *_: object) -> object:
    return _workers.read_shard(f"1/{MOST_TRIALS + more}")


def resolution(more: int, *_: object) -> object:
    return FacesRequest(variants=(Variant(LARGEST_RES + more, color=False),))


def least_asked_of_a_fetch(more: int, *_: object) -> object:
    return FacesRequest(jobs=1 - more) and FacesRequest(limit=1) and FacesRequest(archive_interval_s=0)


def whole_number(more: int, *_: object) -> object:
    return problem_of(LARGEST - 1 + more, int) is None


def name(more: int, *_: object) -> object:
    return problem_of("x" * (NAME_BYTES + more), FileName) is None


CASES: tuple[Case, ...] = (
    body,
    packed_body,
    streamed_body,
    redirects_of_a_reply,
    redirects_of_a_stream,
    redirects_of_a_download,
    budget,
    url,
    pixels,
    unpacked_arrays,
    unpacked_rows,
    matlab_file,
    idx_file,
    table_of_answers,
    points_of_an_axis,
    points_of_a_surface,
    crops_of_one_photograph,
    epochs,
    hidden,
    values_of_a_list,
    trials_of_a_sweep,
    folds_of_a_sweep,
    shards,
    resolution,
    least_asked_of_a_fetch,
    whole_number,
    name,
)


@pytest.mark.parametrize("case", CASES, ids=[case.__name__ for case in CASES])
def test_a_limit_is_where_it_says(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    assert case(0, tmp_path, monkeypatch)
    try:
        passed = bool(case(1, tmp_path, monkeypatch))
    except (MnistFacesError, typer.BadParameter) as error:
        assert "\n" not in str(error)  # noqa: PT017  either way of refusing is right
        passed = False
    assert not passed


def test_the_largest_surface_is_as_large_as_the_refusal_says() -> None:
    with pytest.raises(UsageError) as of_axis:
        Axis(0, MOST_POINTS + 1, 1)
    with pytest.raises(UsageError) as of_surface:
        check_points(Axis(0, MOST_POINTS, 1), Axis(0, 2, 1))
    for refused in (of_axis, of_surface):
        words = re.search(r"more than 10\^(\d+)", str(refused.value))
        assert words is not None
        assert 10 ** int(words[1]) == MOST_POINTS
