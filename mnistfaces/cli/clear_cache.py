"""`mnf fetch --clear-cache`: what was remembered of decoded data is forgotten."""

from typing import Annotated

import typer

from mnistfaces.cli._options import DataDirOption, OutputOptions, flat


@flat
def clear_cache(
    context: typer.Context,
    *,
    clear: Annotated[bool, typer.Option("--clear-cache", help="Forget what was decoded, and end.")] = False,
    data_dir: DataDirOption = None,
    output: OutputOptions = OutputOptions(),
) -> None:
    """\b
    $ mnf fetch digits
    $ mnf fetch faces --res 32 --source live,wayback

    Get data, and prove what they are.
    """
    if not clear:
        if context.invoked_subcommand is None:
            print(context.get_help())
        return
    from mnistfaces.datasets.cache import clear_cache as clear_entries
    from mnistfaces.datasets.store import data_dir as resolve

    entries, size = clear_entries(resolve(data_dir))
    output.open().rows([{"entries": entries, "bytes": size}])
    raise typer.Exit
