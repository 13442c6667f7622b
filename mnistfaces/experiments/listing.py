"""The runs that are kept: what each was asked, how it ended, and which of them `mnf runs --prune` offers to remove."""

import json
import shlex
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mnistfaces.config import ARITHMETIC
from mnistfaces.errors import FileError, MnistFacesError, RunError
from mnistfaces.experiments.commands import line_of
from mnistfaces.experiments.trials import Row
from mnistfaces.runs.configuration import CONFIG, read_config
from mnistfaces.runs.removal import holder_of, size_of
from mnistfaces.runs.runs import Run

LOST = ("failed", "diverged")
"""How a run ended that came to nothing."""


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One folder of runs.

    Attributes:
        path: the folder.
        row: what `mnf runs` prints.
        config: what the run's configuration says; None where it is damaged or gone.
        made: when it was last written, in seconds since 1970.
    """

    path: Path
    row: Row
    config: dict[str, Any] | None
    made: float


def list_runs(folder: Path) -> list[Listed]:
    """Returns every run in a folder of runs, the newest first; `why` says why one would be removed, or is None."""
    paths = [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
    found = sorted(filter(None, map(_look, paths)), key=lambda one: -one.made)
    return [replace(one, row={**one.row, "why": _why(one, found[:number])}) for number, one in enumerate(found)]


def _why(one: Listed, newer: Sequence[Listed]) -> str | None:
    """Returns why a run is not worth keeping; None where it is, or where a process is at work on it.

    `unfinished`: its command has not ended, and goes on if it is typed again. `failed`: it came to nothing.
    `superseded`: a newer folder holds all of the same run, or its numbers are of an arithmetic that this release left.
    `temporary`: a killed command left nothing but half-written files, or nothing but the folder.
    """
    if one.config is None:
        return "temporary" if one.row["status"] == "temporary" else None
    if one.row["status"] in ("running", "damaged"):
        return None
    if one.row["status"] == "unfinished":
        return "unfinished"
    if one.row["status"] in LOST:
        return "failed"
    replaced = any(_replaces(other, one) for other in newer)
    return "superseded" if replaced or one.config["arithmetic"] < ARITHMETIC else None


def _replaces(newer: Listed, one: Listed) -> bool:
    """Returns whether a newer folder holds all that one holds: two that grow may hold unlike parts of one run."""
    if newer.config is None or one.config is None or newer.config["hash"] != one.config["hash"]:
        return False
    try:
        return bool(newer.config["sha256"]) and _pieces(one) <= _pieces(newer)
    except (OSError, ValueError, LookupError, TypeError):  # damaged: nobody knows what it holds
        return False


def _pieces(one: Listed) -> set[str]:
    """Returns what a folder that grows holds: a sweep's trials and kept weights, the parts of the report."""
    ledgers = one.path.glob("trials*.ndjson")
    trials = {json.loads(line)["trial"] for ledger in ledgers for line in ledger.read_text("utf-8").splitlines()}
    grown = (*one.path.glob("weights/*.safetensors"), *one.path.glob("parts/*.json"))
    return trials | {path.name for path in grown}


def _look(path: Path) -> Listed | None:
    """Returns what a folder holds; None where it is no run and nothing of ours."""
    place = path / CONFIG
    row: Row = dict.fromkeys(("run", "command", "dataset", "setting", "accuracy", "status", "age", "bytes"))
    made = (place if place.exists() else path).stat().st_mtime
    row |= {"run": str(path), "age": max(0.0, time.time() - made), "bytes": size_of(path)}
    if not place.exists():
        if not _is_litter_alone(path):
            return None
        return Listed(path=path, row={**row, "command": "", "status": "temporary"}, config=None, made=made)
    try:
        config = read_config(path)
    except (FileError, RunError):
        return Listed(path=path, row={**row, "command": "", "status": "damaged"}, config=None, made=made)
    row["command"], run = config["command"], Run(path=path, config=config)
    if holder_of(path) is not None:
        told = _asked(run) | {"status": "running"}
    elif not config["sha256"]:
        told = _asked(run) | {"status": "unfinished"}
    else:
        told = _asked(run) | _ended(run)
    return Listed(path=path, row={**row, **told}, config=config, made=made)


def _is_litter_alone(path: Path) -> bool:
    """Returns whether a folder holds nothing but temporary files and locks, and no process is at work in it."""
    names = [file.name for file in path.rglob("*") if not file.is_dir()]
    ours = [name for name in names if name.startswith(".") and (name.endswith(".tmp") or name.startswith(".lock"))]
    return names == ours and holder_of(path) is None


def _asked(run: Run) -> Row:
    """Returns the dataset and the setting of a run, as far as it says."""
    dataset = run.config.get("dataset")
    named = dataset["name"] if isinstance(dataset, dict) else dataset
    try:
        setting = shlex.join(shlex.split(line_of(run))[3:])  # without `mnf train DATASET`
    except MnistFacesError:
        setting = " ".join(run.config.get("weights", []))
    return {"dataset": named, "setting": setting}


def _ended(run: Run) -> Row:
    """Returns how well a finished run did, and how it ended; a damaged one is `damaged`."""
    try:
        if run.command == "train":
            return {"accuracy": run.row["test_accuracy"], "status": run.row["status"]}
        if run.command == "sweep":
            summary = run.summary()
            if (best := summary["best"]) is not None:
                return {"accuracy": best["test_accuracy"], "status": best["status"]}
            ended = any(row["n"] for row in summary["cells"])  # without validation images none is the best
            return {"status": "ok" if ended else "failed"}
    except (MnistFacesError, LookupError, ValueError):
        return {"status": "damaged"}
    return {"status": "ok"}


def prunable(listed: Sequence[Listed]) -> Iterator[Listed]:
    """Yields those that `--prune` offers to remove."""
    return (one for one in listed if one.row["why"] is not None)
