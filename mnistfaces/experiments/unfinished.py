"""What a training keeps of itself while it runs, and how the same command goes on from there."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mnistfaces.engine.measuring import SIDES, Score, Side
from mnistfaces.engine.records import Epoch, Measure, by_side
from mnistfaces.engine.snapshots import Snapshot
from mnistfaces.experiments.ensembles import NO_PREDICTIONS, Begun
from mnistfaces.experiments.trials import Row
from mnistfaces.progress import Note
from mnistfaces.runs.folder import RunFolder, versions
from mnistfaces.runs.snapshots import read_snapshots, save_snapshot

if TYPE_CHECKING:
    from numpy.typing import NDArray

PLAIN = ("epoch", "status", "seconds", "best_epoch")
"""What of a measure is told as it is."""

TOLD = "told"


class Unfinished:
    """The snapshots of one training in its run directory, each with the learning curve up to there.

    Attributes:
        start: where the training goes on; None is from its first epoch.
        history: the learning curve up to there.
        epochs: up to which it trains; None is what was asked, or not yet chosen.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self.start: Begun | None = None
        self.history: list[Row] = []
        self.epochs: int | None = None

    def find(self) -> Iterator[Note]:
        """Looks for the newest snapshot that is whole, of this training, and made with these programs."""
        for found in read_snapshots(self._folder.path):
            if isinstance(found, Note):
                yield found
                continue
            arrays, facts = found
            if facts.pop("hash") != self._folder.hash:
                continue
            if (old := facts.pop("versions")) != versions():
                told = ", ".join(f"{name} {version}" for name, version in old.items())
                yield Note(message=f"{self._folder.path} was begun with {told}: it begins again, for other bits follow")
                return
            self.history, self.epochs = facts.pop("history"), facts.pop("epochs", None)
            self.start = _begun_of(arrays, facts)
            yield Note(message=f"{self._folder.path} goes on after {_place(self.start)}")
            return

    def keep(self, begun: Begun, history: Sequence[Row]) -> None:
        """Keeps how far the training is.

        Raises:
            FileError: the disk refuses.
        """
        known = {"hash": self._folder.hash, "versions": versions(), "history": list(history), "epochs": self.epochs}
        arrays, facts = _kept_of(begun)
        save_snapshot(self._folder.path, arrays, {**known, **facts})


def _place(begun: Begun) -> str:
    """Returns in words where a training is."""
    rounds, epoch = len(begun.told), begun.now.epoch if begun.now else 0
    return f"epoch {epoch}" if rounds == 1 else f"epoch {epoch} of model {rounds}"


def _kept_of(begun: Begun) -> "tuple[dict[str, NDArray[Any]], dict[str, Any]]":
    """Returns the arrays and the facts of a training on its way."""
    now: dict[str, Any] = dict(vars(begun.now)) if begun.now else {"arrays": {}}
    arrays = dict(now.pop("arrays"))
    for member, part in enumerate(begun.told):
        for epoch in part:
            arrays |= {f"{TOLD}.{member}.{name}": each for name, each in (epoch.measures[0].weights or {}).items()}
    return arrays, {**now, TOLD: [[_facts_of(epoch) for epoch in part] for part in begun.told]}


def _begun_of(arrays: "Mapping[str, NDArray[Any]]", facts: Mapping[str, Any]) -> Begun:
    """Returns the training on its way of which these are the arrays and the facts."""
    told = []
    for member, part in enumerate(facts[TOLD]):
        own = f"{TOLD}.{member}."
        weights = {name.removeprefix(own): each for name, each in arrays.items() if name.startswith(own)}
        told.append([_epoch_of(epoch, weights) for epoch in part])
    current = {name: each for name, each in arrays.items() if not name.startswith(f"{TOLD}.")}
    now = {name: value for name, value in facts.items() if name != TOLD}
    return Begun(told=told, now=Snapshot(arrays=current, **now) if now else None)


def _facts_of(epoch: Epoch) -> Row:
    """Returns the record of an epoch of one model as JSON values, without weights and predictions."""
    (measure,) = epoch.measures
    scores = {str(side): score and (score.loss, score.accuracy) for side, score in measure.scores.items()}
    plain = {name: getattr(measure, name) for name in PLAIN}
    return {"number": epoch.number, "checkpoint": epoch.checkpoint, **plain, **scores}


def _epoch_of(facts: Row, weights: "Mapping[str, NDArray[Any]]") -> Epoch:
    """Returns the record of an epoch that was told so."""
    scores: dict[Side, Score | None] = {
        side: facts[side] and Score(loss=facts[side][0], accuracy=facts[side][1], predicted=NO_PREDICTIONS)
        for side in SIDES
    }
    plain = {name: facts[name] for name in PLAIN}
    kept = weights if facts["checkpoint"] and weights else None
    measure = Measure(**plain, **by_side(scores), weights=kept)
    return Epoch(number=facts["number"], checkpoint=facts["checkpoint"], measures=(measure,))
