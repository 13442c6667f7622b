from collections import Counter

import pytest

from mnistfaces.reproduce.comparison import judge
from mnistfaces.reproduce.published import ACCURACIES, load_published, published_at, published_in
from mnistfaces.reproduce.records import Finding
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
        (10, "Table 13"): 6,
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
            assert figure.value is None or 0 <= figure.value <= 1
            assert figure.images
        else:
            assert figure.images is None


def test_an_accuracy_is_a_number_of_images_where_it_is_that_of_one_run() -> None:
    """100 training and 50 test images per digit, 120 faces: the fractions that the report printed, or cut off."""

    def right(part: int, table: str, setting: str, quantity: str = "test_accuracy") -> int | None:
        return published_at(part, table, quantity, setting).right

    assert right(4, "Table 1", "lr 1e-05, epochs 100") == 365
    assert right(4, "Table 1", "lr 1e-05, epochs 100", "train_accuracy") == 789
    assert (right(8, "Table 3", "lr 0.001"), right(8, "Table 7", "epochs 1000")) == (101, 101)
    assert (right(10, "Table 12", "batch_size 32"), right(10, "Table 12", "batch_size 64")) == (113, 113)
    assert right(10, "Table 10", "lr 0.1", "train_accuracy") == 164
    assert right(8, "Table 3", "lr 0.1", "train_accuracy") == 160
    assert right(8, "Table 5", "batch_size 128") is None  # 80.1 % of 120 is no number of images
    assert right(8, "Table 4", "lr 0.0001") is None  # 84.2 %, a mean over ten runs
    single = [figure for figure in load_published() if figure.quantity in ACCURACIES and figure.right is not None]
    assert all(0 <= figure.right / figure.images <= 1 for figure in single)


def test_what_is_not_known_of_the_report_is_said_and_not_invented() -> None:
    unknown = [figure for figure in load_published() if figure.value is None]
    assert [(figure.table, figure.quantity) for figure in unknown] == [("Table 13", "train_accuracy")] * 2
    row = judge(Finding(figure=unknown[0], value=0.99, images=700))
    assert (row["published"], row["measured"], row["difference"], row["verdict"]) == (None, 0.99, None, None)
    assert row["note"] == "The published value is not among the figures that we have of the report."


def test_the_sweeps_reach_every_row_of_every_published_table() -> None:
    for table in TABLES:
        settings = {table.setting_of(cell) for cell in table.grid().cells}
        published = {figure.setting for figure in published_in(table.part, table.names)}
        assert settings == published, table.title
    swept = {(table.part, name) for table in TABLES for name in table.names}
    of_tables = {(figure.part, figure.table) for figure in load_published() if figure.table.startswith("Table")}
    assert of_tables <= swept
