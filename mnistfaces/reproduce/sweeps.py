"""The sweep behind a published table: its grid at either scale, its line, and the work of doing it."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mnistfaces.config import DatasetKind, Scale
from mnistfaces.datasets import load_dataset
from mnistfaces.execution.reference import DatasetReference
from mnistfaces.experiments.commands import default_cell, sweep_line
from mnistfaces.experiments.results import CellResult
from mnistfaces.experiments.sweep import Sweep
from mnistfaces.experiments.sweep_config import SweepConfig
from mnistfaces.experiments.trials import SWEPT, Cell, Grid, Row, build_cells
from mnistfaces.files import hash_of
from mnistfaces.progress import Event
from mnistfaces.reproduce.published import ACCURACIES, Published, published_in
from mnistfaces.reproduce.published_draw import Answer, PublishedDraw, Setting, descend
from mnistfaces.reproduce.records import Finding, Found, Piece, Remark, Role, Setup

QUICK_EPOCHS: Mapping[Role, int] = {"digits": 10_000, "faces": 1_000, "features": 100}
"""The longest trainings of a quick run."""

QUICK_SEEDS = 3
KINDS: Mapping[Role, DatasetKind] = {"digits": "digits", "faces": "faces", "features": "features"}


@dataclass(frozen=True, kw_only=True)
class Table:
    """The sweep that one or more published tables tell of.

    Attributes:
        names: of the published tables.
        part: of the report.
        role: what is trained on.
        lists: the options that are swept, with their values.
        training: options that differ from the defaults of this kind of dataset.
        split: likewise, of the division of the images.
        seeds: how many trials a cell has; each draws its own split.
        color: channels of the images; None is the dataset's own.
        setting: what the published table calls its only cell, where nothing is swept.
        seconds: about how long it takes at full scale on two cores.
        quick: the same at the quick scale, on one core, as measured.
        repeatable: whether the images that the report drew are known, so that `--draw published` can repeat it.
    """

    names: tuple[str, ...]
    part: int
    role: Role
    lists: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    split: Mapping[str, Any] = field(default_factory=dict)
    seeds: int = 10
    color: bool | None = None
    setting: str = ""
    seconds: float = 60.0
    quick: float | None = None
    repeatable: bool = False

    @property
    def title(self) -> str:
        """Returns what a person calls it: `Table 1`, `Table 8 and Table 9`."""
        return " and ".join(self.names)

    def at(self, scale: Scale) -> "Table":
        """Returns the sweep as it is done at a scale: a quick one has fewer seeds and leaves out long trainings."""
        if scale == "full":
            return self
        longest = QUICK_EPOCHS[self.role]
        lists, training = dict(self.lists), dict(self.training)
        if "epochs" in lists:
            lists["epochs"] = [epochs for epochs in lists["epochs"] if epochs <= longest]
        else:
            training["epochs"] = min(longest, self.common.training.epochs)
        return replace(self, lists=lists, training=training, seeds=min(QUICK_SEEDS, self.seeds))

    @property
    def common(self) -> Cell:
        """Returns what all cells have in common."""
        return default_cell(KINDS[self.role]).with_(**self.training, **self.split, color=self.color)

    def grid(self) -> Grid:
        """Returns the cells and seeds."""
        return Grid(cells=build_cells(self.lists, self.common), seeds=tuple(range(self.seeds)))

    @property
    def swept(self) -> tuple[str, ...]:
        """Returns the options that the line names, of those that take lists: their values are no part of the folder."""
        default, ours = default_cell(KINDS[self.role]).asked(), self.common.asked()
        return tuple(name for name in SWEPT if name in self.lists or ours[name] != default[name])

    def line(self, dataset: str) -> str:
        """Returns the `mnf sweep` line that does just this."""
        return sweep_line(dataset, KINDS[self.role], self.lists, self.common, seeds=self.seeds)

    def setting_of(self, cell: Cell) -> str:
        """Returns what the published tables call a cell."""
        options = cell.options()
        return ", ".join(f"{name} {_plain(options[name])}" for name in self.lists) or self.setting

    def step(self) -> Piece:
        """Returns the work of doing it."""
        return Piece(name=self.title, seconds=self.seconds, quick=self.quick, work=self.work, tables=self.names)

    def work(self, setup: Setup) -> Iterator[Event | Found]:
        """Sweeps, or finds what is done, and yields a finding for every published value of the tables.

        Raises:
            DataError: the dataset is not here.
        """
        table = self.at(setup.scale)
        line = table.line(setup.name(self.role))
        job = yield from self.done(setup)
        cells = {table.setting_of(cell): cell for cell in table.grid().cells}
        rows = {setting: job.outcomes.row(cell) for setting, cell in cells.items()}
        shorter = table.common.training.epochs < self.common.training.epochs
        note = (
            f"With {table.common.training.epochs:,} epochs instead of {self.common.training.epochs:,}."
            if shorter
            else ""
        )
        images = {setting: _in_full_batch(job.outcomes.result(cell)) for setting, cell in cells.items()}
        configurations = {
            setting: self._configuration(cell, full=images[setting] is not None) for setting, cell in cells.items()
        }
        answers = yield from table.repeat(setup)
        for figure in published_in(self.part, self.names):
            row, answer = rows.get(figure.setting), answers.get(figure.setting)
            if answer is not None and row is not None and figure.quantity in ACCURACIES:
                yield _repeated(figure, answer, row, self.part)
                continue
            if row is None:
                left_out = "Left out at --scale quick: mnf reproduce --scale full has it."
                yield Finding(figure=figure, value=None, status="not_run", note=left_out)
            else:
                full = images[figure.setting]
                measured = _measured(figure.quantity, row)
                configuration = configurations[figure.setting]
                said = " ".join(filter(None, (note, _of_batch(figure, full), _caution(figure, row))))
                yield Finding(figure=figure, **measured, note=said, line=line, configuration=configuration)
        yield from _told_apart(self.title, job.summary, list(configurations.values()))

    def done(self, setup: Setup, file: Path | None = None) -> Generator[Event, None, Sweep]:
        """Sweeps, or finds what is done; returns the finished sweep.

        Args:
            setup: where, and with which data.
            file: a dataset to take in place of that of the role.

        Raises:
            DataError: the dataset is not here.
        """
        table = self.at(setup.scale)
        named = setup.name(self.role) if self.role == "features" else None
        job = Sweep(
            SweepConfig(
                grid=table.grid(),
                reference=named if file is None else file.as_posix(),
                swept=table.swept,
                device=setup.device,
            ),
            (lambda data: setup.load(self.role, data)) if file is None else DatasetReference(str(file), setup.data_dir),
        )
        yield from (event for event in job.run() if isinstance(event, Event))
        job.finish()
        return job

    def _configuration(self, cell: Cell, *, full: bool) -> str:
        """Returns what tells a cell from those of other tables: full batches are one, whatever size was asked for."""
        one = {"batch_size": None, "drop_last": False} if full else {}
        return hash_of([self.role, cell.options() | one])[:8]

    def repeat(self, setup: Setup) -> Generator[Event, None, dict[str, Answer]]:
        """Does the table by the report's own draw and descent, where that is asked for; returns answers by setting.

        Raises:
            DataError: the full MNIST is not here.
        """
        if setup.draw != "published" or not self.repeatable:
            return {}
        cells = self.grid().cells
        settings = {cell: Setting(lr=cell.training.lr, momentum=cell.training.momentum) for cell in cells}
        drawn = PublishedDraw.of(load_dataset("digits-full", data_dir=setup.data_dir))
        found: Mapping[tuple[Setting, int], Answer] = {}
        for event in descend(drawn, list(dict.fromkeys(settings.values())), {cell.training.epochs for cell in cells}):
            if isinstance(event, Mapping):
                found = event
            else:
                yield event
        return {self.setting_of(cell): found[setting, cell.training.epochs] for cell, setting in settings.items()}


def _repeated(figure: Published, answer: Answer, row: Row, part: int) -> Finding:
    """Returns what the report's own draw gives, and beside it what the corrected protocol gave."""
    corrected = f"By the corrected protocol {row[figure.quantity]:.1%}."
    overflow = "The unguarded softmax overflowed, and of NaN argmax takes class 0. " if answer.overflowed else ""
    return Finding(
        figure=figure,
        value=getattr(answer, figure.quantity),
        status="diverged" if answer.overflowed else "ok",
        note=overflow + corrected,
        line=f"mnf reproduce {part} --draw published",
        exact=True,
    )


