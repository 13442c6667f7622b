"""The pad: a model that is drawn for, in the reader's browser, with its reasons.

The page carries the weights as float32 and computes in float64, as `mnf predict` does.

Legend: S pixels per side, M test images.
"""

import shlex
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mnistfaces.datasets.base import Dataset
from mnistfaces.pages.page import PLACE, Section, template
from mnistfaces.pages.parts import cannot, data, packed, shown
from mnistfaces.runs.models import classes_of, normalisation_of, origin_of, shape_of
from mnistfaces.runs.network import Ensemble, Network
from mnistfaces.runs.runs import Run

LARGEST_SIDE = 64
MOST_WEIGHTS = 330_000
"""Of a model that a page carries: 1.3 MB, 1.8 MB as text."""

TEST_IMAGES = 60
BYTES_OF_IMAGES = 120_000
NAME = "pad"

TITLE = "Draw, and see what it says"
UNITS = (
    '<h3>Hidden units that speak</h3><p class="quiet">By how much the first class would fall behind the second if the '
    "unit were silent, and the weights by which it looks at the image.</p>"
    '<ul class="gallery small units" data-name="units"></ul>'
)


def pad_section(run: Run, network: Network | Ensemble, dataset: Dataset | None, images: NDArray[np.int64]) -> Section:
    """Returns the pad of a kept model, or why there is none: then it has no script.

    Args:
        run: that keeps it.
        network: the model.
        dataset: that it was made with; None where it is gone.
        images: (M,) places there of the images to step through.
    """
    if isinstance(network, Ensemble):
        several = f"{len(network.members)} models answer together, a page asks one; mnf predict asks them all"
        return Section(title=TITLE, inside=cannot("A pad", several), name=NAME)
    if problem := _problem(run, network):
        return Section(title=TITLE, inside=problem, name=NAME)
    return Section(title=TITLE, inside=_pad(run, network, dataset, images), name=NAME, scripts=("pad",))


def _problem(run: Run, network: Network) -> str:
    """Returns why there can be no pad; "" where there can."""
    shape = shape_of(run)
    count = sum(weight.size + bias.size for weight, bias in network.layers)
    if origin_of(run)["kind"] == "features" or len(shape) == 1:
        return cannot("A pad", "the model takes features, not the pixels of an image")
    if len(shape) != 2 or shape[0] != shape[1] or shape[0] > LARGEST_SIDE:  # noqa: PLR2004  rows and columns
        size = " x ".join(map(str, shape))
        return cannot("A pad", f"it is for gray square images of up to {LARGEST_SIDE} pixels, the model takes {size}")
    if network.kernel is not None:
        return cannot("A pad", "a kernel regression carries all its training images; mnf predict asks it")
    if count > MOST_WEIGHTS:
        return cannot(
            "A pad", f"the model has {count:,} weights, a page carries {MOST_WEIGHTS:,}; mnf predict has no limit"
        )
    return ""


def _pad(run: Run, network: Network, dataset: Dataset | None, images: NDArray[np.int64]) -> str:
    side, classes = shape_of(run)[0], classes_of(run)
    form = normalisation_of(run)
    told = {
        "side": side,
        "classes": classes,
        "activation": network.activation,
        "normalisation": form,
        "looks": form == "mnist" or origin_of(run)["kind"] == "digits",
        "layers": [
            {
                "weight": packed(weight.astype(np.float32)),
                "bias": packed(bias.astype(np.float32)),
                "rows": weight.shape[0],
                "columns": weight.shape[1],
            }
            for weight, bias in network.layers
        ],
        **_offered(dataset, images),
    }
    pieces = {
        "side": str(side),
        "evidence": "slope &times; pixel" if len(network.layers) > 1 else "weight &times; pixel",
        "units": UNITS if len(network.layers) > 1 else "",
        "line": shown(shlex.join(["mnf", "predict", str(run.path), "pixels.png", "--as-is"])),
        "data": data(told),
    }
    return PLACE.sub(lambda place: pieces[place[1]], template("pad.html"))


def _offered(dataset: Dataset | None, images: NDArray[np.int64]) -> Mapping[str, object]:
    """Returns images to step through, with their classes, as the page's script takes them."""
    if dataset is None or dataset.inputs.dtype != np.uint8:
        return {"images": "", "labels": []}
    return {"images": packed(dataset.images(images)), "labels": dataset.labels[images].tolist()}


def some_of(dataset: Dataset, tested: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns the places of some test images, of each class in turn."""
    count = min(TEST_IMAGES, BYTES_OF_IMAGES // max(1, dataset.inputs.shape[1]))
    labels = dataset.labels[tested]
    turns = np.empty(len(tested), np.int64)  # an image's place among those of its class
    for label in np.unique(labels).tolist():
        own = labels == label
        turns[own] = np.arange(np.count_nonzero(own))
    return tested[np.lexsort((labels, turns))[:count]]
