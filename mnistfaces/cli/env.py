"""`mnf env`: what this machine has for mnf."""

from collections.abc import Iterator

from mnistfaces.cli import _options as options
from mnistfaces.cli._output import Row


@options.flat
def env(
    *,
    data_dir: options.DataDirOption = None,
    output: options.OutputOptions = options.OutputOptions(),  # noqa: B008  frozen
) -> None:
    """\b
    $ mnf env
    $ mnf env --format md

    List versions, devices and the data that are present.
    """
    from mnistfaces import environment  # noqa: PLC0415  --help does without torch

    def rows() -> Iterator[Row]:
        for item, value in environment.items(data_dir):
            yield {"item": item, "value": value}

    output.open().rows(rows())
