"""What every field of a result row is: the one place that says so, beside the options' own declarations."""

from collections.abc import Mapping
from dataclasses import replace
from typing import get_args

from mnistfaces.cli._field import Field, of_option, scores
from mnistfaces.config import Status
from mnistfaces.experiments.trials import OPTIONS
from mnistfaces.fetching.web.states import MEANINGS

STATUSES = ", ".join(get_args(Status))
LOW = Field("low", "number", "Lower end of the 95 % interval.", "fraction", null=True)
HIGH = replace(LOW, name="high", meaning="Upper end of the 95 % interval.")
RUN = Field("run", "string", "The run directory, from the working directory.")
SECONDS = Field("seconds", "number", "Training time; of a stack, the model's share.", "seconds", null=True)
STATUS = Field("status", "string", f"How it ended: {STATUSES}.")
FILE = Field("file", "string", "What was written, from the working directory.")
CLASS = Field("class", "string", "Name of the class.")
COUNTS = (
    Field(
        "train_n",
        "integer",
        "Training images; copies of --augment, over which training losses are means, too, are not counted.",
    ),
    Field("val_n", "integer", "Validation images."),
    Field("test_n", "integer", "Test images."),
)
TESTED = Field("test_groups", "integer", "Groups (near-duplicates, one person) behind the test images.", null=True)
LEFT_OUT = Field(
    "loo_accuracy",
    "number",
    "Share of the training images told right, each by the model without its group; of ridge and kernel alone.",
    "fraction",
    null=True,
)
BOUNDS = (
    replace(LOW, name="test_low", meaning="Lower end of the 95 % interval of test_accuracy, for new images."),
    replace(HIGH, name="test_high", meaning="Upper end of the 95 % interval of test_accuracy, for new images."),
)
ASKED = (
    *map(of_option, OPTIONS.values()),
    Field("dataset", "string", "The resolved name of the dataset."),
    Field("seed", "integer", "Of subset, split, initial weights and minibatches; of several trials the first."),
)
TIMING = Field("timing", "string", "shared: seconds of a stack, divided among its models; isolated: of one alone.")
POINT = (
    Field("w1", "number", "The first weight."),
    Field("w2", "number", "The second weight."),
)
MNIST = (
    Field("source", "string", "Where the files came from."),
    *COUNTS,
    Field("sha256", "string", "Of the dataset's content."),
    Field("path", "string", "Where the dataset lies."),
)

