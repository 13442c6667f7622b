import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mnistfaces.arrays import read_npz, write_npz
from mnistfaces.errors import DataError
from mnistfaces.landscape import (
    Axis,
    Descent,
    Origin,
    Pair,
    SoftmaxProblem,
    Surface,
    SurfaceConfig,
    Weight,
    load_surface,
    restricted_path,
    save_surface,
    surface,
)

Array = NDArray[Any]
Damage = Callable[[dict[str, Array]], object]


@pytest.fixture
def computed() -> Surface:
    rng = np.random.default_rng(0)
    problem = SoftmaxProblem(
        inputs=rng.choice([0, 0, 100, 255], size=(60, 4)).astype(np.uint8),
        labels=rng.integers(3, size=60),
        weight=rng.normal(size=(3, 4)),
        bias=rng.normal(size=3),
    )
    pair = Pair(
        Weight(class_number=0, class_name="zero", position=(0, 1), index=1),
        Weight(class_number=2, class_name="two", position=(1, 1), index=3),
    )
    origin = Origin(run="runs/train-1", checksum="ab" * 32, dataset="digits-sample", split={"seed": 0})
    return surface(problem, pair, SurfaceConfig(first=Axis(-4, 4, 0.2), second=Axis(-3, 3, 0.2)), origin)


@pytest.fixture
def kept(computed: Surface, tmp_path: Path) -> Path:
    save_surface(tmp_path / "surface.npz", computed)
    return tmp_path / "surface.npz"


def test_a_surface_comes_back_as_it_was_kept(computed: Surface, kept: Path) -> None:
    back = load_surface(kept)
    for name in ("w1", "w2", "loss"):
        assert np.array_equal(getattr(back, name), getattr(computed, name))
    for name in ("pair", "trained", "trained_loss", "reduction", "method", "error", "nodes", "notes", "origin"):
        assert getattr(back, name) == getattr(computed, name)


def test_a_surface_that_every_image_bends_comes_back(computed: Surface, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    inputs = rng.integers(1, 256, (6, 4), dtype=np.uint8)  # no pixel is 0
    problem = SoftmaxProblem(inputs=inputs, labels=rng.integers(3, size=6), weight=np.zeros((3, 4)), bias=np.zeros(3))
    every = surface(problem, computed.pair, SurfaceConfig(first=Axis(-1, 1, 0.5), second=Axis(-1, 1, 0.5)))
    save_surface(tmp_path / "every.npz", every)
    assert np.array_equal(load_surface(tmp_path / "every.npz").loss, every.loss)


def test_a_path_on_a_kept_surface_is_bitwise_the_same(computed: Surface, kept: Path) -> None:
    here, there = (restricted_path(each, Descent()) for each in (computed, load_surface(kept)))
    assert np.array_equal(here.points, there.points)
    assert np.array_equal(here.loss, there.loss)


def test_numpy_alone_can_read_the_promised_arrays(kept: Path) -> None:
    with np.load(kept) as arrays:
        assert arrays["loss"].shape == (len(arrays["w2"]), len(arrays["w1"]))
        assert arrays["loss"].dtype == np.float64


def _without(name: str) -> Damage:
    return lambda arrays: arrays.pop(name)


def _set(name: str, change: Callable[[Array], Array]) -> Damage:
    def edit(arrays: dict[str, Array]) -> None:
        arrays[name] = change(arrays[name].copy())

    return edit


def _meta(**fields: object) -> Damage:
    return _set("meta", lambda text: np.array(json.dumps(json.loads(str(text)) | fields)))


def _nan(values: Array) -> Array:
    values.ravel()[0] = np.nan
    return values


@pytest.mark.parametrize(
    "damage",
    [
        *map(_without, ("w1", "w2", "loss", "trained", "pixels", "offsets", "target", "constant", "meta")),
        _set("loss", lambda values: values.T),
        _set("loss", lambda values: values.astype(np.float32)),
        *(_set(name, _nan) for name in ("loss", "w1", "pixels", "offsets", "constant", "trained")),
        *(_set(name, lambda values: values[::-1]) for name in ("w1", "w2")),
        *(_set(name, lambda values: np.roll(values, 1)) for name in ("w1", "w2")),
        _set("w2", lambda values: values[:0]),
        _set("target", lambda values: values + 2),
        _set("target", lambda values: values[:-1]),
        _set("target", lambda values: values.astype(np.int64)),
        _set("offsets", lambda values: values[:, :0]),
        _set("trained", lambda values: values[:2]),
        _set("meta", lambda _: np.array("{")),
        _set("meta", lambda _: np.array("[" * 100_000)),
        _set("meta", lambda _: np.array(7)),
        _meta(kind="dataset"),
        _meta(weights=[]),
        _meta(weights=[{}, {}]),
        _meta(weights=5),
        _meta(images=0),
        _meta(images="many"),
        _meta(method="guess"),
        _meta(method=[]),
        _meta(reduction="median"),
        _meta(nodes=[1]),
        _meta(nodes=None),
        _meta(images=float("inf")),
        _meta(weights=[{"class_number": 0, "class_name": "0", "position": [0], "index": 0}] * 2),
        _meta(notes=3),
        _meta(error=None),
        _meta(origin=None),
        _meta(origin={"run": 1}),
        _meta(origin={"run": 1, "checksum": None, "dataset": None, "fingerprint": None, "split": {}}),
    ],
)
def test_a_surface_file_that_is_not_whole_is_refused_in_one_line(kept: Path, tmp_path: Path, damage: Damage) -> None:
    arrays = {name: np.array(values) for name, values in read_npz(kept).items()}
    damage(arrays)
    write_npz(tmp_path / "bad.npz", arrays)
    with pytest.raises(DataError, match=r"bad\.npz is no surface"):
        load_surface(tmp_path / "bad.npz")


def test_a_file_that_is_not_there_or_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("hello")
    for name in ("text.npz", "none.npz"):
        with pytest.raises(DataError, match=name):
            load_surface(tmp_path / name)
