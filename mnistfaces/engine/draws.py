"""What a seed decides, how many steps an epoch has, and how models are numbered: known before anything is computed."""

from dataclasses import dataclass

from mnistfaces.config import TrainConfig
from mnistfaces.datasets.splits import Split
from mnistfaces.errors import UsageError


@dataclass(frozen=True, kw_only=True, eq=False)
class Draw:
    """What a seed decides: the split, and through `seed` the initial weights and the order of minibatches."""

    split: Split
    seed: int


def require_validation(config: TrainConfig, split: Split) -> None:
    """Raises UsageError where a training chooses by validation images, and there are none."""
    if config.select == "best" and not len(split.val):
        chooser = "--select best" if config.patience is None else "--patience"
        raise UsageError(f"{chooser} needs validation images: see --val-per-class")


def is_full_batch(config: TrainConfig, images: int) -> bool:
    """Returns whether a step uses all training images: no batch size given, or one that holds them all."""
    return config.batch_size is None or config.batch_size >= images


def require_unlike(config: TrainConfig, images: int) -> None:
    """Raises UsageError where all models of an ensemble would be the same: full batches of so many images, from zero.

    Mirrored images are the same for every seed, too.
    """
    changed = config.augment is not None and config.augment.replace("mirror", "").strip(",")
    same = is_full_batch(config, images * config.copies) and config.model == "softmax" and not changed
    if config.ensemble > 1 and same:
        raise UsageError(
            f"--ensemble {config.ensemble}: full batches of --model softmax are the same for every seed: "
            "give a --batch-size"
        )


def count_steps(config: TrainConfig, images: int) -> int:
    """Returns the number of optimizer steps in an epoch over so many training images."""
    if config.batch_size is None or is_full_batch(config, images):
        return 1
    return images // config.batch_size if config.drop_last else -(-images // config.batch_size)


def cell_and_draw(model: int, draws: int) -> tuple[int, int]:
    """Returns which cell and which of so many draws a model has: models are numbered cell by cell."""
    return divmod(model, draws)


def model_of(cell: int, draw: int, draws: int) -> int:
    """Returns the number of the model that has a cell and a draw, of so many draws."""
    return cell * draws + draw
