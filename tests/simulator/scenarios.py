"""Whole commands that are to be disturbed, each with what was done before it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import scipy.io
from faces_web import SHAS, row
from pictures import draw_picture, make_folder
from PIL import Image
from tiny_mnist import make_tiny_mnist

from simulator.pages import LIST, LIST_URL, LOST, MOVED, WEBS, listed_for

Words = tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """What runs at the same time.

    Attributes:
        processes: the words of each.
        settle: a command that comes after it, undisturbed, where what is left depends on who was last.
        before: what befalls the folder first.
    """

    processes: tuple[Words, ...]
    settle: Words = ()
    before: Callable[[Path], object] = lambda _: None


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


def _step(*lines: str, settle: str = "", before: Callable[[Path], object] = lambda _: None) -> Step:
    return Step(tuple(tuple(line.split()) for line in lines), tuple(settle.split()), before)


def _list(*rows: str) -> Callable[[Path], object]:
    return lambda root: (root / "list.txt").write_text("\n".join(rows))


def _damage_one(root: Path) -> None:
    """Changes a byte of the photograph that two faces are cut out of, and gives the list another face."""
    (photo,) = (root / "data" / "faces" / "originals").glob(f"??/{SHAS[0]}*")
    content = bytearray(photo.read_bytes())
    content[-20] ^= 1
    photo.write_bytes(content)
    _list(*LIST, row("Bill Hader", 10, 2, "5,5,35,35"))(root)


def _damage_sweep(root: Path) -> None:
    """Changes a digit that a ledger tells of a trial, and breaks off a file of answers."""
    ledger = root / "s" / "trials.ndjson"
    line, rest = ledger.read_text().split("\n", 1)
    ledger.write_text(line.replace('"test_accuracy": 0.', '"test_accuracy": 0.9') + "\n" + rest)
    part = max((root / "s" / "parts").iterdir())
    part.write_bytes(part.read_bytes()[:-100])


def _another_box(root: Path) -> None:
    """Lists one face of the photograph that is no longer there with another box, and leaves out the other one."""
    _list(row("Alec Baldwin", 1, 0, "4,4,24,24"), *LIST[2:], row("Bill Hader", 10, 2, "5,5,35,35"))(root)


GRADIENT = """
import numpy as np

def gradient(x, y, w, b):
    scores = x @ w.T + b
    odds = np.exp(scores - scores.max(1, keepdims=True))
    error = odds / odds.sum(1, keepdims=True) - y
    return error.T @ x, error.sum(0)
"""
"""Of softmax regression, as a student writes it."""


def _draw_and_write(root: Path) -> None:
    """Draws pictures, and writes a gradient of a student's own."""
    make_folder(root / "pets", 2)
    Image.fromarray(draw_picture(3)).save(root / "3.png")
    (root / "mine.py").write_text(GRADIENT)


TRAIN = "train digits-sample --train-per-class 4 --test-per-class 10"
SWEEP = "sweep digits-sample --train-per-class 4 --test-per-class 10 --epochs 3 --seeds 2 --out s"
SOFTMAX = f"{TRAIN} --epochs 5 --out m"

