"""`mnf fetch digits`: the full MNIST into the data folder."""

from typing import Annotated

import typer

from mnistfaces.cli._mnist import AllowPrivateOption, ForceOption, fetch
from mnistfaces.cli._options import DataDirOption, DryRunOption, OutputOptions, flat


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
    force: ForceOption = False,
    dry_run: DryRunOption = False,
    allow_private: AllowPrivateOption = False,
    output: OutputOptions = OutputOptions(),
) -> None:
    """\b
    $ mnf fetch digits
    $ mnf fetch digits --from mnist_all.mat

    Get the full MNIST, verify it to the last byte, and convert it once.
    """
    from mnistfaces.fetching.mnist.mirrors import FetchMnistConfig

    config = FetchMnistConfig(source=source, force=force, allow_private=allow_private)
    fetch(config, data_dir, output.open(), dry_run=dry_run)
