"""The published tables as the sweeps behind them: which options, which values, how many seeds."""

from mnistfaces.reproduce.records import Piece
from mnistfaces.reproduce.sweeps import Table

TABLES = (
    Table(
        names=("Table 1",),
        part=4,
        role="digits",
        lists={"lr": (1e-2, 1e-3, 1e-4, 1e-5), "epochs": (100, 1_000, 10_000, 100_000)},
        split={"test_per_class": 50},
        seconds=800,
        repeatable=True,
    ),
    Table(
        names=("Elsewhere",),
        part=4,
        role="digits",
        training={"lr": 0.1, "momentum": 0.9, "batch_size": 512, "epochs": 20, "reduction": "mean"},
        split={"train_per_class": None},
        setting="softmax regression, all training images",
        seconds=14,
    ),
    Table(
        names=("Table 2",),
        part=5,
        role="digits",
        lists={"momentum": (0.9, 0.99, 0.999, 0.9999)},
        split={"test_per_class": 50},
        seconds=25,
        repeatable=True,
    ),
    Table(
        names=("Table 3",),
        part=8,
        role="faces",
        lists={"lr": (0.1, 0.01, 1e-3, 1e-4, 1e-5)},
        training={"batch_size": 600, "drop_last": True, "epochs": 10_000},
        seconds=100,
    ),
    Table(names=("Table 4",), part=8, role="faces", lists={"lr": (1e-3, 1e-4)}, seconds=10),
    Table(
        names=("Table 5",),
        part=8,
        role="faces",
        lists={"batch_size": (32, 64, 128, 256, 512, 600)},
        training={"drop_last": True, "epochs": 10_000},
        seconds=165,
    ),
    Table(names=("Table 6",), part=8, role="faces", lists={"batch_size": (32, 64)}, seconds=10),
    Table(names=("Table 7",), part=8, role="faces", lists={"epochs": (10, 100, 1_000, 10_000)}, seconds=65),
    Table(names=("Table 8", "Table 9"), part=8, role="faces", lists={"res": (32, 64)}, seconds=40),
    Table(
        names=("Elsewhere",),
        part=8,
        role="faces",
        training={"hidden": 300},
        color=True,
        setting="300 hidden units, colour",
        seconds=200,
    ),
    Table(
        names=("Table 10",),
        part=10,
        role="features",
        lists={"lr": (0.1, 0.01, 1e-3, 1e-4, 1e-5)},
        training={"batch_size": 600, "drop_last": True, "epochs": 10_000},
        split={"val_per_class": 20},
        seconds=600,
    ),
    Table(
        names=("Table 11",),
        part=10,
        role="features",
        lists={"lr": (1e-4, 1e-5)},
        training={"batch_size": 600, "drop_last": True, "epochs": 10_000},
        split={"val_per_class": 20},
        seconds=300,
    ),
    Table(
        names=("Table 12",),
        part=10,
        role="features",
        lists={"batch_size": (32, 64, 128, 256, 512, 600)},
        training={"drop_last": True, "epochs": 10_000},
        split={"val_per_class": 20},
        seconds=950,
    ),
    Table(
        names=("Table 13",),
        part=10,
        role="features",
        lists={"batch_size": (64, 128)},
        training={"drop_last": True, "epochs": 10_000},
        split={"val_per_class": 20},
        seconds=500,
    ),
    Table(
        names=("Table 14",),
        part=10,
        role="features",
        lists={"epochs": (10, 100, 1_000, 10_000)},
        split={"val_per_class": 20},
        seconds=190,
    ),
    Table(
        names=("Table 15", "Elsewhere"),
        part=10,
        role="features",
        split={"val_per_class": 20},
        setting="lr 0.0001, batch_size 128, epochs 1000",
        seconds=60,
    ),
)


def table_steps(part: int) -> tuple[Piece, ...]:
    """Returns the work of all tables of a part."""
    return tuple(table.step() for table in TABLES if table.part == part)
