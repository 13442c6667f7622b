"""Gradients as students write them: ten planted faults are named, right ones pass, and wild code harms nobody."""

from pathlib import Path

import pytest
from conftest import Mnf

from mnistfaces.datasets.sample import load_sample
from mnistfaces.errors import DataError
from mnistfaces.inspection.student import check_function

RIGHT = """
import numpy as np

def gradient(x, y, W, b):
    o = x @ W.T + b
    o = o - o.max(axis=1, keepdims=True)
    p = np.exp(o) / np.exp(o).sum(axis=1, keepdims=True)
    r = p - y
    return r.T @ x, r.sum(axis=0)

def cost(x, y, W, b):
    o = x @ W.T + b
    o = o - o.max(axis=1, keepdims=True)
    return -(y * (o - np.log(np.exp(o).sum(axis=1, keepdims=True)))).sum()
"""

PLANTED = {
    "sign": ("r = p - y", "r = y - p", "the sign is wrong"),
    "mean": ("r.T @ x, r.sum(axis=0)", "r.T @ x / len(x), r.mean(axis=0)", "mean over the images"),
    "transposed": ("r.T @ x,", "x.T @ r,", "transposed"),
    "no bias gradient": ("r.sum(axis=0)", "0 * b", "gradient by b is zero"),
    "no second array": ("return r.T @ x, r.sum(axis=0)", "return r.T @ x", "gradient by b is missing"),
    "no bias in the logits": (
        "x @ W.T + b\n    o = o - o.max(axis=1, keepdims=True)\n    p",
        "x @ W.T\n    p",
        "bias is missing",
    ),
    "unguarded": ("    o = o - o.max(axis=1, keepdims=True)\n    p", "    p", "large logits overflow"),
    "no truth": ("r = p - y", "r = p", "y is missing"),
    "wrong axis": (
        "p = np.exp(o) / np.exp(o).sum(axis=1, keepdims=True)",
        "o = x @ W.T + b; p = np.exp(o) / np.exp(o).sum(axis=0)",
        "sums over the images",
    ),
    "twice": ("r = p - y", "r = 2 * (p - y)", "twice"),
    "an image": ("r.T @ x, r.sum(axis=0)", "r[1:].T @ x[1:], r[1:].sum(axis=0)", "first image"),
    "one entry": (
        "return r.T @ x, r.sum(axis=0)",
        "g = r.T @ x; g[3, 400] += 0.01; return g, r.sum(axis=0)",
        "W[3,400] is",
    ),
}


def write(mnf: Mnf, text: str) -> Path:
    path = mnf.folder / "mine.py"
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_named(mnf: Mnf, name: str) -> None:
    old, new, said = PLANTED[name]
    assert old in RIGHT
    path = write(mnf, RIGHT.replace(old, new, 1))
    verdict = check_function(f"{path}:gradient", load_sample(), seed=0)
    assert said in verdict.fault
    assert not verdict.ok


def test_the_command_says_the_fault_and_exits_1(mnf: Mnf) -> None:
    write(mnf, RIGHT.replace("r = p - y", "r = y - p"))
    done = mnf("gradcheck", "digits-sample", "--function", "mine.py:gradient", code=1)
    assert (done.row["ok"], "the sign is wrong" in done.row["fault"]) == (False, True)
    assert "the sign is wrong" in done.stderr
    write(mnf, RIGHT)
    assert mnf("gradcheck", "digits-sample", "--function", "mine.py:gradient:cost").row["ok"] is True


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(
    "text",
    [
        RIGHT,
        RIGHT.replace("r.T @ x, r.sum(axis=0)", "np.einsum('nc,nd->cd', r, x), r.sum(axis=0)[:, None]"),
        RIGHT.replace("r.T @ x, r.sum(axis=0)", "sum(np.outer(a, c) for a, c in zip(r, x)), r.sum(0)"),
    ],
)
def test_right_gradients_pass_however_they_are_written(mnf: Mnf, text: str, seed: int) -> None:
    path = write(mnf, text)
    assert check_function(f"{path}:gradient:cost", load_sample(), seed).ok


def test_a_wrong_cost_is_told(mnf: Mnf) -> None:
    path = write(mnf, RIGHT.replace("return -(y", "return -2 * (y"))
    assert "the cost is" in check_function(f"{path}:gradient:cost", load_sample(), seed=0).fault


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def gradient(x, y, W, b):\n    return undefined", "NameError in line 2"),
        ("raise SystemExit(3)", "SystemExit"),
        ("import os\ndef gradient(x, y, W, b):\n    os.abort()", "ended its process"),
        ("def gradient(x, y, W, b):\n    return [0] * 10**10, b", "MemoryError"),
        ("def gradient(x", "SyntaxError"),
        ("def other(x, y, W, b): pass", "no attribute 'gradient'"),
    ],
)
def test_code_that_fails_is_one_line(mnf: Mnf, text: str, said: str) -> None:
    path = write(mnf, text)
    with pytest.raises(DataError) as caught:
        check_function(f"{path}:gradient", load_sample(), seed=0)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_one_line(mnf: Mnf) -> None:
    assert "no file" in mnf("gradcheck", "digits-sample", "--function", "none.py:gradient", code=1).complaint
    assert "FILE.py:NAME" in mnf("gradcheck", "digits-sample", "--function", "none", code=1).complaint
