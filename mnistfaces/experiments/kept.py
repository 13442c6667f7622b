"""What a sweep's folder holds of trials that are done: a line of a ledger each, their answers, and perhaps weights."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mnistfaces.config import Status
from mnistfaces.errors import DataError, RunError
from mnistfaces.experiments.stacks import Checkpoint
from mnistfaces.experiments.trials import Row
from mnistfaces.files import hash_of
from mnistfaces.files.ledger import Ledger, read_records
from mnistfaces.files.schema import FileName
from mnistfaces.runs.folder import RunFolder, sha256_if_there
from mnistfaces.runs.predictions import Predictions, load_predictions, save_predictions
from mnistfaces.runs.runs import save_weights

if TYPE_CHECKING:
    from mnistfaces.statistics.scores import TrialScores

LEDGER, LEDGERS = "trials.ndjson", "trials*.ndjson"
PARTS = "parts"
PART_LENGTH, PART_ENDING = 16, ".npz"
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
        part_sha256: of that file as it was written; None before it was told, as are the weights'.
        weights_sha256: of the file of its weights as it was written; None where none were kept.
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
    part_sha256: str | None = None
    weights_sha256: str | None = None
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
        self._proven = {Path(name).name: one for name, one in sha256.items() if name.startswith(f"{PARTS}/")}
        self._read: dict[str, Predictions] = {}
        self._there: dict[str, str | None] = {}

    def has(self, record: Row) -> bool:
        """Returns whether a trial's answers are there as they were written; where nothing tells that, whether whole.

        Raises:
            FileError: they may be sound, but cannot be read now.
        """
        name = record["part"]
        if name not in self._there:
            self._there[name] = sha256_if_there(self._folder / name)
        told = record.get("part_sha256") or self._proven.get(name)
        if told is not None or self._there[name] is None:
            return told is not None and self._there[name] == told
        try:
            return record["trial"] in self.read(name).trials
        except (DataError, RunError):
            return False

    def read(self, name: str) -> Predictions:
        """Returns the answers in a file.

        Raises:
            DataError: it was damaged while the sweep was at work.
            RunError: likewise.
        """
        if name not in self._read:
            self._read[name] = load_predictions(self._folder / name)
        return self._read[name]

    def keep(self, predictions: Predictions) -> dict[str, str]:
        """Writes answers, and returns what a record says of their file.

        Raises:
            FileError: the disk refuses.
        """
        name = f"{hash_of(predictions.trials.tolist())[:PART_LENGTH]}{PART_ENDING}"
        sha256 = save_predictions(self._folder / name, predictions)
        self._read[name], self._there[name] = predictions, sha256
        return {"part": name, "part_sha256": sha256}

    def sha256(self, records: Mapping[str, Row]) -> dict[str, str]:
        """Returns the SHA-256 of every file that some records name, by its path in the sweep's folder."""
        names = sorted({record["part"] for record in records.values()})
        return {f"{PARTS}/{name}": sha256 for name in names if (sha256 := self._there[name]) is not None}


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
        self._proven = self._folder.sha256
        self._parts = Parts(self._folder.path, self._proven)
        self.records: dict[str, Row] = {record["trial"]: record for record in self._told() if self._parts.has(record)}

    def _told(self) -> Iterator[Row]:
        """Yields what the ledgers tell, whether the answers are there or not."""
        for ledger in [] if self._folder.replaces else sorted(self._folder.path.glob(LEDGERS)):
            yield from read_records(ledger, TrialRecord, self._folder.sha256.get(ledger.name))

    def keep(self, found: Checkpoint, ledger: Ledger) -> list[Row]:
        """Writes what trials answered, then their records: only finished work is recorded. Returns the records.

        Raises:
            FileError: the disk refuses.
        """
        weights = {key: save_weights(self._weights_of(key), arrays) for key, arrays in found.weights.items()}
        part = self._parts.keep(found.predictions)
        records = [
            {**record, **part, **({"weights_sha256": weights[record["trial"]]} if record["trial"] in weights else {})}
            for record in found.records
        ]
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
        """Returns which of some trials are done and ended with weights that are not kept as they were written.

        Raises:
            FileError: they may be sound, but cannot be read now.
        """
        return {
            key
            for key in keys
            if self.records.get(key, {}).get("train_loss") is not None
            and (sha256_if_there(self._weights_of(key)) or "gone") != self._sha256_of_weights(key)
        }

    def drop_weights_but(self, keys: Container[str]) -> None:
        """Removes the weights of all but some trials."""
        for file in self._weights():
            if file.stem not in keys:
                file.unlink()

    def drop_parts_of_nobody(self) -> None:
        """Removes answers that no record tells of: their process was stopped before it did, and others were made."""
        named = {record["part"] for record in (*self._told(), *self.records.values())}
        for file in (self._folder.path / PARTS).glob(f"{'[0-9a-f]' * PART_LENGTH}{PART_ENDING}"):
            if file.name not in named:
                file.unlink()

    def sha256(self) -> dict[str, str]:
        """Returns the SHA-256 of every file of answers and weights, by its path in the folder."""
        weights = {self.weights_name(file.stem): self._sha256_of_weights(file.stem) for file in self._weights()}
        return {**self._parts.sha256(self.records), **{name: one for name, one in weights.items() if one is not None}}

    def _sha256_of_weights(self, key: str) -> str | None:
        """Returns the SHA-256 of a trial's weights as they were written; of an earlier release's, as they are."""
        record = self.records.get(key, {})
        told = record.get("weights_sha256") or self._proven.get(self.weights_name(key))
        return told or (None if "part_sha256" in record else sha256_if_there(self._weights_of(key)))

    @staticmethod
    def weights_name(key: str) -> str:
        """Returns the path in the folder of the file that a trial's weights are kept in, if they are."""
        return f"{WEIGHTS}/{key}{WEIGHTS_ENDING}"

    def _weights(self) -> list[Path]:
        return sorted((self._folder.path / WEIGHTS).glob(f"[!.]*{WEIGHTS_ENDING}"))

    def _weights_of(self, key: str) -> Path:
        return self._folder.path / self.weights_name(key)
