"""The report at a scale at which a part takes no time: two seeds, two values of what is swept, a few epochs."""

from collections.abc import Generator
from dataclasses import replace

from mnistfaces.config import Scale
from mnistfaces.experiments.trials import Cell
from mnistfaces.progress import Event
from mnistfaces.reproduce import digits, models
from mnistfaces.reproduce.records import Role, Setup
from mnistfaces.reproduce.sweeps import Table
from mnistfaces.runs.runs import Run

EPOCHS = 3


def install() -> None:
    """Makes `reproduce` short, in this process and until its end."""
    at = Table.at

    def short(self: Table, scale: Scale) -> Table:
        table = at(self, scale)
        lists = {name: values[:2] for name, values in table.lists.items() if name != "epochs"}
        return replace(table, lists=lists, training={**table.training, "epochs": EPOCHS}, seeds=2)

    def train_model(setup: Setup, role: Role, cell: Cell) -> Generator[Event, None, Run]:
        return (yield from models.train_model(setup, role, cell.with_(epochs=EPOCHS, train_per_class=4)))

    Table.at = short  # type: ignore[method-assign]
    digits.train_model = train_model  # type: ignore[attr-defined]
