"""What was meant: the nearest command, option or value for what was mistyped, or is called otherwise elsewhere.

Each of the functions in ANSWERS knows one kind of mistake by the message that refuses it, and returns what to say
instead; None where it is another kind.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Literal, get_args, get_origin

from mnistfaces.cli._misread import misread
from mnistfaces.cli._synonyms import COMMANDS, OPTIONS, VALUES
from mnistfaces.experiments.trials import OPTIONS as DECLARED
from mnistfaces.text import nearest

LIKE_A_VALUE = 0.8
"""Likeness from which a value is a slip of the pen: gelu is none for relu."""

ONE_LETTER = 2
"""Length of an option of one letter."""

NAMES = re.compile(r"[\w.:+-]+")
DIGITS = re.compile(r"\d+")
COMMA = re.compile(r"0,\d+")
OUT_OF_BOUNDS = re.compile(r"Input should be (greater|less) than or equal to (\S+)")
NO_COMMAND = re.compile(r"No such command '(.*?)'")
NO_OPTION = re.compile(r"No such option: (\S+)")
NO_CHOICE = re.compile(r"'([^']*)' is not one of (.+)")
NO_DATASET = re.compile(r"no dataset '(.*?)'")
TOO_MUCH = re.compile(r"unexpected extra arguments? ?(?:\(s\) )?\((.*)\)")


def explain(message: str, context: Any, words: Sequence[str]) -> str:  # noqa: ANN401  Click's context
    """Returns what is wrong with a command line, and what was most likely meant.

    Args:
        message: as Click, or a reader of ours, words it.
        context: of the command that refused.
        words: of the command line, without the program's name.
    """
    message = message.removesuffix(".").replace("Value error, ", "")
    message = OUT_OF_BOUNDS.sub(lambda it: f"must be at {'least' if it[1] == 'greater' else 'most'} {it[2]}", message)
    answers = (answer(message, context, words) for answer in ANSWERS)
    return next((said for said in answers if said is not None), message)


def context_of(words: Sequence[str], group: Any) -> Any:  # noqa: ANN401  Click's command and context
    """Returns the context of the command that some words ask for, as far as they name one."""
    context = group.context_class(group, info_name="mnf")
    for word in words:
        command = getattr(context.command, "commands", {}).get(word)
        if command is None:
            break
        context = command.context_class(command, info_name=word, parent=context)
    return context


def _decimal_comma(message: str, context: Any, words: Sequence[str]) -> str | None:  # noqa: ANN401, ARG001  Click's context
    """Returns how a fraction is typed, where a list of 0 and another number was refused."""
    for option, value in pairwise(_apart(words)):
        if option.startswith("--") and COMMA.fullmatch(value) and (option in message or "these lists" in message):
            return f"{message}: a fraction is typed with a point, as in {option} {value.replace(',', '.')}"
    return None


def _apart(words: Sequence[str]) -> list[str]:
    """Returns words with `--option=value` as two."""
    return [piece for word in words for piece in (word.split("=", 1) if word.startswith("--") else [word])]


def _no_command(message: str, context: Any, words: Sequence[str]) -> str | None:  # noqa: ANN401  Click's context
    if (found := NO_COMMAND.search(message)) is None:
        return None
    return f"No such command {found[1]!r}{_command(found[1], context, words)}"


def _command(word: str, context: Any, words: Sequence[str]) -> str:  # noqa: ANN401  Click's context
    from mnistfaces import datasets

    names = list(context.command.commands)
    if word == "help":
        after = words[words.index(word) + 1 :]
        return f": {' '.join([context.command_path, *(name for name in after if name in names), '--help'])}"
    dataset = datasets.OTHER_NAMES.get(word.lower(), word)
    if context.parent is None and dataset in datasets.NAMES:
        return f": a command comes before its dataset: mnf train {dataset}"
    meant = nearest(word, names, COMMANDS) or nearest(f"--{word}", _flags(context.command))
    return f": did you mean {context.command_path} {meant}?" if meant else ""


def _no_option(message: str, context: Any, words: Sequence[str]) -> str | None:  # noqa: ANN401  Click's context
    if (found := NO_OPTION.search(message)) is None:
        return None
    return f"No such option: {found[1]}{_option(found[1], context, words)}"


def _option(flag: str, context: Any, words: Sequence[str]) -> str:  # noqa: ANN401  Click's context
    if not flag.startswith("--"):  # -lr is read as the letters l and r
        whole = next((word for word in words if word.startswith(flag) and not word.startswith("--")), flag)
        whole = whole.partition("=")[0]
        flag = whole if len(whole) == ONE_LETTER else f"-{whole}"
    own = _flags(context.command)
    root = context.find_root()
    takers = [f"{root.info_name} {name}" for name, one in _commands(root.command) if flag in _flags(one)]
    if takers and context.parent is None:
        return f": options come after the command, as in {takers[0]} {flag}"
    if chooser := _choosers(context.command).get(flag.removeprefix("--")):
        return f": did you mean {chooser} {flag.removeprefix('--')}?"
    for one in context.command.params:
        if one.param_type_name == "argument" and one.name.rstrip("s") == flag.removeprefix("--").rstrip("s"):
            return f": {one.name} stands without an option's name, as in {context.command_path} {_after(flag, words)}"
    meant = nearest(flag, [*own, "--help"], OPTIONS)
    elsewhere = f"{flag} is an option of {_listed(takers)}" if takers and flag not in own else ""
    said = " ".join(filter(None, [f"did you mean {meant}?" if meant else "", elsewhere]))
    return f": {said}" if said else ""


def _after(flag: str, words: Sequence[str]) -> str:
    """Returns what was typed for an option: the word behind it, or behind its equals sign."""
    for before, word in pairwise((*words, "…")):
        name, _, value = before.partition("=")
        if name == flag:
            return value or word
    return "…"


def _too_much(message: str, context: Any, words: Sequence[str]) -> str | None:  # noqa: ANN401, ARG001  Click's context
    if (found := TOO_MUCH.search(message)) is None:
        return None
    arguments = [one for one in context.command.params if one.param_type_name == "argument"]
    taken = [piece for one in arguments for piece in one.get_usage_pieces(context)]
    extra = found[1].split(" ")
    shown = " ".join(extra[:3]) + (" …" if len(extra) > 3 else "")  # noqa: PLR2004  a glob can be a thousand
    what = f"no more than {' '.join(taken)}" if taken else "options only"
    return f"{context.command_path} takes {what}: {shown!r} is too much"


def _no_dataset(message: str, context: Any, words: Sequence[str]) -> str | None:  # noqa: ANN401, ARG001  Click's context
    """Returns why a shell's spelling of a path is none."""
    if (found := NO_DATASET.search(message)) is None:
        return None
    why = ""
    if re.match("[A-Za-z]:", found[1]):
        why = " (a path with backslashes stands in quotes)"
    elif found[1].startswith("~"):
        why = " (~ is your home only where it stands without quotes)"
    elif {*found[1]} & {"*", "?"}:
        why = " (a dataset is one folder or file, not a pattern)"
    return message.replace(found[0], f"{found[0]}{why}", 1)


