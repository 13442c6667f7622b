"""The page of several runs: how each did, whether they differ, and their curves over each other."""

from collections.abc import Mapping, Sequence
from typing import Any

from mnistfaces.config import CLOSED
from mnistfaces.errors import MnistFacesError
from mnistfaces.evaluation.compare import advice, compare
from mnistfaces.evaluation.contenders import load_contender
from mnistfaces.experiments.commands import line_of
from mnistfaces.experiments.train import load_history
from mnistfaces.experiments.trials import OPTIONS
from mnistfaces.pages.asked import option_cell
from mnistfaces.pages.charts import Curve, key, line_chart
from mnistfaces.pages.drawn import PAGE_INCHES, drawn_part
from mnistfaces.pages.page import Section
from mnistfaces.pages.parts import MINUS, Cell, cannot, facts, figure, interval, line, number, shown, table
from mnistfaces.plots.colors import PATHS
from mnistfaces.runs.runs import HISTORY, Run

Row = Mapping[str, Any]
History = Mapping[str, Sequence[float | None]]

DASHES = ("", "7 4", "2 3", "10 3 2 3")
MOST_CURVES = 8
APART = 10
"""Of trainings whose lengths differ by this factor, the epochs are drawn by powers of ten: the short ones are seen."""


def title_of(runs: Sequence[Run]) -> str:
    """Returns what a page of several runs is called."""
    names = {str(run.config["dataset"] if run.command == "sweep" else run.config["dataset"]["name"]) for run in runs}
    return f"{len(runs)} runs on {', '.join(sorted(names))}"


def compared_sections(runs: Sequence[Run]) -> list[Section]:
    """Returns the sections of a page of several trainings and sweeps: curves of those that there are.

    Raises:
        RunError: a run is not finished.
    """
    from mnistfaces.plots.comparison import short_names

    short = short_names([str(run.path) for run in runs])
    named = {short[str(run.path)]: run for run in runs}
    sweeps = {name: run for name, run in named.items() if run.command == "sweep"}
    trainings = {name: run for name, run in named.items() if run.command != "sweep"}
    sections = [
        Section(title="The runs", inside=_runs(named), name="runs"),
        Section(title="Do they differ?", inside=_differences(named), name="differences"),
    ]
    if sweeps:
        sections.append(Section(title="By what was swept", inside=_swept(sweeps), name="swept"))
    if trainings:
        sections.append(Section(title="How they learned", inside=_curves(trainings), name="learning"))
    return [*sections, Section(title="What was asked", inside=_lines(named), name="asked")]


def _row(run: Run) -> Row:
    """Returns the row of a training, or that of the chosen cell of a sweep, or of its first."""
    if run.command == "train":
        return run.row
    summary = run.summary()
    chosen: Row = summary["best"] or summary["cells"][0]
    return chosen


def _runs(named: Mapping[str, Run]) -> str:
    rows = [_row(run) for run in named.values()]
    varying = [name for name in OPTIONS if len({str(row.get(name)) for row in rows}) > 1]
    head = ["run", "test, 95 %", "validation", "train", "test images", "seconds", "status"]
    head += [OPTIONS[name].title for name in varying]
    cells = (
        [
            Cell(name, name, "the chosen cell of a sweep" if run.command == "sweep" else ""),
            Cell.share(row["test_accuracy"], row["test_low"], row["test_high"]),
            Cell.share(row["val_accuracy"]),
            Cell.share(row["train_accuracy"]),
            Cell.of(row["test_n"]),
            Cell(number(row["seconds"], 3), row["seconds"]),
            Cell.of(row["status"]),
            *(option_cell(option, row.get(option)) for option in varying),
        ]
        for (name, run), row in zip(named.items(), rows, strict=True)
    )
    return table("The runs, and the options in which they differ", head, cells, sortable=True)


