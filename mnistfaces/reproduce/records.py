"""What a part of the report yields while it is done, and what is kept of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mnistfaces.config import DataConfig, DeviceName, Protocol, Scale
from mnistfaces.datasets import load_dataset
from mnistfaces.errors import DataError
from mnistfaces.files import read_if_there
from mnistfaces.files.schema import parse_json, problem_of
from mnistfaces.files.seals import CHECK, is_whole
from mnistfaces.progress import Event
from mnistfaces.reproduce.published import Published

if TYPE_CHECKING:
    from mnistfaces.datasets.base import Dataset

Role = Literal["digits", "faces", "features"]
"""What a part works on; which dataset that is, the setup knows."""

FEATURES = Path("features.npz")
"""Where the next command leaves the features of Part 10."""

EXTRACT = f"mnf extract-features faces --preprocess course --out {FEATURES}"
"""The published protocol: each image less its mean, over its largest absolute value."""


@dataclass(frozen=True, kw_only=True)
class Setup:
    """With what the parts are done.

    Attributes:
        scale: `full` is the published protocol; `quick` takes the embedded digits, fewer seeds and shorter runs.
        figures: the folder of the figures.
        device: where to compute.
        data_dir: where data live.
        features: the features of Part 10.
        draw: whether Tables 1 and 2 are measured on the images that the report drew, by its own descent.
    """

    scale: Scale
    figures: Path
    device: DeviceName = "cpu"
    data_dir: Path | None = None
    features: Path = FEATURES
    draw: Protocol = "corrected"

    @property
    def paired(self) -> Path:
        """Returns the folder of the datasets that are cut down to the images they have in common."""
        return self.figures.parent / "paired"

    def name(self, role: Role) -> str:
        """Returns the dataset of a role as a user would type it."""
        if role == "features":
            return str(self.features)
        if role == "faces":
            return "faces"
        return "digits-sample" if self.scale == "quick" else "digits-full"

    def load(self, role: Role, data: DataConfig = DataConfig()) -> "Dataset":
        """Returns the dataset of a role, in a form.

        Raises:
            DataError: it is not on this machine; the message says what to type.
        """
        if role == "features" and not self.features.is_file():
            raise DataError(f"there are no features at {self.features}: make them with {EXTRACT}")
        return load_dataset(self.name(role), data_dir=self.data_dir, **vars(data))

    def has(self, role: Role) -> bool:
        """Returns whether the dataset of a role is on this machine."""
        try:
            self.load(role)
        except DataError:
            return False
        return True


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What came out where the report has a figure.

    Attributes:
        figure: the published one.
        value: what we measured; None where there is no such number, and `status` and `note` say why.
        interval: 95 %, where one is known.
        images: how many images an accuracy was measured on.
        trained_on: how many images the model was trained on.
        spread: standard deviation over trials, where there are several.
        trials: how many there are, each with a split of its own.
        status: how the training ended, or `not_run`.
        note: what a reader should know of this number.
        line: the command that gives it.
        configuration: what tells its cell from others; the report has figures of one cell in several tables.
        exact: whether the report's own images and descent gave it, so that it must be equal.
    """

    figure: Published
    value: float | None
    interval: tuple[float, float] | None = None
    images: int | None = None
    trained_on: int | None = None
    spread: float | None = None
    trials: int = 1
    status: str = "ok"
    note: str = ""
    line: str = ""
    configuration: str = ""
    exact: bool = False


@dataclass(frozen=True, kw_only=True)
class FigureFile:
    """A figure in the folder of figures: its file's name, its caption, what it shows in words, and its command."""

    file: str
    caption: str
    alt: str
    line: str


@dataclass(frozen=True, kw_only=True)
class Listing:
    """A table of ours that has no published counterpart: a title, and rows of text by column."""

    title: str
    rows: tuple[dict[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Remark:
    """A sentence of what the part found, and the published values whose rows say it too."""

    text: str
    figures: tuple[Published, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Playground:
    """A part of the page to look at or to play with first, in the folder of figures: its file, and what it shows."""

    file: str
    caption: str


Found = Finding | FigureFile | Listing | Remark | Playground
"""What a part of the report comes to: its results, besides the events of long work."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """One piece of work of a part.

    Attributes:
        name: what a person calls it.
        seconds: about how long it takes at full scale on two cores: its share of the progress.
        quick: the same at the quick scale, where that is another.
        work: yields what it finds; a DataError says that its data are not here.
        tables: whose published values it reaches.
    """

    name: str
    seconds: float
    work: Callable[[Setup], Iterator[Event | Found]]
    tables: tuple[str, ...] = ()
    quick: float | None = None

    def cost(self, scale: Scale) -> float:
        """Returns about how many seconds it takes at a scale."""
        return self.quick if scale == "quick" and self.quick is not None else self.seconds


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of the report.

    Attributes:
        number: 1 to 10.
        title: what it is about.
        method: how it is done, in two sentences.
        corrections: where the report's method was wrong and ours is not.
        roles: what it works on.
        steps: its work, in order.
        beside: what it is compared with where that is at hand.
    """

    number: int
    title: str
    method: str
    corrections: tuple[str, ...]
    roles: tuple[Role, ...]
    steps: tuple[Piece, ...]
    beside: tuple[Role, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PartRecord:
    """What is kept of a part that was tried: all that the page shows of it, as plain JSON values.

    Attributes:
        number: of the part.
        identity: hash of what it was computed from; another means that it must be done again.
        beside: hash of what it was compared with; "" is nothing.
        rows: one a published value.
        drawings: figures, as fields of `FigureFile`.
        listings: further tables, as fields of `Listing`.
        remarks: sentences.
        playgrounds: what the page opens with, as fields of `Playground`.
        missing: why steps could not be done, a sentence each that ends with the command to type.
    """

    number: int
    identity: str
    rows: tuple[dict[str, Any], ...]
    drawings: tuple[dict[str, Any], ...]
    listings: tuple[dict[str, Any], ...]
    remarks: tuple[str, ...]
    playgrounds: tuple[dict[str, Any], ...]
    missing: tuple[str, ...]
    beside: str = ""

    @property
    def measured(self) -> int:
        """Returns how many of its published values were measured."""
        return sum(row["measured"] is not None for row in self.rows)


def load_record(path: Path) -> PartRecord | None:
    """Returns a kept part, or None where there is none or it is damaged: it is done again.

    Raises:
        FileError: it cannot be read for the moment.
    """
    content = read_if_there(path)
    try:
        value = parse_json(content or b"")
    except ValueError:
        return None
    if problem_of(value, dict[str, Any]) or (CHECK in value and not is_whole(value)):
        return None
    known = {name: one for name, one in value.items() if name != CHECK}
    return None if problem_of(known, PartRecord) else PartRecord(**known)
