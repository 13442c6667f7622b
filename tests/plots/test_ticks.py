"""Numbers beside axes: short, and the number that was meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnistfaces.plots.ticks import short


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0"), (0.5, "0.5"), (1.8, "1.8"), (2, "2"), (12345, "12,300"), (0.002, "0.002"), (0.00012345, "0.000123"),
        (1e-6, "1e-6"), (2.5e-7, "2.5e-7"), (1e7, "1e7"), (999.6, "1,000"), (-3.14159, "-3.14"), (100, "100"),
    ],
)  # fmt: skip
def test_a_number_is_written_as_people_write_it(value: float, written: str) -> None:
    assert short(value) == written


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=1e-300, max_value=1e300))
def test_a_number_is_told_to_three_digits(value: float) -> None:
    assert float(short(value).replace(",", "")) == pytest.approx(value, rel=0.005)