def _in_full_batch(result: CellResult) -> int | None:
    """Returns how many images train where the batch size is above that in every trial; None elsewhere."""
    training = result.cell.training
    images = max((record["train_n"] for record in result.records), default=0) * training.copies
    return images if 0 < images < (training.batch_size or 0) else None


def _of_batch(figure: Published, images: int | None) -> str:
    """Returns that rows which differ in batch size alone are one training, for an accuracy of full batches."""
    return f"Full batch: {images:,} images." if images is not None and figure.quantity in ACCURACIES else ""


def _caution(figure: Published, row: Row) -> str:
    """Returns why the interval of a test accuracy holds too seldom; "" where nothing is known."""
    caution = row.get("caution", "") if figure.quantity == "test_accuracy" else ""  # earlier sweeps say none
    return f"{caution[0].upper()}{caution[1:]}." if caution else ""


def _measured(quantity: str, row: Row) -> dict[str, Any]:
    """Returns what a row of a sweep says of a quantity."""
    low, high = row["test_low"], row["test_high"]
    return {
        "value": row[quantity],
        "interval": (low, high) if quantity == "test_accuracy" and low is not None else None,
        "images": row.get("train_n" if quantity == "train_accuracy" else "test_n"),
        "trained_on": row["train_n"],
        "spread": row.get(f"{quantity}_std"),
        "trials": row["n"],
        "status": row["status"],
    }


def _told_apart(title: str, summary: Row, configurations: Sequence[str]) -> Iterator[Remark]:
    """Yields how many settings the test images cannot tell from the most accurate.

    Args:
        title: of the table.
        summary: of its sweep.
        configurations: of the cells, in order; cells of one are one setting.
    """
    if summary["best"] is None or len(set(configurations)) < 2:  # noqa: PLR2004  a choice is between two
        return
    tied = {kind for kind, row in zip(configurations, summary["cells"], strict=True) if row["tied"]}
    chosen = configurations[next(number for number, row in enumerate(summary["cells"]) if row["best"])]
    spread = summary["best"]["test_accuracy_std"]
    deviation = f"; over seeds and splits the best varies by {spread:.1%} (standard deviation)" if spread else ""
    yield Remark(
        text=f"{title}: {len(tied)} of {len(set(configurations))} settings cannot be told from the most accurate, the "
        f"one that validation chooses {'among' if chosen in tied else 'not among'} them, on {summary['tested']:,} test "
        f"images in all{deviation}.{_nested(summary)}"
    )


def _nested(summary: Row) -> str:
    """Returns the accuracy of choosing inside each draw, where images that test in one validate in another."""
    nested = summary["nested"]
    if not summary["redrawn"] or nested is None:
        return ""
    return (
        f" Choosing inside each draw by validation (nested): {nested['accuracy']:.1%} [{100 * nested['low']:.1f}, "
        f"{100 * nested['high']:.1f}]."
    )


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
