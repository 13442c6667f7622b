"""`mnf samples`: what a dataset looks like."""

from typing import TYPE_CHECKING, Annotated

import typer

from mnistfaces.cli._columns import Column, number, text
from mnistfaces.cli._grid import read_config
from mnistfaces.cli._options import (
    DataDirOption,
    DataOptions,
    DatasetArgument,
    OutputOptions,
    PlotOption,
    check_plot,
    flat,
)
from mnistfaces.config import DataConfig
from mnistfaces.datasets import kind_of, read_dataset

if TYPE_CHECKING:
    from mnistfaces.datasets.base import Dataset


COLUMNS: tuple[Column, ...] = (
    text("dataset", role="setting"),
    text("class"),
    number("images", role="result"),
    *(
        number(f"{side}_n", f"given to {side}", role="result", rank=2, within="split")
        for side in ("train", "val", "test")
    ),
    number("groups", role="result", rank=3),
    Column("pixels", lambda row: " x ".join(map(str, row["shape"])), "setting", number=False),
)


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
    form = read_config(DataConfig, data)
    check_plot(plot)
    images = streams.result(read_dataset(dataset, form, data_dir=data_dir))
    for line in images.notes():
        streams.note(line)
    streams.rows(_counts(images), COLUMNS)
    if plot is not None:
        from mnistfaces.plots import figures
        from mnistfaces.plots.mosaic import image_sheet

        figures.save(image_sheet(images.draw_images(per_class, seed), f"{images.name}: random images"), plot)
        streams.wrote(plot)


def _counts(images: "Dataset") -> list[dict[str, object]]:
    """Returns a row per class: its images, on which side the data put them, and in how many groups they stand."""
    sides = images.given_sides()
    rows = []
    for label, name in enumerate(images.classes):
        own = (images.labels == label).nonzero()[0]
        given = {f"{side}_n": int((sides[own] == side).sum()) for side in ("train", "val", "test")}
        counts = {"images": len(own), **given, "groups": images.count_groups(own)}
        rows.append({"dataset": images.name, "class": name, **counts, "shape": list(images.shape)})
    return rows
