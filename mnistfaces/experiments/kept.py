"""What a sweep's folder holds of trials that are done: a line of a ledger each, their answers, and perhaps weights."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mnistfaces.config import Status
from mnistfaces.errors import DataError, RunError
from mnistfaces.experiments.stacks import Checkpoint
from mnistfaces.experiments.trials import Row
from mnistfaces.files import hash_of, sha256_of_file
from mnistfaces.files.ledger import Ledger, read_records
from mnistfaces.files.schema import FileName
from mnistfaces.runs.folder import RunFolder, is_proven
from mnistfaces.runs.predictions import Predictions, load_predictions, save_predictions
from mnistfaces.runs.runs import save_weights

if TYPE_CHECKING:
    from mnistfaces.statistics.scores import TrialScores

LEDGER, LEDGERS = "trials.ndjson", "trials*.ndjson"
PARTS = "parts"
WEIGHTS = "weights"
WEIGHTS_ENDING = ".safetensors"


@dataclass(frozen=True, kw_only=True)
class TrialRecord:
    """What a line of a ledger says of a trial.

    Attributes:
        trial: the trial's key.
        seed: of its weights and minibatches.
        fold: its fold.
        train_loss: mean nats per image, as the next two losses; None where there is no such number.
        train_n: images that trained it; the next two validated and tested it.
        seconds: its share of its stack's time.
        status: how it ended.
        epoch: whose weights were measured.
        timing: whether its stack held other models.
        part: the file that has its answers.
        host: the machine that trained it.
        processor: of that machine.
        test_groups: groups of near-duplicates, or of one person, behind the test images; None before it was counted.
        best_epoch: that of the lowest validation loss; None where the last is kept, or before it was told.
        loo_accuracy: on training images, each by the model without its group; None of models that are not in closed
            form.
    """

    trial: str
    seed: int
    fold: int
    train_loss: float | None
    val_loss: float | None
    test_loss: float | None
    train_accuracy: float | None
    val_accuracy: float | None
    test_accuracy: float | None
    train_n: int
    val_n: int
    test_n: int
    seconds: float
    status: Status
    epoch: int
    timing: Literal["shared", "isolated"]
    part: FileName
    host: str | None = None
    processor: str | None = None
    test_groups: int | None = None
    best_epoch: int | None = None
    loo_accuracy: float | None = None


class Parts:
    """The answers of trials, in files that are read when they are needed; a damaged one counts as missing."""

    def __init__(self, folder: Path, sha256: Mapping[str, str]) -> None:
        """Looks at nothing yet.

        Args:
            folder: of the sweep.
            sha256: of files in it that were proven when the sweep was finished.
        """
        self._folder = folder / PARTS
        self._sha256 = {Path(name).name: one for name, one in sha256.items() if name.startswith(f"{PARTS}/")}
        self._read: dict[str, Predictions] = {}
        self._trials: dict[str, set[str] | None] = {}

    def has(self, record: Row) -> bool:
        """Returns whether a trial's answers are there and whole."""
        name = record["part"]
        if name not in self._trials:
            self._trials[name] = self._trials_in(name)
        trials = self._trials[name]
        return trials is None or record["trial"] in trials

    def _trials_in(self, name: str) -> set[str] | None:
        """Returns the trials of a file; None stands for all that it was written for."""
        if name in self._sha256:
            return None if is_proven(self._folder / name, self._sha256[name]) else set()
        try:
            self._read[name] = load_predictions(self._folder / name)
        except (DataError, RunError):
            return set()
        return set(self._read[name].trials.tolist())

    def read(self, name: str) -> Predictions:
        """Returns the answers in a file.

        Raises:
            DataError: it was damaged while the sweep was at work.
            RunError: likewise.
        """
        if name not in self._read:
            self._read[name] = load_predictions(self._folder / name)
        return self._read[name]

    def keep(self, predictions: Predictions) -> str:
        """Writes answers, and returns the name of their file.

        Raises:
            FileError: the disk refuses.
        """
        name = f"{hash_of(predictions.trials.tolist())[:16]}.npz"
        self._sha256[name] = save_predictions(self._folder / name, predictions)
        self._read[name], self._trials[name] = predictions, None
        return name

    def sha256(self, records: Mapping[str, Row]) -> dict[str, str]:
        """Returns the SHA-256 of every file that some records name, by its path in the sweep's folder."""
        names = sorted({record["part"] for record in records.values()})
        return {f"{PARTS}/{name}": self._sha256.get(name) or sha256_of_file(self._folder / name) for name in names}


class KeptTrials:
    """The trials in a sweep's folder that are done.

    Attributes:
        records: of the trials, by key, of which the answers are there and whole.
    """

    def __init__(self, folder: RunFolder) -> None:
        """Reads them.

        Raises:
            FileError: a ledger cannot be read.
        """
        self._folder = folder
        self.look()

    def look(self) -> None:
        """Reads them again: another process may have done some meanwhile.

        Raises:
            FileError: a ledger cannot be read.
        """
        path, sha256 = self._folder.path, self._folder.sha256
        self._parts = Parts(path, sha256)
        ledgers = [] if self._folder.replaces else sorted(path.glob(LEDGERS))
        self.records: dict[str, Row] = {
            record["trial"]: record
            for ledger in ledgers
            for record in read_records(ledger, TrialRecord, sha256.get(ledger.name))
            if self._parts.has(record)
        }

    def keep(self, found: Checkpoint, ledger: Ledger) -> list[Row]:
        """Writes what trials answered, then their records: only finished work is recorded. Returns the records.

        Raises:
            FileError: the disk refuses.
        """
        for key, weights in found.weights.items():
            save_weights(self._weights_of(key), weights)
        part = self._parts.keep(found.predictions)
        records = [{**record, "part": part} for record in found.records]
        ledger.extend(records)
        self.records.update((record["trial"], record) for record in records)
        return records

    def scores(self, key: str) -> "TrialScores | None":
        """Returns the answers on its test images of a trial that is done; None where it has none."""
        return self._parts.read(self.records[key]["part"]).scores(key)

    def predictions(self, keys: Iterable[str]) -> Predictions | None:
        """Returns the answers of those of some trials that are done, in this order; None where none is."""
        done = [key for key in keys if key in self.records]
        if not done:
            return None
        parts = [self._parts.read(name) for name in dict.fromkeys(self.records[key]["part"] for key in done)]
        return Predictions.joined(parts).only(done)

    def lacking_weights(self, keys: Sequence[str]) -> set[str]:
        """Returns which of some trials are done and ended with weights that were not kept."""
        there = {file.stem for file in self._weights()}
        return {key for key in keys if key not in there and self.records.get(key, {}).get("train_loss") is not None}

    def drop_weights_but(self, keys: Container[str]) -> None:
        """Removes the weights of all but some trials."""
        for file in self._weights():
            if file.stem not in keys:
                file.unlink()

    def sha256(self) -> dict[str, str]:
        """Returns the SHA-256 of every file of answers and weights, by its path in the folder."""
        weights = {self.weights_name(file.stem): sha256_of_file(file) for file in self._weights()}
        return {**self._parts.sha256(self.records), **weights}

    @staticmethod
    def weights_name(key: str) -> str:
        """Returns the path in the folder of the file that a trial's weights are kept in, if they are."""
        return f"{WEIGHTS}/{key}{WEIGHTS_ENDING}"

    def _weights(self) -> list[Path]:
        return sorted((self._folder.path / WEIGHTS).glob(f"[!.]*{WEIGHTS_ENDING}"))

    def _weights_of(self, key: str) -> Path:
        return self._folder.path / self.weights_name(key)
