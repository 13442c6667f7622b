"""The one template of all pages: a single HTML file with its style, its scripts and its pictures.

A page asks nothing of a network, and only the scripts whose hashes its head lists can run: text from data, whatever it
says, stays text.
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files

from mnistfaces.pages.parts import shown
from mnistfaces.plots.colors import DARK, LIGHT

PLACE = re.compile(r"<!--(\w+)-->")
ALWAYS = ("page",)
"""Scripts that every page has: tables that are sorted, and that say where they go on."""


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of a page below a heading of its own.

    Attributes:
        title: the heading, as text.
        inside: what follows it, as HTML.
        name: by which links find it; made of letters, digits and hyphens, once a page.
        scripts: names of the scripts, in `template/`, that bring it to life.
        state: a few words for the table of contents; "" says nothing.
    """

    title: str
    inside: str
    name: str
    scripts: tuple[str, ...] = ()
    state: str = ""

    def html(self) -> str:
        """Returns the section as HTML."""
        heading = f'<h2 id="{self.name}-title">{shown(self.title)}</h2>'
        return f'<section id="{self.name}" aria-labelledby="{self.name}-title">{heading}\n{self.inside}</section>'


def build_page(
    title: str,
    sections: Sequence[Section],
    *,
    opening: Sequence[Section] = (),
    lead: str = "",
    stamp: str = "",
    footer: str = "",
) -> str:
    """Returns a page as HTML.

    Args:
        title: of the page, as text.
        sections: its parts, in order; where there are several they are listed first.
        opening: sections that stand before that list.
        lead: HTML below the title.
        stamp: a line above it, as text; the release is added.
        footer: HTML at the end.
    """
    names = dict.fromkeys([*ALWAYS, *(script for section in (*opening, *sections) for script in section.scripts)])
    scripts = [template(f"{name}.js") for name in names]
    pieces = {
        "title": shown(title),
        "style": _colors() + template("page.css"),
        "trusted": " ".join(f"'sha256-{_digest(script)}'" for script in scripts),
        "stamp": shown(f"mnf {version('mnistfaces')}{', ' if stamp else ''}{stamp}"),
        "lead": lead,
        "body": "\n".join(
            [*(section.html() for section in opening), contents(sections), *(section.html() for section in sections)]
        ),
        "footer": footer,
        "scripts": "\n".join(f"<script>{script}</script>" for script in scripts),
    }
    return PLACE.sub(lambda place: pieces[place[1]], template("page.html"))


def contents(sections: Sequence[Section]) -> str:
    """Returns links to the sections of a page; "" where there are too few to get lost among."""
    if len(sections) < 3:  # noqa: PLR2004  two are seen at a glance
        return ""
    items = "".join(
        f'<li><a href="#{section.name}">{shown(section.title)}</a>'
        + (f' <span class="quiet">{shown(section.state)}</span>' if section.state else "")
        + "</li>"
        for section in sections
    )
    return f'<nav aria-label="Contents"><ul class="contents">{items}</ul></nav>'


def template(name: str) -> str:
    """Returns a file of the template."""
    return (files("mnistfaces.pages") / "template" / name).read_text(encoding="utf-8")


def _colors() -> str:
    """Returns the colours of figures as the style's variables, on a light ground and on a dark one."""
    light, dark = ("".join(f"--{name}:{value};" for name, value in colors.items()) for colors in (LIGHT, DARK))
    return f":root{{{light}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}"


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
