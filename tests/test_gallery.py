"""The gallery: its page is what its script says, its pictures are there, small, and can be read."""

import shlex
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

DOCS = Path(__file__).parents[1] / "docs"

MOST_BYTES = 1_500_000

PAGES = "page-"
"""How pictures of whole pages begin, which another script takes in a browser."""


@pytest.fixture(scope="module")
def gallery() -> ModuleType:
    spec = spec_from_file_location("gallery", DOCS / "gallery.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["gallery"] = module_from_spec(spec)  # its dataclass looks itself up there
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_script_writes(gallery: ModuleType) -> None:
    assert (DOCS / "gallery.md").read_text(encoding="utf-8") == gallery.page()


def test_every_picture_is_drawn_by_the_line_beside_it_and_no_other_is_there(gallery: ModuleType) -> None:
    names = [f"{plate.name}.png" for plate in gallery.PLATES]
    drawn = [path.name for path in (DOCS / "gallery").iterdir() if not path.name.startswith(PAGES)]
    assert sorted(drawn) == sorted(names)
    for plate, name in zip(gallery.PLATES, names, strict=True):
        words = shlex.split(plate.line)
        assert words[0] == "mnf"
        assert words[words.index("--plot") + 1] == name


def test_pictures_are_small_and_whole(gallery: ModuleType) -> None:
    pictures = list((DOCS / "gallery").glob("*.png"))
    assert sum(path.stat().st_size for path in pictures) < MOST_BYTES
    for path in pictures:
        with Image.open(path) as picture:
            picture.load()
            assert picture.width <= gallery.WIDTH or path.name.startswith(PAGES)
            colors = picture.convert("RGB").getcolors(1 << 20)
            assert colors is not None
            assert len(colors) > 16
