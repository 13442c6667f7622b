"""Fashion-MNIST and Kuzushiji-MNIST: published pins, and files of their shape under pins of our own."""

import gzip
import hashlib
import re
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torchvision.datasets
from rude_server import RudeServer, reply, send
from tiny_mnist import idx_files

from mnistfaces.datasets import NAMES, load_dataset
from mnistfaces.datasets.cache import CACHE
from mnistfaces.datasets.digits import IDX_FILES, Edition
from mnistfaces.datasets.fashion import FASHION
from mnistfaces.datasets.kuzushiji import KUZUSHIJI
from mnistfaces.errors import DataError, FetchError, FileError
from mnistfaces.fetching.mnist.fetch import FetchedMnist, fetch_mnist
from mnistfaces.fetching.mnist.mirrors import FetchMnistConfig
from mnistfaces.progress import Note

PEERS = {"fashion": torchvision.datasets.FashionMNIST, "kuzushiji": torchvision.datasets.KMNIST}
EDITIONS = [FASHION, KUZUSHIJI]


@pytest.fixture(scope="module")
def packed() -> dict[str, bytes]:
    return {name: gzip.compress(content, 1) for name, content in idx_files().items()}


def pinned(edition: Edition, packed: dict[str, bytes], **more: object) -> Edition:
    pins = {name: (len(content), hashlib.sha256(content).hexdigest()) for name, content in packed.items()}
    return replace(edition, packed=pins, mirrors=(), **more)  # type: ignore[arg-type]


def serve(server: RudeServer, packed: dict[str, bytes]) -> str:
    for name, content in packed.items():
        server.routes[f"/set/{name}.gz"] = send(reply(content))
    return server.url("/set/")


def fetch(folder: Path, edition: Edition, source: str) -> tuple[list[str], FetchedMnist]:
    *events, row = fetch_mnist(folder, FetchMnistConfig(source=source, edition=edition, allow_private=True))
    assert isinstance(row, FetchedMnist)
    return [event.message for event in events if isinstance(event, Note)], row


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda edition: edition.word)
def test_addresses_names_and_classes_are_those_of_torchvision(edition: Edition) -> None:
    peer = PEERS[edition.word]
    assert list(edition.classes) == peer.classes
    assert edition.mirrors[0] == peer.mirrors[0]
    assert {f"{name}.gz" for name in edition.packed} == {name for name, _ in peer.resources}
    assert tuple(edition.packed) == IDX_FILES
    assert all(re.fullmatch("[0-9a-f]{64}", sha256) for _, sha256 in edition.packed.values())
    assert (edition.count("train"), edition.count("test")) == (60_000, 10_000)
    assert NAMES[edition.word] == "digits"


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda edition: edition.word)
def test_a_set_is_fetched_verified_and_opened_by_its_name(
    server: RudeServer, tmp_path: Path, packed: dict[str, bytes], edition: Edition
) -> None:
    url = serve(server, packed)
    told, row = fetch(tmp_path, pinned(edition, packed), url)
    assert told == [f"got {url}{name}" for name in IDX_FILES]
    assert (row.source, row.train_n, row.test_n) == (url, 60_000, 10_000)
    assert Path(row.path) == tmp_path / f"{edition.word}.npz"
    data = load_dataset(edition.word, data_dir=tmp_path)
    assert (data.name, data.classes, data.shape) == (edition.word, edition.classes, (28, 28))
    assert np.array_equal(data.inputs[:, 0], data.labels)
    numbers = data.inputs[:, 1:5].copy().view(">u4").ravel()
    for label in range(10):  # in the order of the files
        assert (np.diff(numbers[(data.labels == label) & ~data.given_test]) > 0).all()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [CACHE, f"{edition.word}.json", f"{edition.word}.npz", f"{edition.word}-order.npz"]
    )
    server.close()
    assert fetch(tmp_path, pinned(edition, packed), url) == ([], row)


def flipped(content: bytes) -> bytes:
    return content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]


