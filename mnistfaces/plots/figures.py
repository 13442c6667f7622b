"""What every figure has in common: its letters, its axes, and how it is written.

Every figure is drawn without a window, whatever a person's own matplotlib is set to, and stays readable at half of its
size.
"""

import functools
import hashlib
import io
import re
import textwrap
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import ParamSpec

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mnistfaces.files import write_whole
from mnistfaces.plots.colors import DARK, LIGHT
from mnistfaces.text import clean

INK, QUIET, LINE, PAPER = (LIGHT[name] for name in ("ink", "quiet", "line", "paper"))

RESOLUTION = 160
"""Dots per inch of a figure, and of what is drawn in dots inside one that is drawn in lines."""

SMALLEST = 10
"""Points of the smallest letters: five at half size, as in a footnote."""

STYLE = {
    "font.size": 12,
    "axes.titlesize": 12,
    "axes.labelsize": 12,
    "xtick.labelsize": 11,
    "ytick.labelsize": 11,
    "legend.fontsize": 11,
    "figure.titlesize": 13,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": QUIET,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.8,
    "legend.frameon": False,
    "axes.formatter.useoffset": False,
    "figure.constrained_layout.w_pad": 0.12,
    "figure.constrained_layout.h_pad": 0.08,
    "svg.hashsalt": "mnistfaces",
}

LETTER_WIDTH = 0.56
"""Of a letter of DejaVu Sans, in its size, on the average of English text."""

Drawing = ParamSpec("Drawing")


def styled(draw: Callable[Drawing, Figure]) -> Callable[Drawing, Figure]:
    """Returns a function that draws a figure, in the style of all figures."""

    @functools.wraps(draw)
    def drawn(*args: Drawing.args, **options: Drawing.kwargs) -> Figure:
        with in_style():
            return draw(*args, **options)

    return drawn


def in_style() -> AbstractContextManager[None]:
    """Returns a context in which matplotlib draws in the style of all figures, and in nothing else."""
    return style.context(["default", STYLE])


def literal(text: str) -> str:
    """Returns a text from data as a figure shows it letter by letter: `$` begins no mathematics, and nothing turns."""
    return "\n".join(map(clean, text.split("\n"))).replace("$", r"\$")


def wrapped(text: str, inches: float, points: float = 12) -> str:
    """Returns a text from data in lines of at most a width, letter by letter; its own line ends stay."""
    letters = max(12, int(inches * 72 / (points * LETTER_WIDTH)))
    lines = [textwrap.wrap(clean(line), letters, break_on_hyphens=False) or [""] for line in text.split("\n")]
    return "\n".join(line for broken in lines for line in broken).replace("$", r"\$")


def set_title(figure: Figure, title: str, inches_down: float | None = None) -> None:
    """Writes a title above a figure, in as many lines as its width asks for; so far down, or where its layout wants."""
    place = {} if inches_down is None else {"y": 1 - inches_down / figure.get_figheight()}
    figure.suptitle(_title_lines(title, figure.get_figwidth()), **place)


def title_inches(title: str, width: float) -> float:
    """Returns the height that a title takes above a figure of some width, with room above and below."""
    return 0.3 + 0.25 * len(_title_lines(title, width).split("\n"))


def _title_lines(title: str, width: float) -> str:
    return wrapped(title, width - 0.3, STYLE["figure.titlesize"])  # type: ignore[arg-type]


def save(figure: Figure, path: Path) -> None:
    """Writes a figure, whole or not at all, in the format that the file's name asks for; equal figures, equal bytes.

    Raises:
        FileError: the folder or the disk refuses.
    """
    ending = path.suffix.lower().removeprefix(".")
    stamp = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(ending)
    with write_whole(path) as file, in_style():
        figure.savefig(file, format=ending, dpi=RESOLUTION, metadata=stamp)


def inline_svg(figure: Figure, name: str) -> str:
    """Returns a figure as an `<svg>` element for a page: light or dark with the page's reader, its letters as text.

    Args:
        figure: drawn in the colours of `LIGHT`, for which `DARK` has others.
        name: what it is called where it is not seen.
    """
    file = io.StringIO()
    with in_style(), style.context({"svg.fonttype": "none", "font.sans-serif": ["DejaVu Sans", "Verdana"]}):
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(file, format="svg", dpi=RESOLUTION, transparent=True, metadata=nothing)
    drawn = re.sub(r"^.*?(?=<svg)|<metadata>.*?</metadata>|\n\s*(?=<)", "", file.getvalue(), flags=re.DOTALL)
    own = f"f{hashlib.sha256(drawn.encode()).hexdigest()[:8]}-"  # several figures of a page share no id
    drawn = re.sub(r'(\sid="|href="#|url\(#)', rf"\g<1>{own}", drawn)
    for color, value in LIGHT.items():
        drawn = drawn.replace(f": {value}", f": var(--figure-{color}, {value})")
    title = f"<title>{_escape(clean(name))}</title><style>{_dark_style()}</style>"
    return re.sub(r"<svg([^>]*)>", rf'<svg role="img" class="figure"\g<1>>{_backslashed(title)}', drawn, count=1)


def _dark_style() -> str:
    colors = "".join(f"--figure-{name}:{value};" for name, value in DARK.items())
    return f"@media (prefers-color-scheme:dark){{svg.figure{{{colors}}}}}"


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _backslashed(text: str) -> str:
    return text.replace("\\", r"\\")


def plain_axes(axes: Axes) -> None:
    """Takes away the lines that carry nothing."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True)
    axes.set_axisbelow(True)
