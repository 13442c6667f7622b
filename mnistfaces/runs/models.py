"""What a kept run was made with: its network, its dataset, its split."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from mnistfaces.config import DataConfig, NormalisationName
from mnistfaces.datasets import NAMES, RESIZED, read_dataset
from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.splits import Split, draw_split
from mnistfaces.errors import DataError, RunError
from mnistfaces.progress import Event, drained, result_of
from mnistfaces.runs.best import best_model_of
from mnistfaces.runs.network import Ensemble, Network
from mnistfaces.runs.runs import WEIGHTS, Run, find_runs

RGB_AXES = 3
SAID = {"name", "kind", "fingerprint", "shape", "classes", "meta"}


class SizeAndColor(TypedDict, total=False):
    """Resolution and colour of faces and of folders of images."""

    res: int
    color: bool


def find_run(reference: str, commands: Sequence[str], lines: Iterable[str] = ()) -> Run:
    """Returns the one run that a reference means.

    Args:
        reference: a run directory, `last`, or `-` for the `run` field of rows.
        commands: whose runs `last` looks at.
        lines: those rows.

    Raises:
        RunError: there is no such run, or the rows name several.
    """
    runs = find_runs(reference, commands, lines)
    if len(runs) > 1:
        raise RunError(f"stdin names {len(runs)} runs, such as {runs[0].path} and {runs[1].path}: give one")
    return runs[0]


def find_model(reference: str, lines: Iterable[str] = ()) -> Run:
    """Returns the one run of a model that a reference means: a training, or a sweep's best model.

    Args:
        reference: a run directory, `last`, or `-` for the `run` field of rows.
        lines: those rows.

    Raises:
        RunError: there is no such run, the rows name several, or it keeps no model.
    """
    run = best_model_of(find_run(reference, ("train",), lines))
    if run.command != "train":
        run.require_weights()
    return run


def network_of(run: Run) -> Network:
    """Returns the one model that a run keeps.

    Raises:
        RunError: it keeps none, or several, or the file is not the one that was written.
    """
    _require_model(run)
    return Network.of(run.weights(), run.training.activation)


def answering_of(run: Run) -> Network | Ensemble:
    """Returns what answers for a run: its model, or the models of an ensemble.

    Raises:
        RunError: it keeps none, or the file is not the one that was written.
    """
    _require_model(run)
    if run.training.ensemble == 1:
        return network_of(run)
    return Ensemble.of(run.all_weights(), run.training.activation)


def _require_model(run: Run) -> None:
    if run.command == "train" and WEIGHTS not in run.config["sha256"]:
        raise RunError(f"{run.path} keeps no model: its status is {run.row['status']}")


def shape_of(run: Run) -> tuple[int, ...]:
    """Returns the shape of one input of a run's model.

    Raises:
        RunError: its configuration does not say.
    """
    return tuple(int(length) for length in origin_of(run)["shape"])


def classes_of(run: Run) -> tuple[str, ...]:
    """Returns the names of the classes that a run's model tells apart.

    Raises:
        RunError: its configuration does not say.
    """
    return tuple(str(name) for name in origin_of(run)["classes"])


def origin_of(run: Run) -> Mapping[str, Any]:
    """Returns what a run's configuration says of its dataset.

    Raises:
        RunError: it says nothing, or not all.
    """
    known = run.config.get("dataset")
    if not isinstance(known, dict) or not known.keys() >= SAID:
        raise RunError(f"{run.path} does not say which dataset it was made with: give a run of mnf train")
    return known


def takes_pixels(run: Run) -> bool:
    """Returns whether a run's model takes images of pixels from 0 to 255, and no features.

    Raises:
        RunError: its configuration does not say.
    """
    return len(shape_of(run)) > 1


def normalisation_of(run: Run) -> NormalisationName:
    """Returns which form the images of a run's dataset have.

    Raises:
        RunError: its configuration does not say with which dataset it was made.
    """
    kept: NormalisationName | None = run.config.get("normalisation")
    if kept is not None:
        return kept
    named = str(origin_of(run)["name"])  # of release 0.1.0, which kept no form
    return "mnist" if named in ("digits-sample", "digits-full") else "square"


def dataset_of(run: Run, data_dir: Path | None = None) -> Dataset:
    """Returns the dataset that a run was made with, the very same images.

    Raises:
        DataError: it is not on this machine, or the run does not say where.
        RunError: what bears its name is of other content now.
    """
    return drained(read_dataset_of(run, data_dir))


def read_dataset_of(run: Run, data_dir: Path | None = None) -> Iterator[Event | Dataset]:
    """Yields the dataset that a run was made with, and before that how far reading it is: `dataset_of`, watched."""
    known, shape = origin_of(run), shape_of(run)
    name, own = str(known["name"]), known["kind"] in ("images", "arrays")
    place = str(known["meta"].get("source", name)) if own else name
    if own and not Path(place).exists():
        raise DataError(f"{run.path} was made with the images in {place}, which is not there (relative to here)")
    if not own and name not in NAMES:
        raise DataError(f"{run.path} does not say where {name} lies, which it was made with: name its file as DATASET")
    where = Path.cwd() / place if own else place  # a folder may bear the name of a dataset
    data = DataConfig(**size_and_color(known["kind"], shape), **reading_of(run))
    dataset = yield from result_of(read_dataset(str(where), data, data_dir=data_dir))
    if dataset.fingerprint != known["fingerprint"]:
        raise RunError(f"{run.path} was made with {name} of other content than it has here: make the run again")
    yield dataset


def reading_of(run: Run) -> dict[str, Any]:
    """Returns the arguments of `load_dataset` that read data of one's own as a run read them."""
    return dict(origin_of(run)["meta"].get("reading", {}))


def size_and_color(kind: str, shape: tuple[int, ...]) -> SizeAndColor:
    """Returns the arguments of `load_dataset` that give a kind of dataset images of this shape."""
    if kind not in RESIZED:
        return {}
    return {"res": shape[0], "color": len(shape) == RGB_AXES}


def split_of(run: Run, dataset: Dataset) -> Split:
    """Returns the images that trained, validated and tested a run's model, in the dataset that it was made with."""
    split = draw_split(dataset, run.split, run.config["split_seed"], run.config.get("fold", 0))
    return split.refitted() if run.training.refit else split
