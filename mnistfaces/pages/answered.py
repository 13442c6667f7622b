"""What a model answered: class by class, what is taken for what, how sure it was, and where it was wrong.

Legend: M test images, C classes.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mnistfaces.evaluation.calibration import calibrate, calibration_error
from mnistfaces.evaluation.evaluate import Evaluation
from mnistfaces.evaluation.mistakes import Mistake
from mnistfaces.pages.charts import reliability
from mnistfaces.pages.parts import UNBROKEN, Cell, figure, percent, picture, png, scrolled, shown, table

MOST_CLASSES = 500
"""Rows of the table per class: of more, those with the lowest recall are shown."""

MATRIX_CLASSES = 30
"""Of more classes, no matrix is drawn but the most frequent mistakes are listed."""

CONFUSIONS = 30
MISTAKES = 40
CERTAIN = 0.995
"""Beyond it whole percents would say 100."""


def classes_part(evaluation: Evaluation) -> str:
    """Returns recall and precision per class beside the confusion matrix."""
    return f'<div class="charts">{_per_class(evaluation)}{_confusion(evaluation)}</div>'


def _per_class(evaluation: Evaluation) -> str:
    rows = [row for row in evaluation.rows() if row["class"] != "all" or row["accuracy"] is None]
    worst = sorted(rows, key=lambda row: 2.0 if row["recall"] is None else row["recall"])[:MOST_CLASSES]
    few = rows if len(rows) <= MOST_CLASSES else worst
    said = (
        f"<p>Of {len(rows):,} classes the {MOST_CLASSES} with the lowest recall: <code>mnf evaluate</code> has all.</p>"
        if len(few) < len(rows)
        else ""
    )
    cells = (
        [
            Cell(row["class"], row["class"]),
            Cell.share(row["recall"], row["low"], row["high"]),
            Cell.share(row["precision"]),
            Cell.of(row["support"]),
        ]
        for row in few
    )
    head = ("class", "recall, 95 %", "precision", "test images")
    return said + table(f"{evaluation.what}, class by class", head, cells, sortable=True)


def _confusion(evaluation: Evaluation) -> str:
    """Returns the confusion matrix, or the most frequent mistakes where there are many classes."""
    counts, classes = evaluation.confusion, evaluation.classes
    if len(classes) > MATRIX_CLASSES:
        return _most_confused(counts, classes)
    support = np.maximum(counts.sum(axis=1), 1)
    lines = []
    for true, name in enumerate(classes):
        cells = "".join(
            f'<td class="{_kind(true, said, count)}" style="--share:{_shade(count / support[true])}">{count:,}</td>'
            for said, count in enumerate(counts[true].tolist())
        )
        lines.append(f'<tr><th scope="row">{shown(name)}</th>{cells}</tr>')
    head = "".join(f'<th scope="col">{shown(name)}</th>' for name in classes)
    inside = f'<thead><tr><th scope="col">true \\ said</th>{head}</tr></thead><tbody>{"".join(lines)}</tbody>'
    caption = "Test images by their true class (row) and the answer (column)"
    return scrolled(caption, inside, ' class="matrix"')


def _shade(share: float) -> int:
    """Returns how much colour stands for a share of a class, in percent: a few mistakes are seen, too."""
    return round(100 * math.sqrt(share))


def _kind(true: int, said: int, count: int) -> str:
    return "right" if true == said else "wrong" if count else "none"


def _most_confused(counts: NDArray[np.int64], classes: Sequence[str]) -> str:
    wrong = counts - np.diag(counts.diagonal())
    places = np.argsort(-wrong, axis=None, kind="stable")[:CONFUSIONS]
    pairs = [(*divmod(int(place), len(classes)), int(wrong.flat[place])) for place in places.tolist()]
    cells = [
        [Cell(classes[true], classes[true]), Cell(classes[said], classes[said]), Cell.of(count)]
        for true, said, count in pairs
        if count
    ]
    said = f"<p>A matrix of {len(classes):,} classes would not be read: these are the most frequent mistakes.</p>"
    return said + table("Most frequent mistakes", ("true class", "answer", "test images"), cells, sortable=True)


def calibration_part(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> str:
    """Returns how often a model was right, by the probability of its answer.

    Args:
        probabilities: (M, C).
        labels: (M,) true classes.
    """
    bins = calibrate(probabilities, labels)
    cells = (
        [Cell.share(one.probability), Cell.share(one.right, one.low, one.high), Cell.of(one.count)] for one in bins
    )
    return (
        f"<p>On average its probabilities miss the share of right answers by "
        f"{shown(percent(calibration_error(bins)))}. Points below the line: surer than right.</p>"
        f'<div class="charts">{figure(reliability(bins), "Larger points stand for more images.")}'
        + table("Answers by their probability", ("probability given", "share right, 95 %", "test images"), cells)
        + "</div>"
    )


def mistakes_part(mistakes: Sequence[Mistake], evaluation: Evaluation, tried: int | None) -> str:
    """Returns the mistakes that a model was surest of, with their images.

    Args:
        mistakes: all, surest first.
        evaluation: that they are of.
        tried: number of the first of them on the pad, where a click shows it; None where there is no pad.
    """
    if not mistakes:
        return "<p>It made no mistake on its test images.</p>"
    items = "".join(
        f"<li>{_drawn(one, None if tried is None else tried + place)}"
        f"<span><b>{shown(one.predicted)}</b> {_sure(one.probability)}, is {shown(one.label)}</span></li>"
        for place, one in enumerate(mistakes[:MISTAKES])
    )
    first = min(MISTAKES, len(mistakes))
    said = f"{len(mistakes):,} mistakes among {evaluation.what}; the first {first}, surest first."
    hint = "" if tried is None else " A click takes one to the pad, which says why."
    return f'<p>{shown(said + hint)}</p><ul class="gallery">{items}</ul>'


def _sure(probability: float) -> str:
    """Returns a probability in whole percent; what is not certain is not said to be."""
    return shown(percent(probability, 0) if probability <= CERTAIN else "> 99 %").replace(" ", UNBROKEN)


def _drawn(mistake: Mistake, place: int | None) -> str:
    """Returns the image of a mistake, as a link to its place on the pad; "" where it is of features."""
    if mistake.pixels is None:
        return ""
    image = picture(png(mistake.pixels), f"{mistake.label}, taken for {mistake.predicted}", "photo")
    return image if place is None else f'<a href="#pad" data-pad="{place}">{image}</a>'
