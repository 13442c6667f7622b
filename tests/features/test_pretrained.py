"""Files of weights that nobody need trust, and the download of those that torchvision publishes."""

import hashlib
import io
import pickle
import zipfile
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from damage import half_written
from rude_server import Behaviour, RudeServer, reply, reset, send, silence
from safetensors.torch import save_file
from torch import Tensor
from torchvision import models

from mnistfaces.errors import DataError, FetchError, FileError, MnistFacesError, UsageError
from mnistfaces.features.backbones import Backbone, build_backbone
from mnistfaces.features.pretrained import Weights, load_weights
from mnistfaces.features.published import BACKBONES, published
from mnistfaces.fetching.web.client import ClientConfig
from mnistfaces.fetching.weights import PublishedWeights, fetch_weights, find_weights

Change = Callable[[dict[str, Tensor]], object]


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return build_backbone("squeezenet1_1", "features")


@pytest.fixture(scope="module")
def state() -> Mapping[str, Tensor]:
    torch.manual_seed(5)
    return models.squeezenet1_1().state_dict()


def loaded(events: Generator[Any, None, Weights]) -> Weights:
    with pytest.raises(StopIteration) as end:
        next(events)
    weights: Weights = end.value.value
    return weights


def save_npz(path: Path, state: Mapping[str, Tensor]) -> None:
    np.savez(path, **{name: values.numpy() for name, values in state.items()})  # type: ignore[arg-type]


def test_the_same_weights_are_known_again_in_every_kind_of_file(
    tmp_path: Path, backbone: Backbone, state: Mapping[str, Tensor]
) -> None:
    torch.save(state, tmp_path / "w.pth")
    torch.save(state, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    torch.save({name: torch.nn.Parameter(values) for name, values in state.items()}, tmp_path / "p.pt")
    save_file(dict(state), tmp_path / "w.safetensors")
    save_npz(tmp_path / "w.npz", {name: values for name, values in state.items() if name.startswith("features.")})
    found = [loaded(load_weights(backbone, str(path))) for path in sorted(tmp_path.iterdir())]
    assert len({weights.sha256 for weights in found}) == 1
    for weights in found:
        for name, values in weights.parameters.items():
            assert torch.equal(values, state[name])
        assert weights.file_sha256 == hashlib.sha256(Path(weights.origin).read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.pop("features.3.squeeze.bias"), "missing: features.3.squeeze.bias"),
        (lambda s: s.update(gamma=torch.ones(1)), "unknown: gamma"),
        (lambda s: s.update({"features.99.weight": torch.ones(1)}), "unknown: features.99.weight"),
        (
            lambda s: s.update({"features.0.weight": torch.ones(64, 1, 3, 3)}),
            r"misshapen: features.0.weight \(64, 1, 3, 3\) instead of \(64, 3, 3, 3\)",
        ),
        (
            lambda s: s.update({"features.0.bias": torch.ones(64, dtype=torch.int32)}),
            "not dense floats: features.0.bias",
        ),
        (lambda s: s.update({"features.0.bias": torch.full((64,), torch.nan)}), "not finite: features.0.bias"),
        (lambda s: s.clear(), "missing: features.0.weight, .* and 45 more"),
    ],
)
@pytest.mark.parametrize("kind", ["pth", "safetensors", "npz"])
def test_parameters_that_do_not_fit_are_named(  # noqa: PLR0917  pytest passes them by name
    tmp_path: Path, backbone: Backbone, state: Mapping[str, Tensor], kind: str, change: Change, words: str
) -> None:
    changed = dict(state)
    change(changed)
    path = tmp_path / f"w.{kind}"
    {"pth": torch.save, "safetensors": save_file, "npz": lambda s, p: save_npz(p, s)}[kind](changed, path)
    with pytest.raises(DataError, match=words) as caught:
        loaded(load_weights(backbone, str(path)))
    assert "\n" not in str(caught.value)


