"""The playground: one self-contained page on which a surface is descended by hand.

The drawn surface is quantised; the numbers that cost and gradient need of every image are not, so the page's paths
are the command's.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mnistfaces.config import (
    ADAGRAD_EPS,
    ADAM_BETAS,
    ADAM_EPS,
    OPTIMIZER_DEFAULTS,
    RMSPROP_ALPHA,
    RMSPROP_EPS,
)
from mnistfaces.datasets.base import FULL_INTENSITY
from mnistfaces.errors import UsageError
from mnistfaces.files import write_text
from mnistfaces.landscape import Descent, Plane, Surface, window
from mnistfaces.landscape.plane import Floats
from mnistfaces.landscape.trajectories import OWN_LENGTHS
from mnistfaces.pages.page import Section, build_page, template
from mnistfaces.pages.parts import data, packed

LARGEST_PAGE = 1_000_000
"""Bytes of a page: what still opens at once on a phone."""

DRAWN_POINTS = 192
"""Points along either axis of the drawn surface."""

REPORT_SETTINGS = ((0.001, 0.9), (0.003, 0.9), (0.003, 0.99))
"""Learning rate of the summed cost and momentum, as the report drew them."""

MOMENTOUS = [name for name, own in OPTIMIZER_DEFAULTS.items() if own.momentum is not None]
"""Optimizers that take a momentum; their learning rate goes with the gradient, that of the others is a length."""

LEVELS = 25
SCRIPTS = ("playground",)
LAST = "last"
FOOTER = "<p>Made by <code>mnf contour</code> or <code>mnf trajectory</code> with <code>--plot FILE.html</code>.</p>"
FINEST_SHADE = 65_535


def save_page(
    path: Path, surface: Surface, descents: Sequence[Descent] = (), *, levels: int = LEVELS, source: str = LAST
) -> None:
    """Writes the playground of a surface as one HTML file.

    Args:
        path: the file.
        surface: to be played on.
        descents: what the page offers to try; it opens with the first that has momentum.
        levels: contour levels.
        source: what `mnf trajectory` calls the surface: its file, or the newest.

    Raises:
        UsageError: more images use the two pixels than a page can hold.
        FileError: the folder or the disk refuses.
    """
    write_text(path, build_playground(surface, descents, levels=levels, source=source))


def build_playground(
    surface: Surface, descents: Sequence[Descent] = (), *, levels: int = LEVELS, source: str = LAST
) -> str:
    """Returns the playground of a surface as a page.

    Raises:
        UsageError: more images use the two pixels than a page can hold.
    """
    section = playground_section(playground_part(surface, descents, levels=levels, source=source))
    return build_page(title_of(surface), [section], footer=FOOTER)


def title_of(surface: Surface) -> str:
    """Returns what a page of a surface is called."""
    return f"Cost over two weights: {surface.pair.title}"


def playground_section(part: str, title: str = "Descend on it") -> Section:
    """Returns a playground, as `playground_part` gave it, below a heading."""
    return Section(title=title, inside=part, name="playground", scripts=SCRIPTS)


def playground_part(
    surface: Surface, descents: Sequence[Descent] = (), *, levels: int = LEVELS, source: str = LAST
) -> str:
    """Returns the playground of a surface as a part of a page, whose script is `playground`.

    Args:
        surface: to be played on.
        descents: what it offers to try; it opens with the first that has momentum.
        levels: contour levels.
        source: what `mnf trajectory` calls the surface: its file, or the newest.

    Raises:
        UsageError: more images use the two pixels than a page can hold.
    """
    part = template("playground.html").replace(
        "<!--data-->", data(_description(surface, descents, levels) | {"source": source})
    )
    if (size := len(part.encode())) > LARGEST_PAGE:
        raise UsageError(
            f"a page of {len(surface.plane.target):,} images would take {size / 1e6:.1f} MB, more than 1 MB: "
            "give --plot a .png, or contour fewer images with --train-per-class"
        )
    return part


def _description(surface: Surface, descents: Sequence[Descent], levels: int) -> dict[str, object]:
    """Returns what the page's script calls SURFACE."""
    plane = surface.plane
    offered = list(descents) or [Descent(lr=lr / surface.scale, momentum=momentum) for lr, momentum in REPORT_SETTINGS]
    tried = [descent for descent in offered if descent.momentum or descent.optimizer != "gd"]
    opening = tried[0] if tried else offered[0]
    gradual = [descent.lr for descent in (opening, *offered) if descent.optimizer in MOMENTOUS]
    own = [descent.lr for descent in (opening, *offered) if descent.optimizer not in MOMENTOUS]
    name = f"{surface.origin.dataset}, " if surface.origin.dataset else ""
    return {
        "title": title_of(surface),
        "data": f"{name}{plane.images:,} images, {len(plane.target):,} of which use these pixels",
        "names": [surface.pair.first.title, surface.pair.second.title],
        "range": [float(end) for axis in (surface.w1, surface.w2) for end in _ends(axis)],
        "grid": _grid(surface),
        "levels": levels,
        "trained": surface.trained,
        "trainedLoss": surface.trained_loss,
        "minimum": surface.minimum(),
        "constant": plane.constant,
        "scale": surface.scale,
        "reduction": surface.reduction,
        "images": len(plane.target),
        **_images(plane),
        "initial": {
            "start": [float(weight) for weight in opening.start],
            "optimizer": opening.optimizer,
            "lr": gradual[0] if gradual else REPORT_SETTINGS[0][0] / surface.scale,
            "own": own[0] if own else OWN_LENGTHS[0],
            "momentum": opening.momentum,
            "steps": opening.steps,
        },
        "presets": [_preset(descent) for descent in tried],
        "momentous": MOMENTOUS,
        "usual": {
            "nesterov": OPTIMIZER_DEFAULTS["nesterov"].momentum,
            "rmspropAlpha": RMSPROP_ALPHA,
            "rmspropEps": RMSPROP_EPS,
            "adagradEps": ADAGRAD_EPS,
            "adamBetas": ADAM_BETAS,
            "adamEps": ADAM_EPS,
            "adamwDecay": OPTIMIZER_DEFAULTS["adamw"].weight_decay,
        },
    }


