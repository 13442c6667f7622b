"""Parts 1 to 5: digits, softmax regression, its gradient, and descent with and without momentum."""

from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from mnistfaces.config import DIGITS_SPLIT, DIGITS_TRAINING, SplitConfig
from mnistfaces.engine.layers import Layers
from mnistfaces.experiments.trials import Cell
from mnistfaces.files import write_text
from mnistfaces.inspection.gradcheck import SoftmaxCost, check_forward, check_gradient
from mnistfaces.inspection.hidden_units import UnitsRequest, draw_weights
from mnistfaces.pages.weights import weights_part
from mnistfaces.plots import figures
from mnistfaces.plots.mosaic import image_sheet
from mnistfaces.plots.weights import save_weight_figures
from mnistfaces.progress import Advanced, Event, Stage
from mnistfaces.reproduce.models import describe_curve, draw_curve, train_model
from mnistfaces.reproduce.published import published_at
from mnistfaces.reproduce.records import FigureFile, Finding, Found, Listing, Part, Piece, Playground, Remark, Setup
from mnistfaces.reproduce.tables import table_steps

GRADCHECK_STEPS = (0.1, 0.01, 0.001, 0.0001)
SHEET_IMAGES = 12
FULL_SET = SplitConfig()
PUBLISHED_CURVE = Cell(training=DIGITS_TRAINING, split=FULL_SET)
CALM_CURVE = Cell(training=DIGITS_TRAINING.with_(lr=1e-6), split=FULL_SET)
MOMENTUM_CURVE = Cell(training=DIGITS_TRAINING.with_(momentum=0.9), split=DIGITS_SPLIT)
EMBEDDED = "The embedded sample: mnf fetch digits gets all of MNIST, --scale full takes it."


def count_images(setup: Setup) -> Iterator[Event | Found]:
    """Yields the numbers of images and a sheet of them (Part 1, Figures 1 to 10)."""
    dataset = setup.load("digits")
    line = f"mnf samples {setup.name('digits')} --per-class {SHEET_IMAGES} --plot samples.png"
    test = int(dataset.given_test.sum())
    for quantity, value in (("train_images", len(dataset) - test), ("test_images", test)):
        note = EMBEDDED if setup.scale == "quick" else ""
        yield Finding(figure=published_at(1, "Part 1", quantity, "all digits"), value=value, note=note, line=line)
    sheet = image_sheet(dataset.draw_images(SHEET_IMAGES, seed=0), f"{dataset.name}: random images")
    figures.save(sheet, setup.figures / "samples.png")
    alt = f"{SHEET_IMAGES} random images of each of the {len(dataset.classes)} digits, a row per digit."
    yield FigureFile(file="samples.png", caption="Figures 1 to 10: random images of each digit.", alt=alt, line=line)


def count_weights(setup: Setup) -> Iterator[Event | Found]:
    """Yields the sizes of the network (Part 2)."""
    dataset = setup.load("digits")
    weights, biases = (
        int(np.prod(shape)) for shape in Layers(widths=(dataset.inputs.shape[1], len(dataset.classes))).shapes
    )
    for quantity, value in (("weights", weights), ("biases", biases)):
        figure = published_at(2, "Part 2", quantity, "784 inputs, 10 classes")
        yield Finding(figure=figure, value=value, line="mnf reproduce 2")


def compare_gradients(setup: Setup) -> Iterator[Event | Found]:
    """Yields the error of the gradient for each step, and that wrong gradients are caught (Part 3)."""
    name = setup.name("digits")
    problem = SoftmaxCost(setup.load("digits"), seed=0)
    gradient = problem.gradient()
    line = f"mnf gradcheck {name} --h 0.1,0.01,0.001,0.0001"
    wrongs = _wrong_gradients(problem, gradient)
    yield Stage(name="gradients", total=len(GRADCHECK_STEPS) + len(wrongs))
    errors = []
    checked = check_gradient(problem.cost, gradient, problem.point, GRADCHECK_STEPS, problem.scale())
    for both, ahead in zip(checked, check_forward(problem.cost, gradient, problem.point, GRADCHECK_STEPS), strict=True):
        yield Advanced(amount=1)
        yield Finding(
            figure=published_at(3, "Part 3", "signed_maximum_difference", f"h {ahead.h:g}"),
            value=ahead.signed,
            status="ok" if both.ok else "failed",
            line=line,
        )
        errors.append(
            {
                "h": f"{ahead.h:g}",
                "signed maximum, forward": f"{ahead.signed:.2g}",
                "largest absolute, forward": f"{ahead.absolute:.2g}",
                "largest relative, central": f"{both.max_relative_error:.2g}",
            }
        )
    yield Listing(title="The same gradient, measured in three ways", rows=tuple(errors))
    rows = []
    for what, wrong in wrongs.items():
        (check,) = check_gradient(problem.cost, wrong, problem.point, [1e-3], problem.scale())
        yield Advanced(amount=1)
        verdict = "passes" if check.ok else "caught"
        rows.append(
            {"gradient": what, "largest relative error": f"{check.max_relative_error:.2g}", "the check": verdict}
        )
    yield Listing(title="What the check makes of wrong gradients (h = 0.001)", rows=tuple(rows))


