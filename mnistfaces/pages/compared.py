"""The page of several runs: how each did, their learning curves over each other, and whether they differ."""

from collections.abc import Mapping, Sequence
from typing import Any

from mnistfaces.errors import MnistFacesError
from mnistfaces.evaluation.compare import advice, compare
from mnistfaces.evaluation.contenders import load_contender
from mnistfaces.experiments.commands import line_of
from mnistfaces.experiments.train import HISTORY, load_history
from mnistfaces.experiments.trials import OPTIONS
from mnistfaces.pages.charts import Curve, Difference, forest, key, line_chart
from mnistfaces.pages.page import Section
from mnistfaces.pages.parts import MINUS, Cell, cannot, facts, figure, interval, line, number, shown, table
from mnistfaces.plots.colors import PATHS
from mnistfaces.runs.runs import Run

Row = Mapping[str, Any]

DASHES = ("", "7 4", "2 3", "10 3 2 3")
MOST_CURVES = 8
MOST_DRAWN = 15
"""Pairs whose differences are drawn below each other; all stand in the table."""


def title_of(runs: Sequence[Run]) -> str:
    """Returns what a page of several runs is called."""
    names = {str(run.config["dataset"] if run.command == "sweep" else run.config["dataset"]["name"]) for run in runs}
    return f"{len(runs)} runs on {', '.join(sorted(names))}"


def compared_sections(runs: Sequence[Run]) -> list[Section]:
    """Returns the sections of a page of several trainings and sweeps.

    Raises:
        RunError: a run is not finished.
    """
    rows = [_row(run) for run in runs]
    return [
        Section(title="The runs", inside=_runs(runs, rows), name="runs"),
        Section(title="Do they differ?", inside=_differences(runs), name="differences"),
        Section(title="How they learned", inside=_curves(runs), name="learning"),
        Section(title="What was asked", inside=_lines(runs), name="asked"),
    ]


def _row(run: Run) -> Row:
    """Returns the row of a training, or that of the chosen cell of a sweep, or of its first."""
    if run.command == "train":
        return run.row
    summary = run.summary()
    chosen: Row = summary["best"] or summary["cells"][0]
    return chosen


def name_of(run: Run) -> str:
    """Returns a run's name in tables and keys: its folder."""
    return run.path.name or str(run.path)


def _runs(runs: Sequence[Run], rows: Sequence[Row]) -> str:
    varying = [name for name in OPTIONS if len({str(row.get(name)) for row in rows}) > 1]
    head = ["run", "test, 95 %", "validation", "train", "test images", "seconds", "status"]
    head += [OPTIONS[name].title for name in varying]
    cells = (
        [
            Cell(name_of(run), name_of(run), "the chosen cell of a sweep" if run.command == "sweep" else ""),
            Cell.share(row["test_accuracy"], row["test_low"], row["test_high"]),
            Cell.share(row["val_accuracy"]),
            Cell.share(row["train_accuracy"]),
            Cell.of(row["test_n"]),
            Cell(number(row["seconds"], 3), row["seconds"]),
            Cell.of(row["status"]),
            *(Cell.of(row.get(name)) for name in varying),
        ]
        for run, row in zip(runs, rows, strict=True)
    )
    return table("The runs, and the options in which they differ", head, cells, sortable=True)


def _differences(runs: Sequence[Run]) -> str:
    """Returns the paired comparison of every two runs, or why there is none."""
    try:
        contenders = [load_contender(run) for run in runs]
        rows = list(compare(contenders))
        hint = advice(contenders)
    except MnistFacesError as error:
        return cannot("The paired comparison", error)
    names = {str(run.path): name_of(run) for run in runs}
    drawn = [
        Difference(
            name=f"{names[row['a']]} {MINUS} {names[row['b']]}",
            value=row["difference"],
            low=row["low"],
            high=row["high"],
        )
        for row in rows[:MOST_DRAWN]
    ]
    cells = (
        [
            Cell(f"{names[row['a']]} {MINUS} {names[row['b']]}"),
            Cell(_points(row["difference"]), row["difference"], interval(row["low"], row["high"])),
            Cell(number(row["p"], 2), row["p"]),
            Cell.of(row["discordant"]),
            Cell.of(row["n"]),
            Cell.of(row["verdict"]),
        ]
        for row in rows
    )
    head = ("pair", "difference in points, 95 %", "p", "images they differ on", "test images", "verdict")
    adjusted = (
        f"p is adjusted for {len(rows)} pairs (Holm); each interval stands for its pair alone. "
        if len(rows) > 1
        else ""
    )
    return (
        "<p>Paired on the same test images; an interval that spans none leaves it open which is the better one.</p>"
        f'<div class="charts">{figure(forest(drawn), "Right of the line the first of the pair is ahead.")}</div>'
        + table("Every pair", head, cells, sortable=True)
        + f'<p class="quiet">{shown(adjusted + hint[:1].upper() + hint[1:])}.</p>'
    )


def _points(value: float) -> str:
    return f"{100 * value:+.1f}".replace("-", MINUS)


def _curves(runs: Sequence[Run]) -> str:
    """Returns validation cost and accuracy of every training by epoch; of the training images where none validate."""
    histories: dict[str, dict[str, list[float | None]]] = {}
    said = []
    for run in runs:
        if run.command != "train":
            said.append(cannot(f"The learning curve of {name_of(run)}", "a sweep keeps none"))
            continue
        try:
            histories[name_of(run)] = load_history(run.file(HISTORY))
        except MnistFacesError as error:
            said.append(cannot(f"The learning curve of {name_of(run)}", error))
    if len(histories) > MOST_CURVES:
        said.append(f'<p class="quiet">The first {MOST_CURVES} of {len(histories)} curves.</p>')
    drawn = dict(list(histories.items())[:MOST_CURVES])
    validated = all(any(value is not None for value in history["val_loss"]) for history in drawn.values())
    side, words = ("val", "validation") if validated else ("train", "training")
    charts, curves = [], []
    for what, title in (("loss", f"{words} cost (nats per image)"), ("accuracy", f"{words} accuracy")):
        curves = [
            Curve(
                name=name,
                color=f"--{PATHS[place]}",
                x=history["epoch"],
                y=history[f"{side}_{what}"],
                dash=DASHES[place % 4],
            )
            for place, (name, history) in enumerate(drawn.items())
        ]
        if chart := line_chart(curves, "epoch", title, log=what == "loss"):
            charts.append(figure(chart, ""))
    return (f'{key(curves)}<div class="charts">{"".join(charts)}</div>' if charts else "") + "".join(said)


def _lines(runs: Sequence[Run]) -> str:
    told = {}
    for run in runs:
        try:
            told[name_of(run)] = line(line_of(run))
        except MnistFacesError as error:
            told[name_of(run)] = shown(error)
    return facts(told)
