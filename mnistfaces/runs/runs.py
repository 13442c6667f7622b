"""The run directory: what a command was asked, what it found, and proof that neither was changed since."""

import contextlib
import json
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnistfaces.config import ARITHMETIC, SplitConfig, TrainConfig
from mnistfaces.errors import FileError, RunError
from mnistfaces.files import hash_of, sha256_of_file, write_json, write_whole

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mnistfaces.datasets.base import Dataset
    from mnistfaces.runs.predictions import Predictions

CONFIG = "config.json"
WEIGHTS = "weights.safetensors"
PREDICTIONS = "predictions.npz"
RESULTS = "results.ndjson"
SUMMARY = "summary.json"
RUNS = Path("runs")
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


class RunFolder:
    """The directory of one run, opened for its configuration.

    Attributes:
        path: the folder.
        finished: whether the same command ended well here before, and what it left is not to be replaced.
        replaces: whether `claim` will remove what is there.
    """

    def __init__(
        self, asked: Mapping[str, object], files: Sequence[str], *, out: Path | None = None, force: bool = False
    ) -> None:
        """Looks at the folder; nothing is written before `claim`.

        Args:
            asked: the configuration that the folder stands for.
            files: names that the run will write, besides `config.json`.
            out: the folder; None is `runs/<command>-<hash>`.
            force: lets `claim` remove what another configuration, or a finished run of this one, left: the files
                that its `config.json` lists.

        Raises:
            RunError: another configuration's results are there.
        """
        self.asked, self.files = asked, list(files)
        self.hash = hash_of(asked)[:HASH_LENGTH]
        self.path = out or RUNS / f"{asked['command']}-{self.hash}"
        known = read_config(self.path) if (self.path / CONFIG).exists() else None
        if known is not None and known["hash"] != self.hash and not force:
            raise RunError(
                f"{self.path} holds another run ({known['command']} {known['hash']}): "
                "choose another --out, or replace it with --force"
            )
        if known is None and (strange := [name for name in self.files if (self.path / name).exists()]):
            raise RunError(f"{self.path / strange[0]} is there already and no run of mnf's: choose another --out")
        same = known is not None and known["hash"] == self.hash
        done = known is not None and known["sha256"] != {}
        self.finished = same and done and not force
        self.replaces = known is not None and not self.finished and (done or not same)
        self._old: list[str] = known["files"] if known is not None and self.replaces else []

    def claim(self) -> None:
        """Makes the folder this configuration's, before any work goes into it, and the newest for `last`.

        Raises:
            FileError: the disk refuses.
        """
        self._remove(self._old)
        if not self.finished:
            self._write({})
            return
        with contextlib.suppress(OSError):  # a shared run that only its owner may write is read as it is
            os.utime(self.path / CONFIG)

    def finish(self, more: Sequence[str] = (), **found: object) -> None:
        """Records that every file is there, with its SHA-256; `more` files and facts that the work brought forth."""
        self.files = [*self.files, *more]
        present = [name for name in self.files if (self.path / name).exists()]
        self._write({name: sha256_of_file(self.path / name) for name in present}, found)

    def _write(self, sha256: Mapping[str, str], found: Mapping[str, object] | None = None) -> None:
        versions = {"python": platform.python_version()}
        for package in ("mnistfaces", "numpy", "torch"):
            with contextlib.suppress(metadata.PackageNotFoundError):
                versions[package] = metadata.version(package)
        known = {"hash": self.hash, "files": list(self.files), "sha256": dict(sha256), "versions": versions}
        write_json(self.path / CONFIG, {**self.asked, **known, **(found or {})})

    def _remove(self, names: Iterable[str]) -> None:
        for name in names:
            target = self.path / name
            if self.path.resolve() not in target.resolve().parents:
                raise RunError(f"{self.path / CONFIG} lists {name!r}, which is not a file of its folder")
            try:
                target.unlink(missing_ok=True)
            except OSError as error:
                raise FileError(f"cannot remove {target}: {error.strerror}") from error


