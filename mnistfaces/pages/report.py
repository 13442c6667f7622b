"""The page of any run or runs: which sections it has, by what the runs are of."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mnistfaces.datasets.base import Dataset
from mnistfaces.errors import RunError
from mnistfaces.landscape.contours import SURFACE
from mnistfaces.pages import compared, extracted, played, swept, trained
from mnistfaces.pages.page import Section, build_page
from mnistfaces.pages.playground import title_of as title_of_surface
from mnistfaces.runs.runs import Run, find_runs

PAGE = "report.html"
FEATURES = ".npz"

FOOTER = (
    "<p>Made by <code>mnf report</code>. This file is the whole page: it asks nothing of a network. Accuracies are "
    "shares of images; intervals are of 95 %, for new images.</p>"
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """What a page is of: a run, or a dataset of features in a file; and where it lies."""

    path: Path
    content: Run | Dataset

    @property
    def command(self) -> str:
        """Returns the command that made it."""
        return self.content.command if isinstance(self.content, Run) else "extract-features"

    @property
    def folder(self) -> Path:
        """Returns the folder that its page is for."""
        return self.path if isinstance(self.content, Run) else self.path.parent


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a page says of one subject: its title, the HTML below it, and its sections."""

    title: str
    lead: str
    sections: list[Section]


def find_subjects(references: Sequence[str], lines: Iterable[str] = (), data_dir: Path | None = None) -> list[Subject]:
    """Returns what some references mean: run directories, `last`, `-`, a kept surface, or a file of features.

    Raises:
        MnistFacesError: there is no such run or file, or no page of it.
    """
    return [subject for reference in references for subject in _meant(reference, lines, data_dir)]


def _meant(reference: str, lines: Iterable[str], data_dir: Path | None) -> list[Subject]:
    path = Path(reference)
    if path.suffix == FEATURES and path.name != SURFACE:
        return [Subject(path=path, content=extracted.load_features(path, data_dir))]
    runs = find_runs(str(path.parent) if path.name == SURFACE else reference, tuple(TELL), lines)
    for run in runs:
        if run.command not in TELL:
            raise RunError(f"{run.path} is a run of mnf {run.command}, which writes a page of its own")
    return [Subject(path=run.path, content=run) for run in runs]


def build_report(subjects: Sequence[Subject], data_dir: Path | None = None) -> str:
    """Returns the page of one subject, or of several: trainings and sweeps are compared, others follow one by one.

    Raises:
        MnistFacesError: a run is not finished, or its surface is gone.
    """
    if len(subjects) == 1:
        told = _tell(subjects[0], data_dir)
        return build_page(told.title, told.sections, lead=told.lead, stamp=str(subjects[0].path), footer=FOOTER)
    runs = [one.content for one in subjects if isinstance(one.content, Run) and one.command in COMPARED]
    others = [one for one in subjects if one.command not in COMPARED]
    sections = compared.compared_sections(runs) if len(runs) > 1 else []
    if len(runs) == 1:
        others = [*subjects]
    for place, one in enumerate(others, 1):
        told = _tell(one, data_dir)
        sections += [
            replace(section, name=f"{section.name}-{place}", title=f"{one.path.name}: {section.title}")
            for section in told.sections
        ]
    title = compared.title_of(runs) if len(runs) == len(subjects) else f"{len(subjects)} runs"
    return build_page(title, sections, footer=FOOTER)


def _tell(subject: Subject, data_dir: Path | None) -> Told:
    return TELL[subject.command](subject.content, data_dir)


def _trained(run: Run, data_dir: Path | None) -> Told:
    return Told(
        title=trained.title_of(run), lead=trained.lead_of(run), sections=trained.trained_sections(run, data_dir)
    )


def _swept(run: Run, data_dir: Path | None) -> Told:
    return Told(title=swept.title_of(run), lead=swept.lead_of(run), sections=swept.swept_sections(run, data_dir))


def _played(run: Run, _data_dir: Path | None) -> Told:
    surface = played.surface_of(run)
    sections = played.played_sections(run, surface)
    return Told(title=title_of_surface(surface), lead=played.lead_of(surface), sections=sections)


def _extracted(dataset: Dataset, _data_dir: Path | None) -> Told:
    lead, sections = extracted.lead_of(dataset), extracted.extracted_sections(dataset)
    return Told(title=extracted.title_of(dataset), lead=lead, sections=sections)


TELL: Mapping[str, Callable[[Any, Path | None], Told]] = {
    "train": _trained,
    "sweep": _swept,
    "contour": _played,
    "trajectory": _played,
    "extract-features": _extracted,
}
"""By the command that made a run, what its page says."""

COMPARED = ("train", "sweep")
"""Whose runs are compared where there are several."""
