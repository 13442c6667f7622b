"""A device whose memory is full, planted where training allocates it: smaller stacks, the same numbers."""

import json
from typing import Any

import pytest
from conftest import Mnf

SWEEP = ("sweep", "digits-sample", "--train-per-class", 8, "--batch-size", 20, "--quiet", "--per-seed")
GRID = ("--lr", "1e-4,1e-3,1e-2", "--epochs", "2,5", "--seeds", 3)
FULL = """
import gc, weakref
import torch
from mnistfaces.engine.stack import Stack
gc.disable()
made, alive = Stack.__init__, weakref.WeakSet()
def make(self, *arguments):
    assert not alive, "the memory of the stack before this one is not free"
    made(self, *arguments)
    alive.add(self)
Stack.__init__ = make
whole = Stack.train_epoch
def train_epoch(self):
    self.epochs = getattr(self, "epochs", 0) + 1
    if self.count > {most} and self.epochs > {after}:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
    whole(self)
Stack.train_epoch = train_epoch
"""


def plant(mnf: Mnf, *, most: int, after: int) -> dict[str, str]:
    """Returns the environment in which stacks of more than some models find no memory after some epochs."""
    folder = mnf.folder / "planted"
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(FULL.format(most=most, after=after))
    return {"PYTHONPATH": str(folder)}


def numbers(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns rows without what a clock or the size of a stack tells."""
    return [{name: row[name] for name in row if name not in ("seconds", "timing", "run")} for row in rows]


@pytest.mark.parametrize(("workers", "most", "after"), [((), 5, 0), ((), 1, 3), (("--jobs", 2), 1, 3)])
def test_a_stack_that_does_not_fit_is_trained_in_parts_with_the_same_numbers(
    mnf: Mnf, workers: tuple[object, ...], most: int, after: int
) -> None:
    plain = mnf(*SWEEP, *GRID, "--out", "plain").rows
    planted = plant(mnf, most=most, after=after)
    loud = [word for word in SWEEP if word != "--quiet"]
    done = mnf(*loud, *GRID, *workers, "--out", "halved", env=planted)
    assert numbers(done.rows) == numbers(plain)
    said = [line for line in done.stderr.splitlines() if "memory" in line]
    assert "the device's memory does not hold" in said[0]
    assert all(line.endswith("models at once: half of them at a time") for line in said)
    kept = [json.loads(line)["trial"] for line in (mnf.folder / "halved/trials.ndjson").read_text().splitlines()]
    assert len(kept) == len(set(kept)) == 18
    assert numbers(mnf(*SWEEP, *GRID, "--out", "halved").rows) == numbers(plain)


@pytest.mark.parametrize("command", [("train", *SWEEP[1:-2]), SWEEP])
def test_a_model_that_does_not_fit_alone_is_one_line(mnf: Mnf, command: tuple[object, ...]) -> None:
    done = mnf(*command, "--epochs", 5, env=plant(mnf, most=0, after=2), code=1)
    assert done.stderr.splitlines()[-1] == (
        "mnf: the device's memory is full: try a smaller --batch-size, or --device cpu"
    )
    assert "Traceback" not in done.stderr
