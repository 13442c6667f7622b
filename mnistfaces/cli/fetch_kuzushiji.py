"""`mnf fetch kuzushiji`: Kuzushiji-MNIST into the data folder."""

from mnistfaces.cli._mnist import AllowPrivateOption, ForceOption, PackedOption, fetch
from mnistfaces.cli._options import DataDirOption, DryRunOption, OutputOptions, flat


@flat
def kuzushiji(
    *,
    source: PackedOption = None,
    data_dir: DataDirOption = None,
    force: ForceOption = False,
    dry_run: DryRunOption = False,
    allow_private: AllowPrivateOption = False,
    output: OutputOptions = OutputOptions(),
) -> None:
    """\b
    $ mnf fetch kuzushiji
    $ mnf fetch kuzushiji --from downloads/

    Get Kuzushiji-MNIST, old Japanese letters in MNIST's form, verify it to the last byte, and convert it once.
    """
    from mnistfaces.datasets.kuzushiji import KUZUSHIJI
    from mnistfaces.fetching.mnist.mirrors import FetchMnistConfig

    config = FetchMnistConfig(source=source, force=force, allow_private=allow_private, edition=KUZUSHIJI)
    fetch(config, data_dir, output.open(), dry_run=dry_run)
