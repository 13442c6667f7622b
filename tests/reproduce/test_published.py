from collections import Counter

import pytest

from mnistfaces.reproduce.published import ACCURACIES, load_published, published_at, published_in
from mnistfaces.reproduce.tables import TABLES


def test_every_row_of_every_published_table_is_there() -> None:
    rows = Counter((figure.part, figure.table) for figure in load_published() if figure.table.startswith("Table"))
    assert rows == {
        (4, "Table 1"): 48,
        (5, "Table 2"): 12,
        (8, "Table 3"): 15,
        (8, "Table 4"): 6,
        (8, "Table 5"): 18,
        (8, "Table 6"): 6,
        (8, "Table 7"): 12,
        (8, "Table 8"): 3,
        (8, "Table 9"): 3,
        (10, "Table 10"): 15,
        (10, "Table 11"): 6,
        (10, "Table 12"): 18,
        (10, "Table 13"): 4,
        (10, "Table 14"): 12,
        (10, "Table 15"): 3,
    }


@pytest.mark.parametrize(
    ("part", "table", "quantity", "setting", "value"),
    [
        (4, "Table 1", "seconds", "lr 0.01, epochs 100000", 443),
        (4, "Table 1", "test_accuracy", "lr 1e-05, epochs 100", 0.73),
        (5, "Table 2", "train_accuracy", "momentum 0.999", 0.10),
        (6, "Figure 18", "trained_cost", "summed, nats", 387.601),
        (8, "Table 5", "test_accuracy", "batch_size 128", 0.801),
        (8, "Table 9", "seconds", "res 64", 90.2),
        (10, "Table 11", "test_accuracy", "lr 0.0001", 0.9467),
        (10, "Table 14", "seconds", "epochs 10", 0.37),
    ],
)
def test_figures_are_those_of_the_report(part: int, table: str, quantity: str, setting: str, value: float) -> None:
    assert published_at(part, table, quantity, setting).value == pytest.approx(value)


def test_no_figure_stands_twice_and_accuracies_are_fractions_of_counted_images() -> None:
    figures = load_published()
    assert len({(figure.part, figure.table, figure.quantity, figure.setting) for figure in figures}) == len(figures)
    for figure in figures:
        assert 1 <= figure.part <= 10
        if figure.quantity in ACCURACIES:
            assert 0 <= figure.value <= 1
            assert figure.images
        else:
            assert figure.images is None


def test_the_sweeps_reach_every_row_of_every_published_table() -> None:
    for table in TABLES:
        settings = {table.setting_of(cell) for cell in table.grid().cells}
        published = {figure.setting for figure in published_in(table.part, table.names)}
        assert settings == published, table.title
    swept = {(table.part, name) for table in TABLES for name in table.names}
    of_tables = {(figure.part, figure.table) for figure in load_published() if figure.table.startswith("Table")}
    assert of_tables <= swept
