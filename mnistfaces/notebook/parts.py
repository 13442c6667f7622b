"""The parts of what a notebook shows: a card with its own light and dark, tables, pictures. HTML comes back."""

from collections.abc import Mapping, Sequence
from typing import Any

from mnistfaces.pages.parts import NOT_THERE, number, percent, shown
from mnistfaces.plots.colors import DARK, LIGHT

SHARES = ("accuracy", "low", "high", "probability", "precision", "recall")
"""Fields that are fractions, or end so."""

DARK_THEMES = ('[data-jp-theme-light="false"]', ".vscode-dark", '[data-theme="dark"]')
LIGHT_THEMES = ('[data-jp-theme-light="true"]', ".vscode-light", '[data-theme="light"]')
"""What the notebook's own theme is, whatever the system prefers."""


def card(title: str, told: str, *parts: str) -> str:
    """Returns a title, a sentence and further parts on a ground of their own."""
    head = f"<strong>{shown(title)}</strong>" + (f"<p>{shown(told)}</p>" if told else "")
    return f'<div class="mnf"><style>{_style()}</style>{head}{"".join(parts)}</div>'


def picture(drawn: str) -> str:
    """Returns an `<svg>` element that grows no wider than the notebook."""
    return f'<div class="mnf-figure">{drawn}</div>'


def fields(values: Mapping[str, str]) -> str:
    """Returns names with what belongs to them."""
    lines = "".join(f"<tr><th>{shown(name)}</th><td>{shown(value)}</td></tr>" for name, value in values.items())
    return f"<table>{lines}</table>"


def rows_table(rows: Sequence[Mapping[str, Any]], most: int) -> str:
    """Returns rows of one kind as a table, the first of them where there are many."""
    if not rows:
        return ""
    head = "".join(f"<th>{shown(name.replace('_', ' '))}</th>" for name in rows[0])
    lines = "".join(
        f"<tr>{''.join(f'<td>{_cell(name, value)}</td>' for name, value in row.items())}</tr>" for row in rows[:most]
    )
    more = f"<p>{len(rows) - most:,} more rows</p>" if len(rows) > most else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>{more}"


def _cell(name: str, value: object) -> str:
    if value is None:
        return NOT_THERE
    if isinstance(value, bool) or not isinstance(value, int | float):
        return shown(value)
    return percent(value) if name.rsplit("_", maxsplit=1)[-1] in SHARES else number(value)


def _style() -> str:
    light, dark = (_variables(colors) for colors in (LIGHT, DARK))
    base = (
        ".mnf{background:var(--figure-paper);color:var(--figure-ink);padding:.75em;border-radius:6px;overflow-x:auto}"
        ".mnf p{margin:.4em 0;color:inherit}"
        ".mnf table{border-collapse:collapse;margin:.5em 0;color:inherit}"
        ".mnf th,.mnf td{padding:.2em .7em;text-align:right;border-bottom:1px solid var(--figure-line);"
        "background:none;color:inherit}"
        ".mnf-figure svg{max-width:100%;height:auto}"
    )
    themes = [*(_rule(theme, dark) for theme in DARK_THEMES), *(_rule(theme, light) for theme in LIGHT_THEMES)]
    return f"{_rule('', light)}@media (prefers-color-scheme:dark){{{_rule('', dark)}}}{''.join(themes)}{base}"


def _rule(theme: str, variables: str) -> str:
    return f"{theme} .mnf,{theme} .mnf svg.figure{{{variables}}}"


def _variables(colors: Mapping[str, str]) -> str:
    return "".join(f"--figure-{name}:{value};" for name, value in colors.items())
