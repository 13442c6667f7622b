"""What a sweep's folder holds of trials that are done: a line of a ledger each, and their answers, part by part."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mnistfaces.config import Status
from mnistfaces.errors import DataError, RunError
from mnistfaces.experiments.trials import Row
from mnistfaces.files import hash_of, sha256_of_file
from mnistfaces.files.ledger import read_records
from mnistfaces.files.schema import FileName
from mnistfaces.runs.folder import is_proven
from mnistfaces.runs.predictions import Predictions, load_predictions, save_predictions

LEDGER, LEDGERS = "trials.ndjson", "trials*.ndjson"
PARTS = "parts"


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


def read_trials(folder: Path, parts: Parts, sha256: Mapping[str, str]) -> dict[str, Row]:
    """Returns the records of all ledgers of a sweep, by trial, of which the answers are there and whole.

    Args:
        folder: of the sweep.
        parts: its answers.
        sha256: of its files when it was finished.

    Raises:
        FileError: a ledger cannot be read.
    """
    return {
        record["trial"]: record
        for path in sorted(folder.glob(LEDGERS))
        for record in read_records(path, TrialRecord, sha256.get(path.name))
        if parts.has(record)
    }