def read_config(path: Path) -> dict[str, Any]:
    """Returns the configuration of a run directory.

    Raises:
        RunError: there is none, or it is damaged.
    """
    if not (path / CONFIG).exists():
        raise RunError(f"{path} is not a run directory: it has no {CONFIG}")
    known = read_json(path / CONFIG)
    if not {"command", "hash", "files", "sha256"} <= known.keys():
        raise RunError(f"{path / CONFIG} is not a configuration that mnf wrote")
    return known


def read_json(path: Path) -> dict[str, Any]:
    """Returns the object in a JSON file of a run.

    Raises:
        RunError: the file is not there, or damaged.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"cannot read {path}: {error}") from error
    if not isinstance(value, dict):
        raise RunError(f"{path} is not an object of JSON")
    return value


def save_weights(path: Path, weights: Mapping[str, "NDArray[Any]"]) -> None:
    """Writes parameters under their `torch.nn.Sequential` names, whole or not at all."""
    from safetensors.numpy import save

    with write_whole(path) as file:
        file.write(save(dict(weights)))


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
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
        lines = self._checked(RESULTS).read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    def weights(self) -> "dict[str, NDArray[np.floating[Any]]]":
        """Returns its parameters by name: (C, D) and (C,), or (H, D), (H,), (C, H) and (C,).

        Raises:
            RunError: it keeps none, or the file is not the one that was written.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load

        if WEIGHTS not in self.config["sha256"]:
            raise RunError(f"{self.path} keeps no weights: {self._how_to_train()}")
        path = self._checked(WEIGHTS)
        try:
            return dict(load(path.read_bytes()))
        except SafetensorError as error:
            raise RunError(f"{path} is damaged: {error}") from error

    def predictions(self) -> "Predictions":
        """Returns what its trials answered.

        Raises:
            RunError: it keeps none, or the file is not the one that was written.
        """
        from mnistfaces.runs.predictions import load_predictions

        return load_predictions(self._checked(PREDICTIONS))

    def _checked(self, name: str) -> Path:
        path = self.path / name
        expected = self.config["sha256"].get(name)
        if expected is None:
            raise RunError(f"{self.path} has no {name}: run its command again to finish it")
        if not path.exists():
            raise RunError(f"{path} is gone: run its command again with --force")
        if sha256_of_file(path) != expected:
            raise RunError(
                f"{path} is not the file that was written (its SHA-256 differs): run its command again with --force"
            )
        return path

    def _how_to_train(self) -> str:
        if self.command == "sweep":
            best = self.config.get("best_command") or "mnf train"
            return f"a sweep keeps predictions only; get one model with `{best}`"
        return "it was made by `mnf " + self.command + "`"


def load_run(path: str | Path) -> Run:
    """Returns a kept run.

    Raises:
        RunError: the folder is not a run directory, or its configuration is damaged.
    """
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
    if reference != "last":
        return [load_run(reference)]
    found = sorted(RUNS.glob(f"*/{CONFIG}"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in found:
        run = load_run(path.parent)
        if run.command in commands and run.config["sha256"]:
            return [run]
    raise RunError(f"no finished run of {' or '.join(f'mnf {name}' for name in commands)} under ./{RUNS}")


def _rows(lines: Iterable[str]) -> list[dict[str, Any]]:
    """Returns the rows of NDJSON, or of one JSON array, as `--format json` prints it."""
    text = "\n".join(line.rstrip("\n") for line in lines)
    if text.lstrip().startswith("["):
        try:
            rows = json.loads(text)
        except ValueError as error:
            raise RunError(f"stdin is not an array of JSON: {error}") from error
    else:
        rows = [_row(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not all(isinstance(row, dict) and isinstance(row.get("run", ""), str | None) for row in rows):
        raise RunError("stdin holds JSON that is not rows of mnf")
    return list(rows)


def _row(number: int, line: str) -> Any:  # noqa: ANN401  a JSON value
    try:
        return json.loads(line)
    except ValueError as error:
        raise RunError(f"line {number} of stdin is not NDJSON: {error}") from error