FACES = "fetch faces --list list.txt --source live,wayback --jobs 3"
FEATURES = (
    "extract-features pets --backbone squeezenet1_1 --layer fire3 --weights random --res 32 --batch-size 2 --out f"
)
TELL_CHANGES = ("--prune", "--clear-cache")
"""Options by which rows tell what was changed: after a fault there is less to change."""

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
    "damaged sweep": Scenario(
        steps=[
            _step(f"{SWEEP} --lr 1e-3,1e-4 --batch-size 10,20"),
            _step(f"{SWEEP} --lr 1e-3,1e-4,1e-5 --batch-size 10,20", before=_damage_sweep),
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
        steps=[_step("fetch digits", "fetch digits"), _step("fetch digits --force")],
    ),
    "fetch digits from a .mat": Scenario(
        web="digits",
        prepare=lambda root: scipy.io.savemat(root / "mnist_all.mat", make_tiny_mnist().arrays),
        steps=[_step("fetch digits --from mnist_all.mat")],
    ),
    "looks": Scenario(
        prepare=_draw_and_write,
        steps=[
            _step(SOFTMAX),
            _step("predict m 3.png"),
            _step("samples pets --res 8 --plot samples.png"),
            _step("gradcheck digits-sample --function mine.py:gradient"),
            _step("fetch --clear-cache"),
        ],
    ),
    "fetch faces": Scenario(
        web="faces",
        again=("--retry", "all"),
        prepare=_list(*LIST),
        steps=[
            _step(f"{FACES} --res 16"),
            _step(f"{FACES} --res 16,20 --color"),
            _step(f"{FACES} --res 16,24 --no-keep-originals"),
        ],
    ),
    "damaged faces": Scenario(
        web="faces",
        again=("--retry", "all"),
        prepare=_list(*LIST),
        steps=[
            _step(f"{FACES} --res 16"),
            _step(f"{FACES} --res 16", before=_damage_one),
            _step(f"{FACES} --res 16", before=_another_box),
        ],
    ),
    "moved faces": Scenario(
        web="moved",
        again=("--retry", "all"),
        prepare=_list(*MOVED),
        steps=[_step(f"{FACES} --res 16"), _step(f"{FACES} --res 20 --retry all")],
    ),
    "lost faces": Scenario(
        web="lost",
        again=("--retry", "all"),
        steps=[
            _step(f"fetch faces --list {LIST_URL} --jobs 4 --res 16"),
            _step(f"fetch faces --list {LIST_URL} --jobs 4 --res 16 --source live,wayback"),
        ],
    ),
    "extract-features": Scenario(
        prepare=lambda root: make_folder(root / "pets"),
        steps=[_step(FEATURES), _step("train f/features.npz --epochs 3 --test-per-class 1 --out m")],
    ),
    "weights": Scenario(
        web="weights",
        prepare=lambda root: make_folder(root / "pets", 2),
        steps=[_step(FEATURES.replace("--weights random", "--weights imagenet"))],
    ),
    "jobs": Scenario(
        steps=[
            _step(f"{SWEEP} --lr 1e-3,1e-4 --batch-size 10,20 --jobs 2"),
            _step(f"{SWEEP} --lr 1e-3,1e-4,1e-5 --batch-size 10,20 --jobs 2 --keep-weights best"),
        ],
    ),
    "dask": Scenario(
        steps=[
            _step(f"{SWEEP} --lr 1e-3,1e-4 --batch-size 10,20 --engine dask --jobs 2"),
            _step(f"{SWEEP} --lr 1e-3,1e-4,1e-5 --batch-size 10,20 --engine dask=tcp://10.0.0.9:8786"),
        ],
    ),
    "extract-features on workers": Scenario(
        prepare=lambda root: make_folder(root / "pets"),
        steps=[_step(f"{FEATURES} --jobs 2"), _step(f"{FEATURES.replace('--out f', '--out g')} --engine dask")],
    ),
    "reproduce": Scenario(
        steps=[
            _step("reproduce 1 2 --out r"),
            _step("reproduce 2 5 --out r"),
            _step("reproduce 1 --out q", "reproduce 2 --out q", settle="reproduce 1 2 --out q"),
        ],
    ),
    "ensembles": Scenario(
        pace=0.4,
        steps=[
            _step(f"{TRAIN} --model mlp --hidden 5 --epochs 20 --batch-size 10 --ensemble 2 --out e"),
            _step(f"{TRAIN} --model mlp --hidden 5 --epochs 20 --batch-size 10 --patience 3 --refit --out f"),
            _step(f"{SWEEP} --lr 1e-3,1e-4 --batch-size 10 --refit --patience 2"),
            _step("compare e f"),
        ],
    ),
    "runs": Scenario(
        steps=[
            _step(f"{TRAIN} --epochs 5"),
            _step(f"{TRAIN} --epochs 5 --out runs/again"),
            _step("runs --prune --yes"),
            _step(f"{SWEEP.replace('--out s', '')} --lr 1e-3,1e-4 --batch-size 10"),
            _step("report last --out page.html"),
        ],
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

LISTED = {
    url: first
    for name, rows in (("faces", LIST), ("moved", MOVED), ("lost", LOST))
    for url, first in listed_for(WEBS[name](), [line.split("\t")[3] for line in rows]).items()
}
"""Which listed address leads to an address that is asked for."""