def _wrong_gradients(problem: SoftmaxCost, gradient: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Returns the gradient as it is, and with the faults that people make."""
    biases = problem.model.shapes[1][0]
    without_biases, one_sided = gradient.copy(), gradient.copy()
    without_biases[-biases:] = 0
    one_sided[np.abs(gradient).argmax()] *= 1.01
    return {
        "as it is": gradient,
        "without the biases": without_biases,
        "one weight 1 % too large": one_sided,
        "of the other sign": -gradient,
    }


def draw_learning(setup: Setup, cell: Cell, file: str, caption: str) -> Iterator[Event | Found]:
    """Yields the learning curve of a softmax regression, and what it shows."""
    run = yield from train_model(setup, "digits", cell)
    yield draw_curve(setup, run, "digits", cell, file=file, caption=caption)
    yield Remark(text=describe_curve(run, caption.split(":", maxsplit=1)[0]))


def draw_calm_learning(setup: Setup) -> Iterator[Event | Found]:
    """Yields the curve at a rate that converges, where the published one does not: on the full training set."""
    if setup.scale == "full":
        yield from draw_learning(setup, CALM_CURVE, "curve-1e-6.png", "Beside Figure 11: the same at lr 1e-6.")


def draw_class_weights(setup: Setup) -> Iterator[Event | Found]:
    """Yields the ten weight images of the model of Figure 11 (Figure 12)."""
    run = yield from train_model(setup, "digits", PUBLISHED_CURVE)
    drawn = draw_weights(run, UnitsRequest(), data_dir=setup.data_dir)
    save_weight_figures(drawn.images, drawn.title, plot=setup.figures / "weights.png", each=None, gray=True)
    yield FigureFile(
        file="weights.png",
        caption="Figure 12: the weights into each digit, in grey.",
        alt="Ten images of 28 x 28 weights, one per digit: bright where ink speaks for it, dark where against it.",
        line=f"mnf visualize-weights {run.path.as_posix()} --gray --plot weights.png",
    )
    write_text(setup.figures / "weights.part.html", weights_part(drawn.images))
    yield Playground(file="weights.part.html", caption="What each digit looks for")


PARTS = (
    Part(
        number=1,
        title="The data",
        method="MNIST as it was published: grey images of 28 x 28 pixels, a training and a test set. Pixels are "
        "divided by 255.",
        corrections=("The images come from pinned files, checked to the last byte, instead of a link that died.",),
        roles=("digits",),
        steps=(Piece(name="Part 1", seconds=2, quick=0.5, work=count_images, tables=("Part 1",)),),
    ),
    Part(
        number=2,
        title="The network",
        method="Softmax regression: o = W x + b, p = softmax(o). The largest output is subtracted before anything is "
        "exponentiated, so that no cost overflows.",
        corrections=(),
        roles=("digits",),
        steps=(Piece(name="Part 2", seconds=1, quick=0.1, work=count_weights, tables=("Part 2",)),),
    ),
    Part(
        number=3,
        title="Cost and gradient",
        method="The cost is the sum over images of the negative log-probability of the true class; its gradient is "
        "(p - y) x. Every coordinate is compared with a central difference in float64, and the largest relative error "
        "of all is shown.",
        corrections=(
            (
                "The published check took a signed maximum of forward differences, which hides every error of one sign "
                "and is about 0 for any convex cost; ours takes magnitudes of central ones."
            ),
            "A check must be able to fail: three wrong gradients are shown to be caught.",
        ),
        roles=("digits",),
        steps=(Piece(name="Part 3", seconds=8, quick=4, work=compare_gradients, tables=("Part 3",)),),
    ),
    Part(
        number=4,
        title="Vanilla gradient descent",
        method="From zero weights, full batches of 100 images per digit on the summed cost; one descent at each "
        "learning rate is read at every number of iterations. The learning curve divides all training images 80:20 "
        "into training and validation.",
        corrections=(
            "Images were drawn with replacement from the first 1,000 of each digit; ours are drawn without, from all.",
            (
                "Each row was one run, all on one draw of images, so all rows are high or low together; ours are "
                "means over redrawn subsets, with an interval."
            ),
            "Learning rate and iterations were chosen on the test images.",
            (
                "Learning rate times iterations alone decides where a descent is: 97.6 and 85.4 %, and 89.6 and "
                "80.6 %, stand in the table twice."
            ),
            (
                "With the summed cost the step grows with the number of images: on the full training set lr 1e-4 is "
                "far past stability and does not converge, so 1e-6 is drawn beside it at full scale."
            ),
        ),
        roles=("digits",),
        steps=(
            *table_steps(4),
            Piece(
                name="Figure 11",
                seconds=110,
                quick=16,
                work=partial(
                    draw_learning,
                    cell=PUBLISHED_CURVE,
                    file="curve.png",
                    caption="Figure 11: cost and accuracy on all training images, lr 1e-4.",
                ),
            ),
            Piece(name="Figure 11 at lr 1e-6", seconds=110, quick=0, work=draw_calm_learning),
            Piece(name="Figure 12", seconds=2, quick=0.3, work=draw_class_weights),
        ),
    ),
    Part(
        number=5,
        title="Momentum",
        method="v \N{LEFTWARDS ARROW} beta v + lr grad, w \N{LEFTWARDS ARROW} w - v, for 3,000 iterations at "
        "lr 1e-4 from zero weights. The softmax is guarded; a run that does diverge is called so and has no accuracy.",
        corrections=(
            "The published 10 % at beta 0.999 and 0.9999 are NaN presented as an accuracy; the guarded softmax learns.",
            "The momentum was chosen on the test images.",
            (
                "Momentum did not reduce the time: 12.2 s for 3,000 iterations are 4.1 s for 1,000, and the vanilla "
                "descent took 4.2 s."
            ),
        ),
        roles=("digits",),
        steps=(
            *table_steps(5),
            Piece(
                name="Figure 13",
                seconds=19,
                quick=10.5,
                work=partial(
                    draw_learning,
                    cell=MOMENTUM_CURVE,
                    file="curve-momentum.png",
                    caption="Figure 13: learning with momentum 0.9, 100 images per digit.",
                ),
            ),
        ),
    ),
)
