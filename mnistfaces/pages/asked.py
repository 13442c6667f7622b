"""What was asked of a run, and on what: the facts below every page, and the line that repeats it."""

import contextlib
from collections.abc import Mapping
from typing import Any

from mnistfaces.errors import RunError
from mnistfaces.experiments.commands import line_of
from mnistfaces.experiments.trials import OPTIONS
from mnistfaces.pages.page import Section
from mnistfaces.pages.parts import NOT_THERE, Cell, facts, folded, line, number, shown
from mnistfaces.runs.runs import Run

LISTED_CLASSES = 20
NAMES = {"swept": "options that were given"}
"""What a fact is called where its field's name would be misread."""

Facts = dict[str, str]


def asked_section(run: Run, again: str | None = None) -> Section:
    """Returns what a run was asked, as a section.

    Args:
        run: whose configuration is told.
        again: the line that repeats it; None is found for trainings and sweeps.
    """
    config = run.config
    told: Facts = {"run": shown(run.path), "made by": f"<code>mnf {shown(run.command)}</code>"}
    with contextlib.suppress(RunError):  # a run that does not say all has no such line
        told["the same again"] = line(again or line_of(run))
    told |= _dataset(config.get("dataset"), config.get("datasets"))
    for name in ("training", "split", "fixed", "surface"):
        if isinstance(config.get(name), dict):
            told[name if name != "fixed" else "the same in all cells"] = _options(config[name])
    told |= {
        NAMES.get(name, name.replace("_", " ")): _value(config[name])
        for name in (
            "seed",
            "split_seed",
            "fixed_split",
            "swept",
            "weights",
            "start",
            "lr",
            "momentum",
            "steps",
            "mode",
            "device",
        )
        if name in config
    }
    told["versions"] = shown(", ".join(f"{name} {version}" for name, version in config["versions"].items()))
    told["hash"] = f"<code>{shown(config['hash'])}</code>, arithmetic {shown(config['arithmetic'])}"
    return Section(title="What was asked", inside=facts(told), name="asked")


def _dataset(known: object, several: object) -> Facts:
    """Returns what a configuration says of its dataset, or of one dataset in several forms."""
    if isinstance(known, str):  # a sweep names it, and tells of it below
        known = several[0] if isinstance(several, list) and several else {"name": known}
    if not isinstance(known, dict):
        return {}
    told = {"dataset": shown(known.get("name"))}
    if "shape" in known:
        told["one input"] = " &times; ".join(map(str, known["shape"]))
    classes = known.get("classes", [])
    if classes:
        names = ", ".join(map(str, classes[:LISTED_CLASSES]))
        rest = len(classes) - LISTED_CLASSES
        told["classes"] = shown(f"{len(classes):,}: {names}" + (f" and {rest:,} more" if rest > 0 else ""))
    meta: dict[str, Any] = known.get("meta", {})
    told |= {name: _value(meta[name]) for name in ("source", "licence", "reading", "assumed") if meta.get(name)}
    if "fingerprint" in known:
        told["fingerprint"] = f"<code>{shown(known['fingerprint'])}</code>"
    return told


def _options(values: Mapping[str, Any]) -> str:
    """Returns the options of a configuration that have a value, most telling ones first, the others folded away."""
    said = {name: value for name, value in values.items() if value not in (None, False, 0, 0.0, [], "")}
    words = ", ".join(f"{name} {_plain(value)}" for name, value in said.items())
    words_of_none = {name: option.declaration.word for name, option in OPTIONS.items()}
    rest = ", ".join(
        f"{name} {(value is None and words_of_none.get(name)) or _plain(value)}"
        for name, value in values.items()
        if name not in said
    )
    return shown(words or "as usual") + (
        folded("the other options", f'<p class="quiet">{shown(rest)}</p>') if rest else ""
    )


def _value(value: object) -> str:
    return shown(_plain(value))


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return number(value, 6)
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(one)}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value))
    return "none" if value is None else str(value)


def option_cell(name: str, value: object) -> Cell:
    """Returns the cell of a table that shows an option's value as it is typed."""
    if isinstance(value, int | float):
        return Cell.of(value) if isinstance(value, bool) else Cell(number(value), value)
    return Cell(OPTIONS[name].typed(value) or NOT_THERE, value if isinstance(value, str) else None)