def _preset(descent: Descent) -> dict[str, object]:
    """Returns what a button of the page sets: a learning rate of the gradient, or one that is a length of its own."""
    if descent.optimizer in MOMENTOUS:
        return {"optimizer": descent.optimizer, "lr": descent.lr, "momentum": descent.momentum}
    return {"optimizer": descent.optimizer, "own": descent.lr}


def _images(plane: Plane) -> dict[str, object]:
    """Returns the numbers of every image, pixels as bytes where that loses nothing."""
    signs = np.where((plane.pixels < 0).any(axis=0), -1, 1)
    levels = np.rint(plane.pixels * signs * FULL_INTENSITY)
    whole = bool(((levels >= 0) & (levels <= FULL_INTENSITY)).all())
    whole = whole and np.array_equal(levels * signs / FULL_INTENSITY, plane.pixels)
    pixels = levels.astype(np.uint8) if whole else plane.pixels
    return {
        "bytes": whole,
        "signs": signs.tolist(),
        "pixels": [packed(column) for column in pixels.T],
        "offsets": [packed(column) for column in plane.offsets.T],
        "target": packed(plane.target.astype(np.uint8)),
    }


def _grid(surface: Surface) -> dict[str, object]:
    drawn = window(surface, _ends(surface.w1), _ends(surface.w2), DRAWN_POINTS).loss
    low, high = float(drawn.min()), float(drawn.max())
    shades = np.rint((drawn - low) * (FINEST_SHADE / (high - low) if high > low else 0.0))
    return {
        "columns": DRAWN_POINTS,
        "rows": DRAWN_POINTS,
        "low": low,
        "high": high,
        "values": packed(shades.astype("<u2")),
    }


def _ends(axis: Floats) -> tuple[float, float]:
    """Returns the ends of an axis; one of a single point is given some width."""
    low, high = float(axis[0]), float(axis[-1])
    return (low, high) if high > low else (low - 0.5, high + 0.5)
