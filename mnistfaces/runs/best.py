"""The best model of a sweep that keeps weights, as a run of one model."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnistfaces.runs.runs import WEIGHTS, Run

if TYPE_CHECKING:
    from mnistfaces.runs.predictions import Predictions


@dataclass(frozen=True, kw_only=True, eq=False)
class BestModel(Run):
    """A sweep's run that answers as a training of the best cell with its first seed would."""

    @property
    def told(self) -> str:
        """Returns which model it is, for people."""
        fold = f", fold {self.config['fold']}" if self.split.folds else ""
        settings = {name: self.row.get(name) for name in self.config["swept"]}
        asked = "".join(f", {name.replace('_', ' ')} {value}" for name, value in settings.items() if value is not None)
        return f"{self.path} is a sweep: its best model answers{asked}, seed {self.config['seed']}{fold}"

    def rows(self) -> list[dict[str, Any]]:
        """Returns the one row that a training of its own would have."""
        return [{**self.config["row"], "test_low": None, "test_high": None, "run": str(self.path)}]

    def predictions(self) -> "Predictions":
        """Returns what this trial answered.

        Raises:
            RunError: the sweep's answers are not those that were written.
        """
        return super().predictions().only([self.config["trial"]])

    def file(self, name: str) -> Path:
        """Returns where a file of the sweep is; its weights are those of the model.

        Raises:
            RunError: there is none of this name, or the file is not the one that was written.
        """
        return super().file(self.config["weights"] if name == WEIGHTS else name)


def best_model_of(run: Run) -> Run:
    """Returns a sweep's best model where it keeps one, and any other run as it is."""
    best = run.config.get("best_model")
    if not best:
        return run
    sha256 = {**run.config["sha256"], WEIGHTS: run.config["sha256"].get(best["weights"])}
    return BestModel(path=run.path, config={**run.config, **best, "sha256": sha256})
