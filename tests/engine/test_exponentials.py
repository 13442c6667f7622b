"""Probabilities from their logarithms: torch's own exponentials to the last bit, zeros among them."""

import math
from collections.abc import Iterator

import pytest
import torch

from mnistfaces.engine.exponentials import EVERY, Exponentials


@pytest.fixture(params=[True, False], ids=["tiny numbers are zero", "tiny numbers are kept"])
def flushes(request: pytest.FixtureRequest) -> Iterator[bool]:
    able = torch.set_flush_denormal(request.param)
    yield request.param and able
    torch.set_flush_denormal(False)


@pytest.mark.parametrize(("dtype", "edge"), [(torch.float32, -math.log(2) * 126), (torch.float64, -math.log(2) * 1022)])
def test_exponentials_are_torchs_own_around_the_point_where_they_become_zero(
    dtype: torch.dtype, edge: float, *, flushes: bool
) -> None:
    near = edge + torch.linspace(-1e-3, 1e-3, 4001, dtype=torch.float64)
    wide = torch.linspace(1.3 * edge, 0, 20_000, dtype=torch.float64)
    special = torch.tensor([0, -1e30, -math.inf, math.nan], dtype=torch.float64)
    logarithms = torch.cat([near, wide, special]).to(dtype)
    expected = logarithms.exp()
    found = Exponentials(logarithms)(logarithms.clone())
    assert torch.equal(found.nan_to_num(nan=-1), expected.nan_to_num(nan=-1))
    assert (expected[: len(near)] == 0).any() == flushes  # so zeros that the processor made are among them
    assert (expected[: len(near)] > 0).any()


def test_exponentials_of_one_shape_after_the_other_stand_where_the_logarithms_stood() -> None:
    exponentials = Exponentials(torch.zeros(1))
    for shape in ((3, 4), (5,), (3, 4)):
        logarithms = -200 * torch.rand(shape, generator=torch.Generator().manual_seed(len(shape)))
        expected = logarithms.exp()
        assert exponentials(logarithms) is logarithms
        assert torch.equal(logarithms, expected)


def test_exponentials_are_torchs_own_while_zeros_come_and_go() -> None:
    torch.set_flush_denormal(True)
    exponentials, random = Exponentials(torch.zeros(1)), torch.Generator().manual_seed(0)
    try:
        for call in range(3 * EVERY):
            logarithms = -(400 if call // EVERY % 2 else 20) * torch.rand(64, generator=random)
            expected = logarithms.exp()
            assert torch.equal(exponentials(logarithms), expected)
    finally:
        torch.set_flush_denormal(False)
