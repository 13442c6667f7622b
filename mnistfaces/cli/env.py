"""`mnf env`: what this machine has for mnf."""

from collections.abc import Iterator

from mnistfaces.cli._columns import Row
from mnistfaces.cli._options import DataDirOption, OutputOptions, flat


@flat
def env(
    *,
    data_dir: DataDirOption = None,
    output: OutputOptions = OutputOptions(),
) -> None:
    """\b
    $ mnf env
    $ mnf env --format md

    List versions, devices and the data that are present.
    """
    from mnistfaces import environment

    def rows() -> Iterator[Row]:
        for item, value in environment.items(data_dir):
            yield {"item": item, "value": value}

    output.open().rows(rows())
