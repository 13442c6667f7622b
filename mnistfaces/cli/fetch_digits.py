"""`mnf fetch digits`: the full MNIST into the data folder."""

from dataclasses import asdict
from typing import Annotated

import typer

from mnistfaces.cli._options import DataDirOption, DryRunOption, OutputOptions, flat
from mnistfaces.cli._output import number, text

COLUMNS = (
    text("source"),
    number("train_n", "train", digits=6),
    number("val_n", "val", digits=6),
    number("test_n", "test", digits=6),
    text("sha256"),
    text("path"),
)


@flat
def digits(
    *,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="FILE_OR_URL",
            help="mnist_all.mat or the folder of the four IDX files, or a URL of either [default: mirrors in turn].",
        ),
    ] = None,
    data_dir: DataDirOption = None,
    force: Annotated[bool, typer.Option("--force", help="Fetch again what is there already.")] = False,
    dry_run: DryRunOption = False,
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="Connect to addresses that are not public, too.")
    ] = False,
    output: OutputOptions = OutputOptions(),
) -> None:
    """\b
    $ mnf fetch digits
    $ mnf fetch digits --from mnist_all.mat

    Get the full MNIST, verify it to the last byte, and convert it once.
    """
    from mnistfaces.datasets import store
    from mnistfaces.fetching.mnist.fetch import fetch_digits, plan_digits
    from mnistfaces.fetching.mnist.mirrors import FetchDigitsConfig

    config = FetchDigitsConfig(source=source, force=force, allow_private=allow_private)
    folder = store.data_dir(data_dir)
    out = output.open()
    found = out.result(plan_digits(folder, config) if dry_run else fetch_digits(folder, config))
    out.rows([asdict(found)], COLUMNS)
