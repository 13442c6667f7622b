"""`mnf samples`: what a dataset looks like."""

from typing import TYPE_CHECKING, Annotated

import typer

from mnistfaces.cli._grid import read_data
from mnistfaces.cli._options import (
    DataDirOption,
    DataOptions,
    DatasetArgument,
    OutputOptions,
    PlotOption,
    check_plot,
    flat,
)
from mnistfaces.datasets import kind_of, load_dataset

if TYPE_CHECKING:
    from mnistfaces.datasets.base import Dataset


@flat
def samples(
    dataset: DatasetArgument = "digits",
    *,
    per_class: Annotated[int, typer.Option("--per-class", min=1, help="Images of each class on the sheet.")] = 12,
    plot: PlotOption = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Which images are drawn.")] = 0,
    data: DataOptions,
    data_dir: DataDirOption = None,
    output: OutputOptions = OutputOptions(),
) -> None:
    """\b
    $ mnf samples digits --plot samples.png
    $ mnf samples faces --per-class 8 --plot faces.png

    Count a dataset's images, and draw some of each class.
    """
    streams = output.open()
    kind_of(dataset)
    form = read_data(data)
    check_plot(plot)
    images = load_dataset(dataset, data_dir=data_dir, **vars(form))
    for line in images.notes():
        streams.note(line)
    streams.rows(_counts(images))
    if plot is not None:
        from mnistfaces.plots import figures
        from mnistfaces.plots.training import image_sheet

        figures.save(image_sheet(images.draw_images(per_class, seed), f"{images.name}: random images"), plot)


def _counts(images: "Dataset") -> list[dict[str, object]]:
    """Returns a row per class."""
    return [
        {
            "dataset": images.name,
            "class": name,
            "images": int((images.labels == number).sum()),
            "test_n": int(images.given_test[images.labels == number].sum()),
            "shape": list(images.shape),
        }
        for number, name in enumerate(images.classes)
    ]