@pytest.mark.parametrize("name", IDX_FILES)
def test_a_wrong_byte_is_refused_and_nothing_is_kept(
    server: RudeServer, tmp_path: Path, packed: dict[str, bytes], name: str
) -> None:
    url = serve(server, {**packed, name: flipped(packed[name])})
    with pytest.raises(FetchError, match=rf"{name}\.gz is not Fashion-MNIST's: .* expected"):
        fetch(tmp_path, pinned(FASHION, packed), url)
    assert not (tmp_path / "fashion.npz").exists()
    with pytest.raises(DataError, match="mnf fetch fashion"):
        load_dataset("fashion", data_dir=tmp_path)
    serve(server, packed)
    assert fetch(tmp_path, pinned(FASHION, packed), url)[1].train_n == 60_000


def wrong_header(files: dict[str, bytes]) -> str:
    name = "train-images-idx3-ubyte"
    files[name] = struct.pack(">4I", 0x803, 60_000, 14, 56) + files[name][16:]
    return "its header is"


def wrong_label(files: dict[str, bytes]) -> str:
    name = "t10k-labels-idx1-ubyte"
    files[name] = files[name][:-1] + b"\x0a"
    return "labels per class"


def uneven(files: dict[str, bytes]) -> str:
    name = "train-labels-idx1-ubyte"
    files[name] = files[name][:-1] + bytes([(files[name][-1] + 1) % 10])
    return "labels per class"


def short(files: dict[str, bytes]) -> str:
    name = "t10k-images-idx3-ubyte"
    files[name] = files[name][:-1]
    return "it has 7840015 of 7840016 bytes"


@pytest.mark.parametrize("spoil", [wrong_header, wrong_label, uneven, short])
def test_content_of_another_kind_is_refused_even_under_its_pin(tmp_path: Path, spoil: object) -> None:
    files = idx_files()
    message = spoil(files)  # type: ignore[operator]
    packed = {name: gzip.compress(content, 1) for name, content in files.items()}
    (tmp_path / "set").mkdir()
    for name, content in packed.items():
        (tmp_path / "set" / f"{name}.gz").write_bytes(content)
    with pytest.raises(DataError, match=message):
        fetch(tmp_path / "data", pinned(FASHION, packed), str(tmp_path / "set"))
    assert not (tmp_path / "data" / "fashion.npz").exists()


def test_what_no_pin_covers_is_refused(tmp_path: Path) -> None:
    for name, content in idx_files().items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=r"known by its packed files: train-images-idx3-ubyte\.gz is wanted"):
        fetch(tmp_path / "data", FASHION, str(tmp_path))
    (tmp_path / "a.mat").write_bytes(b"")
    with pytest.raises(FileError, match="known by its four IDX files"):
        fetch(tmp_path / "data", FASHION, str(tmp_path / "a.mat"))


def test_the_file_of_another_set_is_not_taken_for_it(tmp_path: Path, packed: dict[str, bytes]) -> None:
    (tmp_path / "set").mkdir()
    for name, content in packed.items():
        (tmp_path / "set" / f"{name}.gz").write_bytes(content)
    path = Path(fetch(tmp_path, pinned(FASHION, packed), str(tmp_path / "set"))[1].path)
    path.rename(tmp_path / "kuzushiji.npz")
    with pytest.raises(DataError, match="is not Kuzushiji-MNIST as it was fetched"):
        load_dataset("kuzushiji", data_dir=tmp_path)


def test_a_file_whose_pixels_were_changed_is_not_taken_for_the_set(tmp_path: Path, packed: dict[str, bytes]) -> None:
    (tmp_path / "set").mkdir()
    for name, content in packed.items():
        (tmp_path / "set" / f"{name}.gz").write_bytes(content)
    edition = pinned(FASHION, packed)
    path = Path(fetch(tmp_path, edition, str(tmp_path / "set"))[1].path)
    with np.load(path) as members:
        changed = dict(members)
    changed["features"][0, 9] ^= 1
    np.savez(path, **changed)
    with pytest.raises(DataError, match="is not Fashion-MNIST as it was fetched"):
        load_dataset("fashion", data_dir=tmp_path)
    told, _ = fetch(tmp_path, edition, str(tmp_path / "set"))
    assert "fetched again" in told[0]


@pytest.fixture
def server() -> Iterator[RudeServer]:
    made = RudeServer()
    yield made
    made.close()
