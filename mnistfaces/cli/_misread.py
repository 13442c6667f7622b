"""Words of a command line that stand where nothing takes them, and numbers as they are typed elsewhere."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from mnistfaces.cli._lists import meant_number
from mnistfaces.cli._synonyms import OPTIONS
from mnistfaces.text import is_number, nearest

NOT_TAKEN = re.compile(r"unexpected extra argument|no dataset|No such command|Invalid value for '?--[\w-]+'?: '--")
NO_NUMBER = re.compile(r"Invalid value for '?(--[\w-]+)'?: Input should be a valid (integer|number)")
DASHES = re.compile("[\u2010-\u2015\u2212][\u2010-\u2015\u2212-]?(?=[A-Za-z])")


def misread(message: str, context: Any, words: Sequence[str]) -> str | None:  # noqa: ANN401  Click's context
    """Returns what lies behind a word that nothing takes, or a number that is none; None where it is another mistake.

    Args:
        message: that refuses the line.
        context: of the command that refused.
        words: of the command line, without the program's name.
    """
    if found := NO_NUMBER.search(message):
        return f"Invalid value for {found[1]}: {_number(found[1], found[2], words)}"
    if NOT_TAKEN.search(message) is None:
        return None
    answers = (ask(context, words) for ask in (_spread_list, _without_dashes, _long_dash, _without_value))
    return next((said for said in answers if said), None)


def _number(flag: str, kind: str, words: Sequence[str]) -> str:
    """Returns what is wrong with the value of an option that takes one number."""
    typed = next((word for before, word in pairwise(words) if before == flag), "")
    typed = typed or next((word.partition("=")[2] for word in words if word.startswith(f"{flag}=")), "")
    what = "a whole number" if kind == "integer" else "a number"
    return f"{typed!r} is not {what}{'; it takes one, no list' if ',' in typed else meant_number(typed)}"


def _spread_list(context: Any, words: Sequence[str]) -> str | None:  # noqa: ANN401, ARG001  Click's context
    """Returns how a list is typed, where an option is followed by several values."""
    for place, word in enumerate(words):
        values = []
        for value in words[place + 1 :]:
            if not is_number(value.strip(",")):
                break
            values.append(value.strip(","))
        if word.startswith("--") and "=" not in word and len(values) > 1:
            return f"{word} {' '.join(values)}: a list is {','.join(values)}"
    return None


def _without_dashes(context: Any, words: Sequence[str]) -> str | None:  # noqa: ANN401  Click's context
    """Returns how an option is typed, where one is given as `lr=0.1`."""
    for word in words:
        name, equals, value = word.partition("=")
        if equals and name and not word.startswith("-"):
            flag = nearest(f"--{name.replace('_', '-')}", [*_takers(context)], OPTIONS)
            if flag:
                return f"{word}: did you mean {flag} {value}?"
    return None


def _long_dash(context: Any, words: Sequence[str]) -> str | None:  # noqa: ANN401, ARG001  Click's context
    """Returns how an option is typed whose hyphens a word processor made a dash."""
    for word in words:
        if found := DASHES.match(word):
            return f"{word} begins with a dash, not with two hyphens: type --{word[found.end() :]}"
    return None


def _without_value(context: Any, words: Sequence[str]) -> str | None:  # noqa: ANN401  Click's context
    """Returns what is wrong where the value of an option stands apart from it, or where it takes none."""
    takers = _takers(context)
    for word, after, value in zip(words, (*words, "")[1:], (*words, "", "")[2:], strict=False):
        flag = word.removesuffix("=")
        if flag not in takers:
            continue
        if takers[flag].is_flag:
            if is_number(after):
                return f"{flag} takes no value: leave {after!r} out"
        elif word.endswith("=") or after == "=":
            return f"no blank stands beside an equals sign: {flag} {value if after == '=' else after}"
        elif after in takers:
            return f"{flag} has no value: {after} stands behind it"
    return None


def _takers(context: Any) -> dict[str, Any]:  # noqa: ANN401  Click's context and parameters
    """Returns the options of a command by their long names."""
    named = ((name, one) for one in context.command.params for name in (*one.opts, *one.secondary_opts))
    return {name: one for name, one in named if name.startswith("--")}
