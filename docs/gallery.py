"""Draws the gallery: `python docs/gallery.py` runs each line in an empty folder and writes the page and its pictures.

Every picture is of the 5,000 digits that come with the package, or of faces that nobody has, so that anyone can draw it
again. Other pages show some of them, too.
"""

import os
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent
PICTURES = HERE / "gallery"
PAGE = HERE / "gallery.md"

WIDTH, COLORS = 1000, 256
"""Pixels across and colours of a picture: what a page needs, in a quarter of the bytes."""


@dataclass(frozen=True, kw_only=True)
class Plate:
    """One picture of the gallery.

    Attributes:
        name: of its file.
        title: above it.
        line: the command that draws it into NAME.png.
        before: lines that make what it needs.
        says: what to see in it.
    """

    name: str
    title: str
    line: str
    says: str
    before: tuple[str, ...] = ()


SWEEP = "mnf sweep digits-sample --epochs 200 --seeds 5"
PLATES = (
    Plate(
        name="samples",
        title="The data",
        line="mnf samples digits-sample --per-class 24 --plot samples.png",
        says="A sheet of images, a block of lines per class.",
    ),
    Plate(
        name="rates",
        title="One option",
        line=f"{SWEEP} --lr log:1e-6:1e-1:6 --plot rates.png",
        says="Accuracy against the learning rate: every trial, the 95 % interval for new images, what validation "
        "chose, and, filled, what the test images cannot tell from the most accurate.",
    ),
    Plate(
        name="grid",
        title="Several options",
        line="mnf sweep digits-sample --lr log:1e-5:1e-2:4 --batch-size 32,128,full --momentum 0,0.9 --epochs 30 "
        "--plot grid.png",
        says="A table over two options, a panel for each value of the third; the frame is the chosen cell, ~ its ties.",
    ),
    Plate(
        name="machines",
        title="Two options",
        line="mnf sweep digits-sample --lr log:1e-5:1e-2:8 --epochs 20 --batch-size 16,32 --jobs 2 --plot machines.png",
        says="A table of two options, trained by two processes.",
    ),
    Plate(
        name="optimizers",
        title="Names",
        line="mnf sweep digits-sample --optimizer gd,nesterov,rmsprop,adagrad,adam,adamw --epochs 100 --lr 1e-3 "
        "--seeds 3 --plot optimizers.png",
        says="The most accurate at the top.",
    ),
    Plate(
        name="curve",
        title="A training",
        line="mnf train digits-sample --model mlp --optimizer adam --lr 1e-3 --reduction mean --batch-size 32 "
        "--epochs 60 --out mlp --plot curve.png",
        says="Cost and accuracy of the three sets, and the epoch of the lowest validation cost.",
    ),
    Plate(
        name="differences",
        title="Are they different?",
        before=("mnf train digits-sample --out softmax", "mnf train digits-sample --epochs 100 --out short"),
        line="mnf compare softmax mlp short --margin 0.02 --plot differences.png",
        says="Differences paired on the same images; the band is what counts as none.",
    ),
    Plate(
        name="confusion",
        title="What is taken for what",
        line="mnf evaluate softmax --plot confusion.png",
        says="Counts, shaded by the share of the true class.",
    ),
    Plate(
        name="weights",
        title="What a model looks for",
        line="mnf visualize-weights softmax --plot weights.png",
        says="Red pixels speak for the class, blue ones against it.",
    ),
    Plate(
        name="units",
        title="Hidden units",
        line="mnf visualize-weights mlp --class 3 --class 8 --top 4 --plot units.png",
        says="The units that matter most for two classes, with the weight by which they speak.",
    ),
    Plate(
        name="faces",
        title="Hidden units of faces",
        before=("mnf fetch faces --synthetic", "mnf train faces-synthetic --epochs 200 --out faces"),
        line="mnf visualize-weights faces --class oval --class round --top 4 --plot faces.png",
        says="The units that matter for two faces that nobody has.",
    ),
    Plate(
        name="contour",
        title="The cost over two weights",
        line="mnf contour digits-sample --out surface --plot contour.png",
        says="Between two lines lies as much of the surface as between any other two, so that the valley is seen.",
    ),
    Plate(
        name="paths",
        title="Descent",
        line="mnf trajectory surface --momentum 0,0.9 --lr 1e-3 --plot paths.png",
        says="Vanilla and momentum from the same start, every step.",
    ),
    Plate(
        name="plan",
        title="How many images, how many seeds?",
        line="mnf plan --accuracy 0.87 --difference 0.02 --plot plan.png",
        says="What more test images, seeds and folds buy.",
    ),
)


def page() -> str:
    """Returns the gallery as Markdown."""
    parts = [
        "# What `mnf` draws",
        "",
        "Every picture is of the 5,000 digits that come with the package, or of faces that nobody has: copy a line and",
        "draw it again, as `.png`, `.svg` or `.pdf`. All were drawn by `python docs/gallery.py`.",
    ]
    for plate in PLATES:
        lines = "\n".join((*plate.before, plate.line))
        parts += [
            "",
            f"## {plate.title}",
            "",
            f"<!-- small -->\n```\n{lines}\n```",
            "",
            f"![{plate.says}](gallery/{plate.name}.png)",
            "",
        ]
        parts += [plate.says]
    return "\n".join(parts) + "\n"


def draw() -> None:
    """Runs every line in an empty folder and keeps the pictures."""
    PICTURES.mkdir(exist_ok=True)
    programs = f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PATH": programs, "MNF_DATA_DIR": f"{folder}/data"}
        for plate in PLATES:
            for line in (*plate.before, plate.line):
                print(line, file=sys.stderr)
                words = [*shlex.split(line), "--quiet"]
                subprocess.run(words, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
            shrink(Path(folder) / f"{plate.name}.png", PICTURES / f"{plate.name}.png")
    PAGE.write_text(page(), encoding="utf-8")


def shrink(drawn: Path, kept: Path) -> None:
    """Writes a picture as small as a page needs it."""
    with Image.open(drawn) as picture:
        small = picture.convert("RGB")
        small.thumbnail((WIDTH, 4 * WIDTH), Image.Resampling.LANCZOS)
        few = small.quantize(COLORS, Image.Quantize.MAXCOVERAGE, kmeans=4, dither=Image.Dither.NONE)
        few.save(kept, optimize=True)


if __name__ == "__main__":
    draw()
