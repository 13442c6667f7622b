"""The misclassified images of `mnf evaluate`, as lists and as sheets."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mnistfaces.evaluation.evaluate import Evaluation

TABLE = ".csv"


def save_mistakes(files: list[Path], evaluation: "Evaluation", data_dir: Path | None) -> None:
    """Writes the misclassified images as lists and as sheets, by the files' endings."""
    from mnistfaces.evaluation import mistakes
    from mnistfaces.plots import figures
    from mnistfaces.plots.evaluation import mistakes_figure

    found = mistakes.find_mistakes(evaluation, data_dir)
    for file in files:
        if file.suffix.lower() == TABLE:
            mistakes.save_mistakes(file, found)
        else:
            title = f"{len(found) or 'no'} mistakes among {evaluation.what}"
            figures.save(mistakes_figure(found, title), file)
