"""Kept runs as their readers see them: what a command was asked, what it found, and proof that neither was changed."""

import contextlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnistfaces.config import SplitConfig, TrainConfig
from mnistfaces.display import Displayed
from mnistfaces.errors import FileError, RunError
from mnistfaces.files import write_bytes
from mnistfaces.files.schema import parse_json, problem_of
from mnistfaces.runs.configuration import COMMANDS, CONFIG, read_config
from mnistfaces.runs.folder import RUNS, sha256_if_there
from mnistfaces.text import nearest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mnistfaces.runs.predictions import Predictions

LAST = "last"
"""The reference to the newest finished run under `./runs` that the caller can use."""

WEIGHTS = "weights.safetensors"
PREDICTIONS = "predictions.npz"
RESULTS = "results.ndjson"
SUMMARY = "summary.json"
HISTORY = "history.csv"


def save_weights(path: Path, weights: Mapping[str, "NDArray[Any]"]) -> str:
    """Writes parameters under their `torch.nn.Sequential` names, whole or not at all; returns the file's SHA-256."""
    from safetensors.numpy import save

    return write_bytes(path, save(dict(weights)))


@dataclass(frozen=True, kw_only=True, eq=False)
class Run(Displayed):
    """A kept run.

    Attributes:
        path: its directory.
        config: what `config.json` says.
    """

    path: Path
    config: Mapping[str, Any]

    @property
    def command(self) -> str:
        """Returns the command that made it."""
        return str(self.config["command"])

    @property
    def stands_for(self) -> set[str]:
        """Returns the commands whose runs it can stand for: a sweep that keeps its best model is a training, too."""
        return {self.command} | ({"train"} if self.config.get("best_model") else set())

    @property
    def training(self) -> TrainConfig:
        """Returns how its model was trained."""
        return TrainConfig(**self.config["training"])

    @property
    def split(self) -> SplitConfig:
        """Returns how its dataset was divided."""
        return SplitConfig(**self.config["split"])

    @property
    def row(self) -> dict[str, Any]:
        """Returns the result row of a single run."""
        return self.rows()[0]

    def rows(self) -> list[dict[str, Any]]:
        """Returns its result rows."""
        lines = self.file(RESULTS).read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    def summary(self) -> dict[str, Any]:
        """Returns what only all cells of a sweep together tell."""
        return dict(json.loads(self.file(SUMMARY).read_text(encoding="utf-8")))

    def weights(self) -> "dict[str, NDArray[np.floating[Any]]]":
        """Returns its parameters by name: (C, D) and (C,), or (H, D), (H,), (C, H) and (C,).

        Raises:
            RunError: it keeps none, those of several models, or the file is not the one that was written.
        """
        self.require_weights()
        if (count := self.training.ensemble) > 1:
            raise RunError(
                f"{self.path} keeps {count} models that answer together: one is wanted here, trained without --ensemble"
            )
        return self.all_weights()

    def all_weights(self) -> "dict[str, NDArray[np.floating[Any]]]":
        """Returns the parameters of all its models by name: of one as `weights`, of several behind a number each.

        Raises:
            RunError: it keeps none, or the file is not the one that was written.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load

        self.require_weights()
        path = self.file(WEIGHTS)
        try:
            return dict(load(path.read_bytes()))
        except SafetensorError as error:
            raise RunError(f"{path} is damaged: {error}") from error

    def require_weights(self) -> None:
        """Raises RunError where it keeps no weights, with the line that makes some."""
        if WEIGHTS not in self.config["sha256"]:
            raise RunError(f"{self.path} keeps no weights: {self._how_to_train()}")

    def predictions(self) -> "Predictions":
        """Returns what its trials answered.

        Raises:
            RunError: it keeps none, or the file is not the one that was written.
        """
        from mnistfaces.runs.predictions import load_predictions

        return load_predictions(self.file(PREDICTIONS))

    def file(self, name: str) -> Path:
        """Returns where a file of the run is.

        Raises:
            RunError: it has none of this name, or the file is not the one that was written.
        """
        path = self.path / name
        expected = self.config["sha256"].get(name)
        if expected is None:
            made = f"it was made by `mnf {self.command}`"
            why = made if self.config["sha256"] else "run its command again to finish it"
            raise RunError(f"{self.path} has no {name}: {why}")
        if not path.exists():
            raise RunError(f"{path} is gone: run its command again")
        if sha256_if_there(path) != expected:
            raise RunError(f"{path} is not the file that was written (its SHA-256 differs): run its command again")
        return path

    def _how_to_train(self) -> str:
        if self.command == "sweep":
            best = self.config.get("best_command") or "mnf train"
            return f"a sweep keeps predictions only, unless --keep-weights best; get one model with `{best}`"
        return "it was made by `mnf " + self.command + "`"


def load_run(path: str | Path) -> Run:
    """Returns a kept run.

    Args:
        path: its directory; `last` is the newest finished run under `./runs`, unless a folder here is called so.

    Raises:
        RunError: the folder is not a run directory, its configuration is damaged, or there is no finished run.
        FileError: its configuration cannot be read now.
    """
    if str(path) == LAST and not Path(path).exists():
        return find_runs(LAST, COMMANDS)[0]
    return Run(path=Path(path), config=read_config(Path(path)))


def find_runs(reference: str, commands: Sequence[str], lines: Iterable[str] = ()) -> list[Run]:
    """Returns the runs that a reference means.

    Args:
        reference: a run directory; `last`, the newest finished run under `./runs` of one of `commands`; or `-`, the
            `run` field of each row in `lines`.
        commands: whose runs the caller can use.
        lines: rows, as NDJSON or as one JSON array.

    Raises:
        RunError: there is no such run, or none that can be used.
    """
    if reference == "-":
        paths = [row["run"] for row in _rows(lines) if row.get("run")]
        if not paths:
            raise RunError("stdin has no row with a `run`: pipe the rows of `mnf train` or `mnf sweep` in")
        return [load_run(path) for path in dict.fromkeys(paths)]
    if reference != LAST:
        if not Path(reference).exists() and (meant := _nearest_run(reference)):
            raise RunError(f"no run {reference!r}: did you mean {meant}?")
        return [load_run(reference)]
    for path in sorted(RUNS.glob(f"*/{CONFIG}"), key=_age):
        with contextlib.suppress(FileError, RunError):  # a stranger's file, or a damaged one, is no obstacle
            run = load_run(path.parent)
            if run.stands_for & set(commands) and run.config["sha256"]:
                return [run]
    raise RunError(f"no finished run of {' or '.join(f'mnf {name}' for name in commands)} under ./{RUNS}")


def _nearest_run(reference: str) -> str | None:
    """Returns the run under `./runs` that was most likely meant, or None where no name is near."""
    kept = {LAST: LAST} | {place.parent.name: place.parent.as_posix() for place in RUNS.glob(f"*/{CONFIG}")}
    meant = nearest(Path(reference).name, [*kept])
    return None if meant is None else kept[meant]


def _age(path: Path) -> float:
    """Returns by how much a file is older than 1970; anything is older than a file that went away meanwhile."""
    with contextlib.suppress(OSError):
        return -path.stat().st_mtime
    return math.inf


def _rows(lines: Iterable[str]) -> list[dict[str, Any]]:
    """Returns the rows of NDJSON, or of one JSON array, as `--format json` prints it."""
    text = "\n".join(line.rstrip("\n") for line in lines)
    if text.lstrip().startswith("["):
        try:
            rows = parse_json(text.encode("utf-8", "surrogateescape"))
        except ValueError as error:
            raise RunError(f"stdin is not an array of JSON: {error}") from error
    else:
        rows = [_row(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if not all(isinstance(row, dict) and _may_be_a_path(row.get("run")) for row in rows):
        raise RunError("stdin holds JSON that is not rows of mnf")
    return list(rows)


def _may_be_a_path(value: object) -> bool:
    """Returns whether the `run` of a row is none, or a text that a path can be."""
    return problem_of(value, str | None) is None and "\0" not in str(value)


def _row(number: int, line: str) -> Any:  # noqa: ANN401  a JSON value
    try:
        return parse_json(line.encode("utf-8", "surrogateescape"))
    except ValueError as error:
        raise RunError(f"line {number} of stdin is not NDJSON: {error}") from error
