"""`mnf fetch fashion`: Fashion-MNIST into the data folder."""

from mnistfaces.cli._mnist import AllowPrivateOption, ForceOption, PackedOption, fetch
from mnistfaces.cli._options import DataDirOption, DryRunOption, OutputOptions, flat


@flat
def fashion(
    *,
    source: PackedOption = None,
    data_dir: DataDirOption = None,
    force: ForceOption = False,
    dry_run: DryRunOption = False,
    allow_private: AllowPrivateOption = False,
    output: OutputOptions = OutputOptions(),
) -> None:
    """\b
    $ mnf fetch fashion
    $ mnf fetch fashion --from downloads/

    Get Fashion-MNIST, clothes in MNIST's form, verify it to the last byte, and convert it once.
    """
    from mnistfaces.datasets.fashion import FASHION
    from mnistfaces.fetching.mnist.mirrors import FetchMnistConfig

    config = FetchMnistConfig(source=source, force=force, allow_private=allow_private, edition=FASHION)
    fetch(config, data_dir, output.open(), dry_run=dry_run)
