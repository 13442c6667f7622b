"""What `config.json` says, command by command: how it is made, and the one place that it is checked against."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnistfaces.config import ARITHMETIC, DatasetKind, NormalisationName, SplitConfig, TrainConfig
from mnistfaces.errors import FileError, RunError, UsageError
from mnistfaces.files import hash_of
from mnistfaces.files.schema import only_known, parse_json, problem_of
from mnistfaces.files.seals import CHECK, is_whole

if TYPE_CHECKING:
    from mnistfaces.datasets.base import Dataset

CONFIG = "config.json"
HASH_LENGTH = 12


def describe(dataset: "Dataset") -> dict[str, object]:
    """Returns what a configuration says of a dataset."""
    return {
        "name": dataset.name,
        "kind": dataset.kind,
        "fingerprint": dataset.fingerprint,
        "shape": list(dataset.shape),
        "classes": list(dataset.classes),
        "meta": dict(dataset.meta),
    }


def configuration(command: str, **asked: object) -> dict[str, object]:
    """Returns the effective configuration of a command: all that bears on its results, as JSON."""
    plain = {name: asdict(value) if isinstance(value, SplitConfig) else value for name, value in asked.items()}
    return {"command": command, "arithmetic": ARITHMETIC, **plain}


def name_of(asked: Mapping[str, object]) -> str:
    """Returns the hash that stands for what was asked."""
    return hash_of(asked)[:HASH_LENGTH]


@dataclass(frozen=True, kw_only=True)
class DatasetRecord:
    """What a configuration says of a dataset."""

    name: str
    kind: DatasetKind
    fingerprint: str
    shape: list[int]
    classes: list[str]
    meta: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class FolderRecord:
    """What every configuration says.

    Attributes:
        command: that made it.
        arithmetic: how its numbers were computed.
        hash: of what was asked; names the folder.
        files: what the run wrote, and `--force` may remove.
        sha256: of the files that are read again; empty while the run is not finished.
        versions: of the programs that made it.
    """

    command: str
    arithmetic: int
    hash: str
    files: list[str]
    sha256: dict[str, str]
    versions: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class TrainRecord(FolderRecord):
    """The configuration of `mnf train`; `normalisation` is found when the dataset is open."""

    dataset: DatasetRecord
    training: TrainConfig
    split: SplitConfig
    seed: int
    split_seed: int
    res: int | None
    every: int
    device: str
    normalisation: NormalisationName | None = None


@dataclass(frozen=True, kw_only=True)
class BestModelRecord:
    """What a sweep that keeps weights says of the best cell's first model, as a training says it of its own.

    Attributes:
        trial: its key.
        weights: the file in the sweep's folder.
        row: what a training of its own would report.
    """

    trial: str
    weights: str
    dataset: DatasetRecord
    training: TrainConfig
    split: SplitConfig
    seed: int
    split_seed: int
    fold: int
    normalisation: NormalisationName
    row: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class SweepRecord(FolderRecord):
    """The configuration of `mnf sweep`; the command and the model of the best cell are found when it is finished."""

    datasets: list[DatasetRecord] | None
    dataset: str
    classes: list[str]
    swept: list[str]
    fixed: dict[str, Any]
    fixed_split: bool
    device: str
    isolated: bool
    best_command: str | None = None
    best_model: BestModelRecord | None = None


@dataclass(frozen=True, kw_only=True)
class ContourRecord(FolderRecord):
    """The configuration of `mnf contour`."""

    dataset: DatasetRecord
    model: str
    split: SplitConfig
    split_seed: int
    weights: list[str]
    surface: dict[str, Any]


FOUND = ("hash", "files", "sha256", "versions", "best_command", "best_model", "normalisation", CHECK)
"""What a configuration says beyond what was asked."""

RECORDS: dict[str, type[FolderRecord]] = {"train": TrainRecord, "sweep": SweepRecord, "contour": ContourRecord}


def read_config(path: Path) -> dict[str, Any]:
    """Returns the configuration of a run directory, checked.

    Raises:
        RunError: there is none, or it is damaged; the message ends with the command that goes on.
        FileError: it may be sound, but cannot be read now.
    """
    place = path / CONFIG
    try:
        content = place.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        why = f"it has no {CONFIG}" if path.exists() else "there is no such folder"
        raise RunError(f"{path} is not a run directory: {why}") from None
    except OSError as error:
        raise FileError(f"cannot read {place}: {error.strerror or error}") from error
    try:
        config = parse_json(content)
        wrong = _problem_of(config)
    except ValueError as error:
        config, wrong = {}, f"no JSON: {error}"
    if wrong:
        command = config.get("command") if isinstance(config, dict) else None
        again = f"mnf {command}" if command in COMMANDS else "the command that made it"
        raise RunError(f"{place} is damaged ({wrong}): run {again} again with the same options and --force")
    return dict(config)


COMMANDS = ("train", "sweep", "contour", "trajectory", "reproduce")
"""Those that keep runs."""


def _problem_of(config: object) -> str | None:
    """Returns what is wrong with a configuration, in words, or None."""
    if not isinstance(config, dict):
        return "no object of JSON"
    schema = RECORDS.get(str(config.get("command")), FolderRecord)
    known = only_known(config, schema)  # a later release may say more
    if wrong := problem_of(known, schema) or problem_of(config, dict[str, Any]):
        return wrong
    if CHECK in config:
        wrong = None if is_whole(config) else "its checksum differs"
    else:  # of release 0.1.0: what was asked is protected by the hash, what was found is not
        asked = {name: value for name, value in config.items() if name not in FOUND}
        wrong = None if name_of(asked) == config["hash"] else "its hash differs"
    if wrong:
        return wrong
    for name, kind in (("training", TrainConfig), ("split", SplitConfig)):
        if name in known:
            try:
                kind(**known[name])
            except UsageError as error:
                return f"{name}: {error}"
    return None
