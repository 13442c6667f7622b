"""Where models stand in tiles, on every level of kernels that this processor can be asked for."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mnistfaces.engine import tiles
from mnistfaces.engine.arrangement import Arrangement, Tile, arrange, widest_tile

EDGES = Path(__file__).parent / "kernel_edges.py"
LEVELS = {
    "as it comes": {},
    "torch for AVX2": {"ATEN_CPU_CAPABILITY": "avx2"},
    "torch for any processor": {"ATEN_CPU_CAPABILITY": "default"},
    "MKL for AVX2": {"MKL_ENABLE_INSTRUCTIONS": "AVX2"},
    "MKL for SSE 4.2": {"MKL_ENABLE_INSTRUCTIONS": "SSE4_2"},
    "MKL for any processor": {"MKL_CBWR": "COMPATIBLE"},
}
"""Environment variables that make torch and MKL choose the kernels of older processors; where MKL is not there, or the
processor is older, some of them change nothing."""


def tile_of(rows: int, **changes: object) -> Tile:
    sizes = {"rows": rows, "images": 16, "inputs": 16, "dtype": torch.float32, "device": torch.device("cpu")}
    return Tile(**sizes | changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("level", LEVELS)
def test_models_at_the_edges_of_every_kernel_have_the_same_bits_in_a_stack_and_alone(level: str) -> None:
    done = subprocess.run(
        [sys.executable, EDGES, "1"],
        env={**os.environ, **LEVELS[level], "PYTHONPATH": str(EDGES.parents[1])},
        check=True,
        stdout=subprocess.PIPE,
        timeout=300,
    )
    assert json.loads(done.stdout) == []


def sixes_of(rows: int) -> object:
    """Returns products of tiles, of which the rows beyond the last full six of a tile have other bits."""

    def multiply(left: torch.Tensor, right: torch.Tensor, out: torch.Tensor) -> None:
        out.copy_(left.flatten(1, 2).bmm(right.expand(len(left), -1, -1)).view_as(out))
        left_over = out.flatten(1, 2)[:, out.shape[1] * rows // 6 * 6 :]
        left_over.mul_(1 + 2**-20)

    return lambda left, right, out: functools.partial(multiply, left, right, out)


@pytest.mark.parametrize(
    ("rows", "models", "expected"),
    [
        (7, 3, (3, 2)),  # 21 rows, 3 of them left over: the last model may not stand there, and two tiles are cheaper
        (7, 40, (47, 40)),  # 280 rows, 4 left over: with models to spare, which stand there, one tile is cheaper
        (10, 2, (2, 1)),  # 20 rows, 2 left over
        (6, 5, (5, 5)),  # 30 rows, none left over
        (20, 4, (1, 1)),  # the narrowest tile of all, of 20 rows, has 2 left over, which no wider one has
    ],
)
def test_models_stand_only_where_they_keep_their_bits(
    rows: int, models: int, expected: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiles, "_multiplication", sixes_of(rows))
    widest_tile.cache_clear()
    try:
        assert widest_tile(models, tile_of(rows)) == expected
    finally:
        widest_tile.cache_clear()


@pytest.mark.parametrize(("cells", "draws", "width", "used"), [(5, 1, 3, 2), (1, 3, 4, 3), (7, 2, 10, 7), (4, 3, 1, 1)])
def test_every_model_has_one_place_and_what_is_left_over_repeats_some(
    cells: int, draws: int, width: int, used: int
) -> None:
    groups = -(-cells // used)
    arrangement = Arrangement(cells=cells, draws=draws, width=width, used=used, groups=groups)
    models = arrangement.models()
    places = [arrangement.place(k) for k in range(cells * draws)]
    assert len(models) == groups * draws * width
    assert [models[place] for place in places] == list(range(cells * draws))
    assert all(place % width < used for place in places)
    assert all(models[place] % draws == place // width % draws for place in range(len(models)))


def test_a_lone_model_stands_where_it_defines_its_bits() -> None:
    for rows in (1, 7, 10, 20, 300):
        arrangement = arrange(1, 1, 1, tile_of(rows))
        assert (arrangement.width, arrangement.groups) == (tile_of(rows).narrowest, 2)
        assert arrangement.place(0) == 0