def _no_choice(message: str, context: Any, words: Sequence[str]) -> str | None:  # noqa: ANN401, ARG001  Click's context
    if (found := NO_CHOICE.search(message)) is None:
        return None
    word, choices = found[1], NAMES.findall(found[2])
    meant = VALUES.get(word.lower())
    if meant not in choices:
        meant = nearest(word, choices, cutoff=LIKE_A_VALUE)
        if meant is None and (flag := _choosers(context.command).get(word)):
            return f"{message}: did you mean {flag} {word}?"
        if meant is None or DIGITS.findall(word) != DIGITS.findall(meant):
            return message  # float16 is no slip of the pen for float64
    return f"{message}: did you mean {meant}?"


ANSWERS = (_decimal_comma, misread, _no_command, _no_option, _too_much, _no_dataset, _no_choice)


def _choosers(command: Any) -> dict[str, str]:  # noqa: ANN401  Click's command
    """Returns for each name that an option of a command takes the option."""
    taking = {}
    for one in command.params:
        for flag in [flag for flag in one.opts if flag.startswith("--")][:1]:
            taking.update(dict.fromkeys(_names(one), flag))
    return taking


def _names(one: Any) -> tuple[str, ...]:  # noqa: ANN401  Click's parameter
    """Returns the closed names that an option takes."""
    if one.name in DECLARED:
        return DECLARED[one.name].choices
    if (told := getattr(one, "type_descriptor", None)) is not None:  # of a Typer that has no Click
        return get_args(told.annotation) if get_origin(told.annotation) is Literal else ()
    return tuple(getattr(one.type, "choices", ()))


def _commands(group: Any) -> Iterable[tuple[str, Any]]:  # noqa: ANN401  Click's command
    """Yields every command below a group, by the words that name it."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from ((f"{name} {inner}", one) for inner, one in _commands(command))
        else:
            yield name, command


def _flags(command: Any) -> list[str]:  # noqa: ANN401  Click's command
    return [flag for one in command.params for flag in (*one.opts, *one.secondary_opts) if flag.startswith("--")]


def _listed(names: Sequence[str]) -> str:
    shown = list(names[:3])
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))
