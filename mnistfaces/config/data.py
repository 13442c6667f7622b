"""Which images: how a dataset is divided, in which form it is taken, and how data of one's own are read."""

from dataclasses import dataclass
from typing import Literal

from mnistfaces.config.checks import require, require_bounded
from mnistfaces.config.names import LayoutName, ReadAs
from mnistfaces.options import option

FACES_RES = 32
MAX_RES = 4096

FOLDS_ARITHMETIC = 1
"""Raised whenever the same configuration with folds would give other numbers; part of the hash of runs with folds.

1: the validation images rotate with the folds.
"""


@dataclass(frozen=True, kw_only=True)
class SplitConfig:
    """How a dataset is divided into training, validation and test images; `None` takes what is left.

    Attributes:
        train_per_class: training images per class; None trains on all that is neither test nor validation.
        val_per_class: validation images per class; None is a quarter of `train_per_class`, or `val_fraction`.
        test_per_class: test images per class; `all` is the test set that the data bring along, None the same where
            they bring one, else 20.
        val_fraction: share of what is not test that validates, when no numbers per class are given.
        folds: number of cross-validation folds that replace the test set; None for one split.
        validation: False leaves the validation set out.
    """

    train_per_class: int | None = option(None, "Training images per class.", swept=True, word="all")
    val_per_class: int | None = option(
        None, "Validation images per class.", unset="a quarter of --train-per-class, else --val-fraction"
    )
    test_per_class: int | Literal["all"] | None = option(
        None, "Test images per class.", unset="all of a test set that the data bring along, else 20"
    )
    val_fraction: float = option(0.2, "Validating share of what is not test, without --train-per-class.")
    folds: int | None = option(None, "Cross-validation instead of a test set.", unset="off")
    validation: bool = True

    def __post_init__(self) -> None:
        """Raises UsageError for numbers that no split can have."""
        require_bounded(self)
        require(self.train_per_class is None or self.train_per_class >= 1, "--train-per-class must be at least 1")
        require(self.val_per_class is None or self.val_per_class >= 0, "--val-per-class must not be negative")
        require(
            self.test_per_class in (None, "all") or int(self.test_per_class) >= 1, "--test-per-class must be at least 1"
        )
        require(0 <= self.val_fraction < 1, "--val-fraction must be at least 0 and below 1")
        require(self.folds is None or self.folds >= 2, "--folds must be at least 2")  # noqa: PLR2004  one fold is none
        require(
            self.folds is None or self.test_per_class is None,
            "--folds replaces the test set: leave out --test-per-class",
        )


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """In which form the images of a dataset are taken, and how data of one's own are read.

    Attributes:
        res: pixels per side of faces and folders; None is 32, and all there is of a dataset that has but one form.
        color: RGB (True) or gray (False) for faces and folders; None is gray up to 64 pixels.
        layout: how a folder is read: `classes`, `splits` or `metadata`; None is what it looks like.
        read_as: whether numbers are an `image` or `features`; None is what they look like.
        label_column: of a table or of metadata; None is `label`.
        group_by: a column, or a regular expression on the image's name: images that share its value stay together.
    """

    res: int | None = option(
        None,
        "Pixels per side of faces and of image files, which are turned upright, cut to the square in their middle, "
        "resized by an antialiased Lanczos filter and divided by 255.",
        swept=True,
        unset="32",
    )
    color: bool | None = option(
        None,
        "Channels of faces and of image files; gray is 0.2989 R + 0.5870 G + 0.1140 B.",
        flags="--color/--gray",
        unset="gray up to 64 pixels",
    )
    layout: LayoutName | None = option(None, "How a folder is read.", unset="as it looks")
    read_as: ReadAs | None = option(None, "What numbers stand for.", flags="--as", unset="as they look")
    label_column: str | None = option(None, "Column of the labels, of a table or of metadata.", unset="label")
    group_by: str | None = option(
        None,
        "Column, or regular expression on the image's name: images that share it stay on one side of a split.",
        unset="near-duplicates alone",
    )

    def __post_init__(self) -> None:
        """Raises UsageError for a size that no image can have."""
        require(self.res is None or 1 <= self.res <= MAX_RES, f"--res must be from 1 to {MAX_RES}")

    def asked(self) -> dict[str, object]:
        """Returns the fields that are not the default."""
        return {name: value for name, value in vars(self).items() if value is not None}

    @property
    def reading(self) -> dict[str, str]:
        """Returns the fields that say how data of one's own are read, where they are not the default."""
        return {name: str(value) for name, value in self.asked().items() if name not in ("res", "color")}
