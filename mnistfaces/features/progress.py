"""What an extraction tells on its way."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A part of the work begins: what it is, and how much there is to do (bytes, or images)."""

    name: str
    total: int


@dataclass(frozen=True, kw_only=True)
class Advanced:
    """So much more of the stage is done."""

    amount: int


@dataclass(frozen=True, kw_only=True)
class Note:
    """Something that the user should know."""

    message: str


@dataclass(frozen=True, kw_only=True)
class Extracted:
    """The end: the fields of the command's row.

    Attributes:
        images: in the file.
        features: of each image.
        skipped: images that could not be read, and are not in the file.
        images_per_second: from image files to the finished file; None when nothing was left to do.
        file: the `.npz`.
    """

    images: int
    features: int
    skipped: int
    images_per_second: float | None
    file: str


Event = Stage | Advanced | Note | Extracted
