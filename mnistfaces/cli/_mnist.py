"""What the commands that fetch MNIST, or a set that takes its place, share."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnistfaces.cli._columns import number, text
from mnistfaces.cli._output import Output

if TYPE_CHECKING:
    from mnistfaces.fetching.mnist.mirrors import FetchMnistConfig

COLUMNS = (
    text("source"),
    number("train_n", "train", digits=6),
    number("val_n", "val", digits=6),
    number("test_n", "test", digits=6),
    text("sha256"),
    text("path"),
)

PackedOption = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="FOLDER_OR_URL",
        help="The folder or URL of the four IDX files, packed by gzip [default: mirrors in turn].",
    ),
]
ForceOption = Annotated[bool, typer.Option("--force", help="Fetch again what is there already.")]
AllowPrivateOption = Annotated[
    bool, typer.Option("--allow-private", help="Connect to addresses that are not public, too.")
]


def fetch(config: "FetchMnistConfig", data_dir: Path | None, out: Output, *, dry_run: bool) -> None:
    """Fetches a set, or tells what would be asked, and prints its row."""
    from mnistfaces.datasets import store
    from mnistfaces.fetching.mnist.fetch import fetch_mnist, plan_mnist

    folder = store.data_dir(data_dir)
    found = out.result(plan_mnist(folder, config) if dry_run else fetch_mnist(folder, config))
    out.rows([asdict(found)], COLUMNS)
