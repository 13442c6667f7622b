"""What every figure has in common: its ink, its axes, and how it is written.

Every figure is drawn without a window and saved at a size that stays readable at half of it.
"""

from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mnistfaces.files import write_whole
from mnistfaces.text import clean

INK = "#222222"


def literal(text: str) -> str:
    """Returns a text from data as a figure shows it letter by letter: `$` begins no mathematics, and nothing turns."""
    return "\n".join(map(clean, text.split("\n"))).replace("$", r"\$")


def save(figure: Figure, path: Path) -> None:
    """Writes a figure, whole or not at all, in the format that the file's name asks for; equal figures, equal bytes.

    Raises:
        FileError: the folder or the disk refuses.
    """
    ending = path.suffix.lower().removeprefix(".")
    stamp = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(ending)
    with write_whole(path) as file, rc_context({"svg.hashsalt": "mnistfaces"}):
        figure.savefig(file, format=ending, dpi=160, metadata=stamp)


def plain_axes(axes: Axes) -> None:
    """Takes away the lines that carry nothing."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