def _differences(named: Mapping[str, Run]) -> str:
    """Returns the paired comparison of every two runs, or why there is none."""
    try:
        contenders = [load_contender(run) for run in named.values()]
        rows = list(compare(contenders))
        hint = advice(contenders)
    except MnistFacesError as error:
        return cannot("The paired comparison", error)
    from mnistfaces.plots.comparison import differences_figure
    from mnistfaces.plots.figures import inline_svg

    picture = inline_svg(differences_figure(rows, width=PAGE_INCHES), "Paired differences; the numbers stand below")
    names = {str(run.path): name for name, run in named.items()}
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
        + drawn_part(picture, "Paired differences")
        + table("Every pair", head, cells, sortable=True)
        + f'<p class="quiet">{shown(adjusted + hint[:1].upper() + hint[1:])}.</p>'
    )


def _points(value: float) -> str:
    return f"{100 * value:+.1f}".replace("-", MINUS)


def _swept(sweeps: Mapping[str, Run]) -> str:
    """Returns sweeps over one axis of numbers over each other, a figure per axis, and which are not drawn."""
    from mnistfaces.plots.figures import inline_svg
    from mnistfaces.plots.overlay import MOST_SWEEPS, axis_of, overlay_figure
    from mnistfaces.plots.swept import swept_options

    drawn: dict[str, dict[str, Row]] = {}
    said = []
    for name, run in sweeps.items():
        summary = run.summary()
        if axis := axis_of(summary):
            drawn.setdefault(axis.title, {})[name] = summary
        else:
            over = " and ".join(option.title for option in swept_options(summary["cells"])) or "nothing"
            said.append(cannot(f"{name}, swept over {over},", "a curve is along one axis of numbers; its page has it"))
    figures = []
    for title, summaries in drawn.items():
        shown_ones = dict(list(summaries.items())[:MOST_SWEEPS])
        name = f"Test accuracy by {title}"
        figures.append(drawn_part(inline_svg(overlay_figure(shown_ones, PAGE_INCHES), name), name))
        if len(shown_ones) < len(summaries):
            said.append(f'<p class="quiet">The first {MOST_SWEEPS} of {len(summaries)} sweeps over {shown(title)}.</p>')
    return f'<div class="charts">{"".join(figures)}</div>{"".join(said)}'


def _curves(trainings: Mapping[str, Run]) -> str:
    """Returns validation cost and accuracy of every training by epoch; of the training images where none validate."""
    histories: dict[str, History] = {}
    said = []
    for name, run in trainings.items():
        if run.training.model in CLOSED:
            said.append(cannot(f"The learning curve of {name}", "a model in closed form has none"))
            continue
        try:
            histories[name] = load_history(run.file(HISTORY))
        except MnistFacesError as error:
            said.append(cannot(f"The learning curve of {name}", error))
    if len(histories) > MOST_CURVES:
        said.append(f'<p class="quiet">The first {MOST_CURVES} of {len(histories)} curves.</p>')
    drawn = dict(list(histories.items())[:MOST_CURVES])
    return (_charts(drawn) if drawn else "") + "".join(said)


def _charts(histories: Mapping[str, History]) -> str:
    validated = all(any(value is not None for value in history["val_loss"]) for history in histories.values())
    side, words = ("val", "validation") if validated else ("train", "training")
    lengths = [history["epoch"][-1] or 1 for history in histories.values()]
    by_powers = max(lengths) > APART * min(lengths)
    charts, curves = [], []
    for what, title in (("loss", f"{words} cost (nats per image)"), ("accuracy", f"{words} accuracy (% of images)")):
        factor = 100 if what == "accuracy" else 1
        curves = [
            Curve(
                name=name,
                color=f"--{PATHS[place]}",
                x=[None if by_powers and not epoch else epoch for epoch in history["epoch"]],
                y=[None if value is None else factor * value for value in history[f"{side}_{what}"]],
                dash=DASHES[place % len(DASHES)],
            )
            for place, (name, history) in enumerate(histories.items())
        ]
        if chart := line_chart(curves, "epoch", title, log=what == "loss", log_x=by_powers):
            charts.append(figure(chart, ""))
    return f'{key(curves)}<div class="charts">{"".join(charts)}</div>' if charts else ""


def _lines(named: Mapping[str, Run]) -> str:
    told = {}
    for name, run in named.items():
        try:
            told[name] = line(line_of(run))
        except MnistFacesError as error:
            told[name] = shown(error)
    return facts(told)
