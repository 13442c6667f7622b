"""Whole commands that are to be disturbed, each with what was done before it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Words = tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """What runs at the same time.

    Attributes:
        processes: the words of each.
        settle: a command that comes after it, undisturbed, where what is left depends on who was last.
    """

    processes: tuple[Words, ...]
    settle: Words = ()


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Commands in their order.

    Attributes:
        steps: what runs one after the other.
        pace: seconds that every look at a steady clock takes, so that what is due after a time is due.
        web: name of the web that is out there.
    """

    steps: Sequence[Step]
    pace: float = 1e-6
    web: str = ""


def _step(*lines: str, settle: str = "") -> Step:
    return Step(tuple(tuple(line.split()) for line in lines), tuple(settle.split()))


TRAIN = "train digits-sample --train-per-class 4 --test-per-class 10"
SWEEP = "sweep digits-sample --train-per-class 4 --test-per-class 10 --epochs 3 --seeds 2 --out s"
SOFTMAX = f"{TRAIN} --epochs 5 --out m"

SCENARIOS: Mapping[str, Scenario] = {
    "train": Scenario(
        pace=0.4,
        steps=[
            _step(f"{TRAIN} --model mlp --hidden 5 --batch-size 10 --epochs 60 --out run"),
            _step(f"{TRAIN} --model mlp --hidden 5 --batch-size 10 --epochs 40 --out run --force"),
        ],
    ),
    "sweep": Scenario(
        steps=[
            _step(f"{SWEEP} --lr 1e-3,1e-4 --batch-size 10,20"),
            _step(f"{SWEEP} --lr 1e-3,1e-4,1e-5 --batch-size 10,20 --seeds 3"),
            _step(f"{SWEEP} --lr 1e-3,1e-5 --batch-size 20 --seeds 3 --keep-weights best"),
        ],
    ),
    "two sweeps": Scenario(
        steps=[
            _step(*[f"{SWEEP} --lr 1e-3,1e-4 --batch-size 10"] * 2),
            _step(
                f"{SWEEP} --lr 1e-3,1e-2 --batch-size 10",
                f"{SWEEP} --lr 1e-3,1e-5 --batch-size 10",
                settle=f"{SWEEP} --lr 1e-3 --batch-size 10",
            ),
        ],
    ),
    "shards": Scenario(
        steps=[
            _step(
                f"{SWEEP} --lr 1e-3,1e-4 --batch-size 10,20 --shard 1/2",
                f"{SWEEP} --lr 1e-3,1e-4 --batch-size 10,20 --shard 2/2",
                settle=f"{SWEEP} --lr 1e-3,1e-4 --batch-size 10,20",
            ),
            _step(f"{SWEEP} --lr 1e-3,1e-4 --batch-size 10,20"),
        ],
    ),
    "contour": Scenario(
        steps=[
            _step(f"{SOFTMAX}"),
            _step("contour --run m --range -1,1 --step 0.5 --out c"),
            _step("trajectory c --steps 5 --lr 1e-2 --optimizer gd --out t"),
        ],
    ),
    "two contours": Scenario(
        steps=[_step(*["contour digits-sample --train-per-class 4 --epochs 5 --range -1,1 --step 0.5 --out c"] * 2)],
    ),
    "results": Scenario(
        steps=[
            _step(SOFTMAX),
            _step("evaluate m --mistakes mistakes.csv"),
            _step("export m --to npz --out model.npz"),
            _step("report m --out page.html"),
            _step("visualize-weights m --plot weights.svg"),
        ],
    ),
}
