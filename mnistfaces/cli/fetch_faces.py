"""`mnf fetch faces`: what is left of FaceScrub, verified, cropped and kept as the dataset `faces`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnistfaces.cli._columns import Column, number, text
from mnistfaces.cli._faces import FacesOptions
from mnistfaces.cli._options import (
    DataDirOption,
    DryRunOption,
    OutputOptions,
    PlotOption,
    check_plot,
    flat,
)

if TYPE_CHECKING:
    from mnistfaces.fetching.faces.fetch import Finished

LESS_THAN_ASKED = 3
DRAWN = 12


@flat
def faces(
    *,
    asked: FacesOptions,
    synthetic: Annotated[
        bool, typer.Option("--synthetic", help="Make the dataset faces-synthetic instead: no network.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", help="Of the synthetic faces.")] = 0,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE.csv", help="Write every row with its state.")
    ] = None,
    plot: PlotOption = None,
    data_dir: DataDirOption = None,
    dry_run: DryRunOption = False,
    output: OutputOptions = OutputOptions(),
) -> None:
    """\b
    $ mnf fetch faces --res 32
    $ mnf fetch faces --res 32,64,227 --source live,wayback

    Download the photographs that the FaceScrub list names, keep those whose SHA-256 is the listed one, and cut
    out the faces: gray by the luma 0.2989 R + 0.5870 G + 0.1140 B, resized by an antialiased Lanczos filter.
    Most of the addresses are dead: every row ends in a named state, and the same command goes on where it stopped.
    """
    from mnistfaces.datasets.store import data_dir as data_folder
    from mnistfaces.fetching.faces.fetch import fetch_faces, make_synthetic
    from mnistfaces.fetching.faces.report import explain_states, write_report

    check_plot(plot)
    if synthetic:
        asked.refuse_with_synthetic()
    request = asked.request(dry_run=dry_run)
    out = output.open()
    folder = data_folder(data_dir)
    finished = out.result(make_synthetic(folder, request, seed) if synthetic else fetch_faces(folder, request))
    if report is not None:
        write_report(report, finished.fates)
    if plot is not None:
        _draw(plot, finished)
    out.rows(finished.counts, _columns(finished))
    for line in () if synthetic else explain_states(finished.counts):
        out.detail(line)
    out.suggest("next", finished.next_command)
    out.wrote(report, plot if finished.datasets else None)
    if not finished.complete:
        raise typer.Exit(LESS_THAN_ASKED)


def _draw(path: Path, finished: "Finished") -> None:
    """Draws some of the faces that were kept; nothing if none were."""
    from mnistfaces.plots import figures
    from mnistfaces.plots.mosaic import image_sheet

    for dataset in list(finished.datasets.values())[:1]:
        title = f"{dataset.name}: some of {len(dataset)} crops of {dataset.shape[0]} x {dataset.shape[1]} pixels"
        figures.save(image_sheet(dataset.draw_images(DRAWN, seed=0), title), path)


def _columns(finished: "Finished") -> list[Column]:
    """Returns the table's columns: a state that no row is in has none."""
    states = list(finished.counts[0])[3:] if finished.counts else []
    used = [state for state in states if state != "ok" and any(row[state] for row in finished.counts)]
    return [text("actor"), number("listed", digits=9), number("kept", digits=9), *(number(state) for state in used)]
