"""Figures of `plots/` in a page: drawn as narrow as a phone can show, in the page's colours, light and dark."""

import re

from mnistfaces.pages.parts import shown

PAGE_INCHES = 6.2
"""Of a figure that is asked how wide it shall be: on a phone its letters are as large as those of the page's charts."""

WIDTH = re.compile(r'\bwidth="([\d.]+)pt"')
POINTS_PER_INCH = 72


def drawn_part(picture: str, name: str) -> str:
    """Returns a figure, as `inline_svg` gave it, as a part of a page; a wide one scrolls by itself where it must.

    Args:
        picture: the `<svg>` element, which says how wide it is.
        name: what a wide one is called where it is not seen; once a page.
    """
    width = WIDTH.search(picture)
    if width and float(width[1]) <= PAGE_INCHES * POINTS_PER_INCH + 1:
        return f'<div class="drawn fits">{picture}</div>'
    return f'<div class="scroll drawn" role="group" tabindex="0" aria-label="{shown(name)}">{picture}</div>'
