"""`mnf gradcheck` as a person or a script meets it."""

from conftest import Mnf


def test_the_error_of_the_gradient_shrinks_with_the_square_of_the_step(mnf: Mnf) -> None:
    rows = mnf("gradcheck", "digits-sample", "--h", "0.1,0.01").rows
    assert [list(row) for row in rows] == [["h", "max_relative_error", "ok"]] * 2
    assert [(row["h"], row["ok"]) for row in rows] == [(0.1, True), (0.01, True)]
    errors = [row["max_relative_error"] for row in rows]
    assert 50 < errors[0] / errors[1] < 200
