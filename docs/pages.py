"""Takes the pictures of pages: `python docs/pages.py` runs each line in an empty folder and looks at its page.

Needs Chromium. Every page is of the 5,000 digits that come with the package.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

PICTURES = Path(__file__).parent / "gallery"
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=4000")
COLORS = 256


@dataclass(frozen=True, kw_only=True)
class View:
    """A page as a reader sees it.

    Attributes:
        name: of the picture.
        lines: that make the page, the last into page.html.
        size: of the window, in pixels.
        does: what the reader has done there, as JavaScript.
    """

    name: str
    lines: tuple[str, ...]
    size: tuple[int, int]
    does: str = ""


TRAIN = (
    "mnf train digits-sample --model mlp --hidden 100 --optimizer adam --lr 1e-3 --batch-size 32 --reduction mean "
    "--epochs 20 --train-per-class all --out mlp"
)
TRAINING = (TRAIN, "mnf report mlp --out page.html")
SEVEN = "for (let n = 0; n < 8; n++) document.querySelector('[data-name=next]').click();"
VIEWS = (
    View(name="page-training", lines=TRAINING, size=(1280, 1120), does=SEVEN),
    View(name="page-training-phone", lines=TRAINING, size=(500, 1500), does=SEVEN),
)


def main() -> int:
    """Takes every picture; returns the exit code."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("pages.py needs chromium on the path", file=sys.stderr)
        return 1
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for view in VIEWS:
            for line in view.lines:
                run(line, Path(folder))
            page = Path(folder) / "page.html"
            page.write_text(acted(page.read_text(encoding="utf-8"), view.does), encoding="utf-8")
            shot, size = Path(folder) / "shot.png", ",".join(map(str, view.size))
            command = [chromium, *FLAGS, f"--screenshot={shot}", f"--window-size={size}", page.as_uri()]
            subprocess.run(command, check=True, capture_output=True, timeout=120)
            with Image.open(shot) as picture:
                small = picture.convert("RGB").quantize(COLORS, dither=Image.Dither.NONE)
            small.save(PICTURES / f"{view.name}.png", optimize=True)
    return 0


def run(line: str, folder: Path) -> None:
    """Runs a line of the installed program in a folder."""
    words = shlex.split(line)
    program = Path(sysconfig.get_path("scripts")) / words[0]
    environment = {**os.environ, "MNF_DATA_DIR": str(folder / "data")}
    subprocess.run([program, *words[1:], "--quiet"], check=True, cwd=folder, env=environment, stdout=subprocess.DEVNULL)


def acted(page: str, script: str) -> str:
    """Returns a page on which a script runs at the end: it must be allowed first."""
    allowed = re.sub(r"script-src [^;\"]*", "script-src 'unsafe-inline'", page)
    return allowed.replace("</body>", f"<script>{script}</script></body>")


if __name__ == "__main__":
    sys.exit(main())
