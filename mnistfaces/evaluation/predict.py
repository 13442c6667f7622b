"""What a kept model says of new images, one after another.

S pixels per side of what the model takes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from mnistfaces import images
from mnistfaces.config import NormalisationName
from mnistfaces.datasets.base import FULL_INTENSITY
from mnistfaces.datasets.normalisation import AS_IT_IS, NORMALISATIONS, Blank, Normalisation, has_dark_strokes
from mnistfaces.errors import DataError, UsageError
from mnistfaces.progress import Advanced, Event, Stage
from mnistfaces.runs.models import RGB_AXES, answering_of, classes_of, normalisation_of, origin_of, shape_of
from mnistfaces.runs.runs import Run

if TYPE_CHECKING:
    from mnistfaces.features.recipe import Recipe

MAX_BYTES = 200_000_000

ImageState = Literal["ok", "missing", "unreadable", "undecodable", "bad_box", "blank"]
STATUS_OF: Mapping[type[Exception], ImageState] = {
    FileNotFoundError: "missing",
    Blank: "blank",
    images.Undecodable: "undecodable",
    images.BadBox: "bad_box",
}


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What a model says of one image, or why it says nothing.

    Attributes:
        image: the path as it was given.
        status: `ok`, or what stood in the way.
        class_name: the likeliest class.
        probability: that the model gives it.
        found_dark: whether its strokes were seen to be dark, and made bright.
        note: for people; "" where there is nothing to say.
    """

    image: str
    status: ImageState
    class_name: str | None = None
    probability: float | None = None
    found_dark: bool = False
    note: str = ""

    def row(self) -> dict[str, object]:
        """Returns the result row."""
        return {
            "image": self.image,
            "class": self.class_name,
            "probability": self.probability,
            "status": self.status,
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """An image as a model takes it.

    Attributes:
        pixels: (S, S) or (S, S, 3).
        found_dark: whether its strokes were seen to be dark, and made bright.
    """

    pixels: NDArray[np.uint8]
    found_dark: bool


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """How an image becomes what a model takes: in the form of the images that trained it, unless told otherwise.

    Attributes:
        side: S.
        color: RGB or gray.
        normalisation: the form of the run's images; None leaves an image as it is, but for its size and colour.
        box: what of the stored pixels is looked at; None is all that the form takes.
        invert: dark and bright change places in every image.
        dark_ground: whether the model knows bright strokes on dark ground only.
    """

    side: int
    color: bool
    normalisation: NormalisationName | None = None
    box: images.Box | None = None
    invert: bool = False
    dark_ground: bool = False

    @property
    def upright(self) -> bool:
        """Returns whether a photograph is turned as its EXIF orientation says; a box is in pixels as stored."""
        return self.box is None

    @property
    def steps(self) -> Normalisation:
        """Returns what is done to an image or to its box, which is a square as it is."""
        if self.normalisation is None or (self.normalisation == "square" and self.box is not None):
            return AS_IT_IS
        return NORMALISATIONS[self.normalisation]

    @property
    def told(self) -> str:
        """Returns what is done to an image, for people."""
        return ("the box, " if self.box else "") + self.steps.told.format(side=self.side)

    @classmethod
    def of(cls, run: Run, *, box: images.Box | None = None, invert: bool = False, as_is: bool = False) -> "Preparation":
        """Returns how the images of a run's dataset were prepared; for features, before they went into the network.

        Args:
            run: which model.
            box: what of the stored pixels is looked at.
            invert: exchanges dark and bright in every image, without a look.
            as_is: leaves images as they are, but for their size and colour.

        Raises:
            DataError: the model takes features that came without a recipe, or other than square images.
        """
        shape, kind, form = shape_of(run), origin_of(run)["kind"], None if as_is else normalisation_of(run)
        if kind == "features":
            return cls(side=_recipe_of(run).res, color=True, normalisation=form, box=box, invert=invert)
        color = len(shape) == RGB_AXES
        if len(shape) not in (2, RGB_AXES) or shape[0] != shape[1]:
            raise DataError(f"{run.path} takes inputs of {' x '.join(map(str, shape))}: no square images")
        dark_ground = kind == "digits" or normalisation_of(run) == "mnist"
        return cls(side=shape[0], color=color, normalisation=form, box=box, invert=invert, dark_ground=dark_ground)

    def __call__(self, photo: NDArray[np.uint8]) -> "Prepared":
        """Returns what the model takes of a decoded image, (H, W, 3).

        Raises:
            images.BadBox: the box leaves the image.
            Blank: the form is that of strokes, and there are none.
        """
        region = photo if self.box is None else images.crop(photo, self.box)
        looked = self.dark_ground and self.normalisation is not None and not self.invert
        found_dark = looked and has_dark_strokes(images.luma(region))
        pixels = self.steps.apply(region, self.side, self.color, self.invert or found_dark)
        return Prepared(pixels=pixels, found_dark=found_dark)

    def doubt(self, pixels: NDArray[np.uint8]) -> str:
        """Returns a warning where the ground of a digit, its outermost pixels, is bright; else ""."""
        edges = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
        if self.dark_ground and edges.mean() > FULL_INTENSITY / 2:
            return "the background is bright, the model knows bright on dark: leave out --as-is, or try --invert"
        return ""


def predict(
    run: Run,
    paths: Iterable[Path],
    prepare: Preparation,
    *,
    weights: Path | None = None,
    data_dir: Path | None = None,
) -> Iterator[Prediction]:
    """Yields what a run's model says of each image file.

    Args:
        run: which model.
        paths: of the images.
        prepare: from a decoded image to the pixels that the model, or the network of its features, takes.
        weights: where the weights of the network of its features are now; None is where they were.
        data_dir: where a network of features was downloaded to.

    Raises:
        RunError: the run keeps no model.
        UsageError: it takes pixels, and weights are given.
        MnistFacesError: it takes features, and the weights of their network cannot be had.
    """
    network, classes, inputs_of = answering_of(run), classes_of(run), _encoder(run, weights, data_dir)
    for path in paths:
        try:
            prepared = prepare(images.decode(_content_of(path), upright=prepare.upright))
        except (OSError, images.Undecodable, images.BadBox, Blank) as error:
            status = STATUS_OF.get(type(error), "unreadable")
            reason = error.strerror if isinstance(error, OSError) else None
            yield Prediction(image=str(path), status=status, note=reason or str(error))
            continue
        probabilities = network.probabilities(inputs_of(prepared.pixels))[0]  # (C,)
        best = int(probabilities.argmax())
        yield Prediction(
            image=str(path),
            status="ok",
            class_name=classes[best],
            probability=float(probabilities[best]),
            found_dark=prepared.found_dark,
            note=prepare.doubt(prepared.pixels),
        )


def watched(predictions: Iterable[Prediction]) -> Iterator[Event | Prediction]:
    """Passes on predictions as a stage of work: how many images were read."""
    yield Stage(name="reading images")
    for prediction in predictions:
        yield Advanced(amount=1)
        yield prediction


def _encoder(run: Run, weights: Path | None, data_dir: Path | None) -> Callable[[NDArray[np.uint8]], NDArray[Any]]:
    """Returns what makes the model's inputs, (1, D), of an image's pixels: their scaling, or a network's features."""
    if origin_of(run)["kind"] != "features":
        if weights is not None:
            raise UsageError(f"--weights is for models of features: {run.path} takes pixels")
        return lambda pixels: pixels.reshape(1, -1) / FULL_INTENSITY
    from mnistfaces.features.network import rebuild_network

    backbone = rebuild_network(_recipe_of(run), weights=str(weights) if weights else None, data_dir=data_dir)
    if (backbone.size,) != shape_of(run):
        raise DataError(f"the recipe gives {backbone.size} features per image, {run.path} takes {shape_of(run)}")
    return lambda pixels: backbone.features(pixels[np.newaxis].copy())  # torch wants arrays that may be written


def _recipe_of(run: Run) -> "Recipe":
    """Returns how the features that a run was trained on are made; raises DataError where nobody wrote it down."""
    from mnistfaces.features.recipe import Recipe

    return Recipe.of(origin_of(run)["meta"])


def _content_of(path: Path) -> bytes:
    """Returns a file's bytes; raises OSError or images.Undecodable for what no image is read from."""
    size = path.stat().st_size
    if not path.is_file():
        raise OSError(None, "it is no regular file")
    if size > MAX_BYTES:
        raise images.Undecodable(f"{size} bytes, more than {MAX_BYTES}")
    return path.read_bytes()


def image_paths(names: Sequence[str], lines: Iterable[str] = ()) -> Iterator[Path]:
    """Yields the files that some names mean: of a folder all in it, of `-` the names in `lines`.

    Raises:
        DataError: a folder cannot be read.
    """
    for name in names:
        if name == "-":
            yield from image_paths([given for line in lines if (given := line.rstrip("\r\n"))])
        elif Path(name).is_dir():
            yield from _files_in(Path(name))
        else:
            yield Path(name)


def _files_in(folder: Path) -> list[Path]:
    """Returns the files of a folder and its subfolders in the order of their names, but hidden ones."""
    try:
        inside = sorted(item for item in folder.iterdir() if not item.name.startswith("."))
    except OSError as error:
        raise DataError(f"cannot read the folder {folder}: {error.strerror or error}") from error
    return [file for item in inside for file in (_files_in(item) if item.is_dir() else [item])]
