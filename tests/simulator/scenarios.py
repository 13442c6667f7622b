"""Whole commands that are to be disturbed, each with what was done before it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from faces_web import row
from pictures import make_folder

from simulator.web import HIDDEN, NOBODY

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
        prepare: writes what lies in the folder before the first.
        again: words that make the program try again what the network did not give.
        apart: fields that may differ, as it does not matter who gave something.
        pace: seconds that every look at a steady clock takes, so that what is due after a time is due.
        web: name of the web that is out there.
    """

    steps: Sequence[Step]
    pace: float = 1e-6
    web: str = ""
    prepare: Callable[[Path], object] = lambda _: None
    again: Words = ()
    apart: frozenset[str] = frozenset()


def _step(*lines: str, settle: str = "") -> Step:
    return Step(tuple(tuple(line.split()) for line in lines), tuple(settle.split()))


TRAIN = "train digits-sample --train-per-class 4 --test-per-class 10"
SWEEP = "sweep digits-sample --train-per-class 4 --test-per-class 10 --epochs 3 --seeds 2 --out s"
SOFTMAX = f"{TRAIN} --epochs 5 --out m"

FACES = "fetch faces --list list.txt --source live,wayback --jobs 3"
FEATURES = (
    "extract-features pets --backbone squeezenet1_1 --layer fire3 --weights random --res 32 --batch-size 2 --out f"
)
LIST = [
    row("Alec Baldwin", 1, 0),
    row("Alec Baldwin", 2, 0, "10,5,30,25"),  # two faces of one photograph
    row("Alec Baldwin", 3, 1),
    row("Bill Hader", 4, 2),
    row("Bill Hader", 5, 3),
    row("Bill Hader", 6, 4, "30,20,50,40", "https://host4.example/4.jpg"),  # leaves its image
    row("Bill Hader", 7, 5),
    row("Bill Hader", 8, 5, url=f"http://{HIDDEN}/5.jpg"),
    row("Bill Hader", 9, 5, url=f"http://{NOBODY}/5.jpg"),
    "Bill Hader\t8\t8\thttp://brok",
]

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
    "fetch digits": Scenario(
        web="digits",
        apart=frozenset({"source"}),
        steps=[_step("fetch digits"), _step("fetch digits --force")],
    ),
    "fetch faces": Scenario(
        web="faces",
        again=("--retry", "all"),
        prepare=lambda root: (root / "list.txt").write_text("\n".join(LIST)),
        steps=[
            _step(f"{FACES} --res 16"),
            _step(f"{FACES} --res 16,20 --color"),
            _step(f"{FACES} --res 16,24 --no-keep-originals"),
        ],
    ),
    "extract-features": Scenario(
        prepare=lambda root: make_folder(root / "pets"),
        steps=[_step(FEATURES), _step("train f/features.npz --epochs 3 --test-per-class 1 --out m")],
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