SCHEMA: Mapping[str, tuple[Field, ...]] = {
    "fetch digits": MNIST,
    "fetch fashion": MNIST,
    "fetch kuzushiji": MNIST,
    "fetch faces": (
        Field("actor", "string", "Whose faces."),
        Field("listed", "integer", "Rows of the list."),
        Field("kept", "integer", "Faces in the dataset."),
        *(Field(state, "integer", f"Rows that ended so: {meaning}") for state, meaning in MEANINGS.items()),
    ),
    "samples": (
        Field("dataset", "string", "The resolved name of the dataset."),
        CLASS,
        Field("images", "integer", "Images of the class."),
        *(replace(count, meaning=f"{count.meaning[:-1]}, as the data bring them.", null=True) for count in COUNTS),
        Field("groups", "integer", "Groups of near-duplicates, or of one person, behind the class's images."),
        Field("shape", "list", "Of one image: rows, columns, channels; of features their number."),
    ),
    "gradcheck": (
        Field("h", "number", "Step of the central difference."),
        Field("max_relative_error", "number", "The largest, over all weights.", null=True),
        Field("ok", "boolean", "Whether the gradient is right."),
    ),
    "train": (
        *ASKED,
        *scores(std=False),
        *COUNTS,
        TESTED,
        LEFT_OUT,
        *BOUNDS,
        SECONDS,
        STATUS,
        Field("epoch", "integer", "The last epoch that was trained."),
        RUN,
    ),
    "sweep": (
        *ASKED,
        *scores(std=True),
        *BOUNDS,
        *(replace(count, null=True) for count in COUNTS),
        TESTED,
        LEFT_OUT,
        SECONDS,
        STATUS,
        Field("n", "integer", "Trials with a finite loss: what means and intervals are over."),
        Field("n_failed", "integer", "Trials without one."),
        Field("n_collapsed", "integer", "Trials in which some class is never predicted on the training images."),
        Field("caution", "string", "Why the interval holds less often than 95 %, where that is known; else empty."),
        replace(TIMING, null=True),
        RUN,
    ),
    "sweep --per-seed": (
        *ASKED,
        Field("fold", "integer", "Which fold tested, from 0.", null=True),
        *scores(std=False),
        *(replace(count, null=True) for count in COUNTS),
        TESTED,
        LEFT_OUT,
        *BOUNDS,
        SECONDS,
        STATUS,
        replace(TIMING, null=True),
        RUN,
    ),
    "compare": (
        Field("a", "string", "A run, or a table of answers."),
        Field("b", "string", "Another."),
        Field("difference", "number", "Accuracy of a less that of b, on the same images.", "fraction"),
        LOW,
        HIGH,
        Field("p", "number", "Chance of such a difference between equal models, corrected for many pairs.", null=True),
        Field("n", "integer", "Images that both answered."),
        Field("discordant", "integer", "Groups of images that one had right and the other wrong."),
        Field("a_above_b", "number", "P(a > b): chance that a training of a beats one of b.", "fraction", null=True),
        Field("verdict", "string", "What the interval says."),
        Field("caution", "string", "Why p errs more often than it says, where that is known; else empty."),
    ),
    "compare --board": (
        Field("rank", "integer", "Place by accuracy; equals share one.", null=True),
        Field("contender", "string", "A run, or a table of answers."),
        Field("accuracy", "number", "Share told right.", "fraction", null=True),
        LOW,
        HIGH,
        Field("n", "integer", "Images answered.", null=True),
        Field("tied", "boolean", "Whether it cannot be told from the best.", null=True),
        Field("status", "string", "ok, or why there is no rank."),
        Field("note", "string", "What stood in the way, or what was read as what.", null=True),
    ),
    "plan": (
        Field("images", "integer", "Test images, in all folds together."),
        Field("seeds", "integer", "Seeds on one test set.", null=True),
        Field("folds", "integer", "Or folds.", null=True),
        Field("width", "number", "Of the 95 % interval of one model's accuracy.", "fraction"),
        Field("power", "number", "Chance that the difference is found.", "fraction"),
    ),
    "evaluate": (
        replace(CLASS, meaning="Name of the class; all is every image."),
        Field("precision", "number", "Share of the images called so that are.", "fraction", null=True),
        Field("recall", "number", "Share of the class's images that are told right.", "fraction", null=True),
        Field("support", "integer", "Images of the class."),
        Field("accuracy", "number", "Share told right; of the row all.", "fraction", null=True),
        LOW,
        HIGH,
        Field("n", "integer", "Images that count."),
    ),
    "predict": (
        Field("image", "string", "As it was given."),
        replace(CLASS, meaning="The likeliest class.", null=True),
        Field("probability", "number", "That the model gives it.", "fraction", null=True),
        Field("status", "string", "ok, blank, missing, unreadable, undecodable or bad_box."),
    ),
    "export": (
        FILE,
        Field("bytes", "integer", "Its size.", "bytes"),
        Field("runs", "string", "What it was made from."),
    ),
    "contour": (
        Field("minimum", "number", "The lowest cost on the grid.", "nats"),
        *(replace(weight, meaning=f"{weight.meaning[:-1]}, at the minimum.") for weight in POINT),
        Field("maximum", "number", "The highest cost on the grid.", "nats"),
        Field("method", "string", "spectral, exact or forward."),
        Field("error", "number", "The largest difference from exact values that was found.", "nats", null=True),
        Field("seconds", "number", "Of the surface alone.", "seconds"),
        Field("train_seconds", "number", "Of the training before it.", "seconds", null=True),
        FILE,
        Field("dataset", "string", "The resolved name of the dataset."),
        Field("weights", "list", "The two weights: class, row, column each."),
        Field("images", "integer", "That the cost is over."),
        Field("trained_w1", "number", "The first weight of the trained model."),
        Field("trained_w2", "number", "The second weight of the trained model."),
        Field("trained_loss", "number", "The trained model's cost.", "nats"),
        RUN,
    ),
    "trajectory": (
        Field("optimizer", "string", "Whose steps."),
        Field("lr", "number", "Learning rate."),
        Field("momentum", "number", "Beta of gd and nesterov."),
        Field("mode", "string", "restricted: the two weights move alone; projected: all do."),
        Field("step", "integer", "From 0, the start."),
        *POINT,
        Field("loss", "number", "The cost there.", "nats", null=True),
        Field("distance", "number", "Of all other weights from the surface's plane.", null=True),
    ),
    "visualize-weights": (
        CLASS,
        Field("unit", "integer", "Number of the hidden unit, from 0.", null=True),
        Field("score", "number", "By which units are ranked.", null=True),
        Field("sign", "string", "Whether the unit speaks for (+) or against (-) the class.", null=True),
        Field("criterion", "string", "weight, activation or ablation.", null=True),
        replace(FILE, null=True),
        Field("shared", "list", "Other classes that draw the same unit."),
    ),
    "extract-features": (
        Field("images", "integer", "Images in the file."),
        Field("features", "integer", "Numbers per image."),
        Field("skipped", "integer", "Images that could not be read."),
        Field("images_per_second", "number", "Speed; null where nothing was computed.", "images per second", null=True),
        FILE,
    ),
    "reproduce": (
        Field("part", "integer", "Of the report."),
        Field("quantity", "string", "What is measured."),
        Field("setting", "string", "The table or figure, and its row."),
        Field("published", "number", "The value in the report.", null=True),
        Field("measured", "number", "Ours.", null=True),
        replace(LOW, meaning="Lower end of the 95 % interval of measured.", unit=""),
        replace(HIGH, meaning="Upper end of the 95 % interval of measured.", unit=""),
        Field("difference", "number", "measured less published.", null=True),
        Field("status", "string", f"{STATUSES}, or not_run."),
        Field("note", "string", "What a reader should know of it."),
        replace(LOW, name="difference_low", meaning="Lower end of the interval of the difference.", unit=""),
        replace(HIGH, name="difference_high", meaning="Upper end of the interval of the difference.", unit=""),
        Field("agrees", "boolean", "Whether the verdict is agrees; null where it cannot be said.", null=True),
        Field("verdict", "string", "agrees, differs or cannot say; of test accuracies alone.", null=True),
        Field("table", "string", "The table or figure of the report."),
        Field("command", "string", "The line that repeats it.", null=True),
        Field("draw", "string", "corrected, or published: the report's own images."),
        Field("configuration", "string", "Rows of one configuration share it: they count once.", null=True),
        Field(
            "published_right",
            "integer",
            "Images that the published accuracy is the share of, where it is one.",
            null=True,
        ),
        Field("published_n", "integer", "Images that it was measured on.", null=True),
    ),
    "report": (
        FILE,
        Field("bytes", "integer", "Its size.", "bytes"),
        Field("runs", "list", "What it shows."),
    ),
    "runs": (
        RUN,
        Field("command", "string", "That made it."),
        Field("dataset", "string", "The resolved name of its dataset.", null=True),
        Field("setting", "string", "What was asked that is not the default.", null=True),
        Field("accuracy", "number", "On the test images.", "fraction", null=True),
        Field("status", "string", "How it ended."),
        Field("age", "number", "Since it was made.", "seconds"),
        Field("bytes", "integer", "Its size.", "bytes"),
        Field("why", "string", "Why --prune offers to remove it; null keeps it.", null=True),
    ),
    "env": (
        Field("item", "string", "A package, a device, a dataset, the cache."),
        Field("value", "string", "Its version, name, size or place."),
    ),
    "schema": (
        Field("command", "string", "Whose rows."),
        Field("field", "string", "As rows carry it."),
        Field("type", "string", "string, integer, number, boolean or list; with `or null` where it can be null."),
        Field("unit", "string", "Of a number; empty where it has none."),
        Field("meaning", "string", "In a sentence."),
    ),
}
"""The fields of every command's rows, in their order."""