class Bomb:
    """Writes a file when a careless reader unpickles it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def test_a_pickle_with_code_in_it_is_refused_and_not_run(tmp_path: Path, backbone: Backbone) -> None:
    trace = tmp_path / "ran"
    plain, packed = tmp_path / "plain.pth", tmp_path / "packed.pth"
    plain.write_bytes(pickle.dumps({"features.0.weight": Bomb(trace)}))
    torch.save({"features.0.weight": Bomb(trace)}, packed)
    for path in (plain, packed):
        with pytest.raises(FileError, match="was not run") as caught:
            loaded(load_weights(backbone, str(path)))
        assert "\n" not in str(caught.value)
    assert not trace.exists()
    torch.load(packed, weights_only=False)
    assert trace.exists(), "the bomb itself would have gone off"


@pytest.mark.parametrize("kind", ["pth", "safetensors", "npz"])
def test_a_damaged_file_is_one_line_wherever_the_damage_lies(
    tmp_path: Path, backbone: Backbone, state: Mapping[str, Tensor], kind: str
) -> None:
    path = tmp_path / f"w.{kind}"
    small = {name: values for name, values in state.items() if name.startswith("features.")}
    {"pth": torch.save, "safetensors": save_file, "npz": lambda s, p: save_npz(p, s)}[kind](small, path)
    whole = path.read_bytes()
    for size in (0, 1, 9, 100, 1000, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(MnistFacesError) as caught:
            loaded(load_weights(backbone, str(path)))
        assert "\n" not in str(caught.value)
        assert str(path) in str(caught.value)


@pytest.mark.parametrize("kind", ["pth", "npz"])
def test_one_altered_byte_of_a_weight_is_noticed(
    tmp_path: Path, backbone: Backbone, state: Mapping[str, Tensor], kind: str
) -> None:
    path = tmp_path / f"w.{kind}"
    {"pth": torch.save, "npz": lambda s, p: save_npz(p, s)}[kind](state, path)
    values = next(iter(state.values())).numpy().tobytes()
    altered = bytearray(path.read_bytes())
    altered[altered.index(values) + 40] ^= 1
    path.write_bytes(altered)
    with pytest.raises(MnistFacesError, match="damaged"):
        loaded(load_weights(backbone, str(path)))


def test_an_npz_whose_header_lies_about_its_size_takes_no_memory(tmp_path: Path, backbone: Backbone) -> None:
    header = io.BytesIO()
    claimed = {"descr": "<f4", "fortran_order": False, "shape": (10**11,)}
    np.lib.format.write_array_header_1_0(header, claimed)
    with zipfile.ZipFile(tmp_path / "w.npz", "w") as archive:
        archive.writestr("features.0.weight.npy", header.getvalue() + bytes(64))
    with pytest.raises(DataError, match="header claims"):
        loaded(load_weights(backbone, str(tmp_path / "w.npz")))


def test_a_compressed_pth_is_refused_as_the_bomb_that_it_may_be(
    tmp_path: Path, backbone: Backbone, state: Mapping[str, Tensor]
) -> None:
    torch.save(state, tmp_path / "w.pth")
    with zipfile.ZipFile(tmp_path / "w.pth") as stored, zipfile.ZipFile(tmp_path / "z.pth", "w", 8) as packed:
        for name in stored.namelist():
            packed.writestr(name, stored.read(name))
    with pytest.raises(FileError, match="compressed"):
        loaded(load_weights(backbone, str(tmp_path / "z.pth")))


def test_what_is_no_state_dict_is_said_to_be_none(tmp_path: Path, backbone: Backbone) -> None:
    for value in ([1, 2], {"epoch": 3, "model": {}}, torch.ones(3)):
        torch.save(value, tmp_path / "w.pth")
        with pytest.raises(FileError, match="no state dict"):
            loaded(load_weights(backbone, str(tmp_path / "w.pth")))


@pytest.mark.parametrize("choice", ["imagnet", "nowhere.pth", "w.h5"])
def test_weights_that_are_nowhere_are_answered_with_what_to_give(backbone: Backbone, choice: str) -> None:
    with pytest.raises(FileError, match=r"imagenet, random|imagenet, or random"):
        loaded(load_weights(backbone, choice))


def test_published_weights_are_torchvisions_under_its_hash() -> None:
    enums = {"alexnet": models.AlexNet_Weights, "squeezenet1_1": models.SqueezeNet1_1_Weights}
    networks = {name: known.weights for name, known in BACKBONES.items() if known is not None}
    assert networks.keys() == enums.keys()
    for name, weights in networks.items():
        assert weights.url == enums[name].IMAGENET1K_V1.url
        assert weights.file_name.rpartition("-")[2] == f"{weights.sha256[:8]}.pth"
        assert len(weights.sha256) == 64
    with pytest.raises(UsageError, match="--backbone pixels is no network"):
        published("pixels")


@pytest.fixture
def server() -> Iterator[RudeServer]:
    rude = RudeServer()
    yield rude
    rude.close()


LOOPBACK = ClientConfig(allow_private=True, read_s=0.5)
CONTENT = bytes(range(256)) * 2000


def published_at(server: RudeServer, content: bytes = CONTENT) -> PublishedWeights:
    return PublishedWeights(
        url=server.url("/models/net-0.pth"), sha256=hashlib.sha256(content).hexdigest(), size=len(content)
    )


def test_a_download_arrives_block_by_block_and_is_found_again(server: RudeServer, tmp_path: Path) -> None:
    server.routes["/models/net-0.pth"] = send(reply(status="302 Found", Location="/there"))
    server.routes["/there"] = send(reply(CONTENT))
    published = published_at(server)
    blocks = list(fetch_weights(published, tmp_path / "weights", LOOPBACK))
    assert sum(blocks) == len(CONTENT)
    assert len(blocks) > 2
    assert find_weights(published, tmp_path / "elsewhere", tmp_path / "weights") == tmp_path / "weights" / "net-0.pth"
    (tmp_path / "weights" / "net-0.pth").write_bytes(CONTENT[::-1])
    assert find_weights(published, tmp_path / "weights") is None


@pytest.mark.parametrize(
    "answer",
    [
        send(reply(CONTENT[::-1])),
        send(reply(CONTENT + b"x")),
        send(reply(CONTENT)[:-9]),
        send(reply(b"<html>", "403 Forbidden")),
        send(reply(status="302 Found", Location="/models/net-0.pth")),
        silence(reply(CONTENT)[:-9]),
        silence(),
        reset(reply(CONTENT)[:-9]),
    ],
    ids=["other", "longer", "cut", "refused", "loop", "stalls", "silent", "reset"],
)
def test_what_is_not_the_published_file_never_gets_its_name(
    server: RudeServer, tmp_path: Path, answer: Behaviour
) -> None:
    server.routes["/models/net-0.pth"] = answer
    half_written(tmp_path / "weights" / "net-0.pth")
    with pytest.raises(FetchError, match=r"--weights net-0.pth; --weights random") as caught:
        list(fetch_weights(published_at(server), tmp_path / "weights", LOOPBACK))
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.rglob("*.*"))


def test_a_private_address_is_not_asked_for_weights(server: RudeServer, tmp_path: Path) -> None:
    server.routes["/models/net-0.pth"] = send(reply(CONTENT))
    with pytest.raises(FetchError, match="not a public address"):
        list(fetch_weights(published_at(server), tmp_path))
    assert server.connections == 0
