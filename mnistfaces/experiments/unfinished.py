"""What a training keeps of itself while it runs, and how the same command goes on from there."""

from collections.abc import Iterator, Sequence

from mnistfaces.engine.snapshots import Snapshot
from mnistfaces.experiments.trials import Row
from mnistfaces.progress import Note
from mnistfaces.runs.folder import RunFolder, versions
from mnistfaces.runs.snapshots import read_snapshots, save_snapshot


class Unfinished:
    """The snapshots of one training in its run directory, each with the learning curve up to there.

    Attributes:
        start: where the training goes on; None is from its first epoch.
        history: the learning curve up to there.
        epochs: up to which it trains; None is what was asked.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self.start: Snapshot | None = None
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
            self.start = Snapshot(arrays=arrays, **facts)
            yield Note(message=f"{self._folder.path} goes on after epoch {self.start.epoch}")
            return

    def keep(self, snapshot: Snapshot, history: Sequence[Row]) -> None:
        """Keeps how far the training is.

        Raises:
            FileError: the disk refuses.
        """
        facts = {name: value for name, value in vars(snapshot).items() if name != "arrays"}
        known = {"hash": self._folder.hash, "versions": versions(), "history": list(history), "epochs": self.epochs}
        save_snapshot(self._folder.path, snapshot.arrays, {**known, **facts})
