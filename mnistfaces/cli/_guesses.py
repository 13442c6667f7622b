"""What was meant: the nearest command, option or value for what was mistyped, or is called otherwise elsewhere."""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, get_args

from mnistfaces.cli._output import Format
from mnistfaces.text import is_number, nearest

COMMANDS = {
    "bench": "env",
    "check": "gradcheck",
    "classify": "predict",
    "descend": "trajectory",
    "doctor": "env",
    "download": "fetch",
    "eval": "evaluate",
    "extract": "extract-features",
    "facescrub": "faces",
    "fashion-mnist": "fashion",
    "features": "extract-features",
    "fit": "train",
    "get": "fetch",
    "grid": "sweep",
    "grid-search": "sweep",
    "info": "env",
    "kmnist": "kuzushiji",
    "list": "runs",
    "ls": "runs",
    "mnist": "digits",
    "path": "trajectory",
    "plot": "samples",
    "score": "evaluate",
    "search": "sweep",
    "show": "samples",
    "surface": "contour",
    "test": "evaluate",
    "tune": "sweep",
    "weights": "visualize-weights",
}
"""Other words for commands, as other programs have them."""

OPTIONS = {
    "--act": "--activation",
    "--actors": "--actor",
    "--alpha": "--weight-decay",
    "--augmentation": "--augment",
    "--batch": "--batch-size",
    "--beta": "--momentum",
    "--bs": "--batch-size",
    "--classes": "--class",
    "--cv": "--folds",
    "--dest": "--out",
    "--early-stop": "--patience",
    "--early-stopping": "--patience",
    "--eta": "--lr",
    "--fig": "--plot",
    "--figure": "--plot",
    "--gpu": "--device",
    "--grayscale": "--gray",
    "--grey": "--gray",
    "--hidden-units": "--hidden",
    "--iters": "--iterations",
    "--l2": "--weight-decay",
    "--layer-sizes": "--hidden",
    "--layers": "--hidden",
    "--learning-rate": "--lr",
    "--max-iter": "--epochs",
    "--n-jobs": "--jobs",
    "--network": "--model",
    "--neurons": "--hidden",
    "--num-epochs": "--epochs",
    "--opt": "--optimizer",
    "--output": "--out",
    "--output-dir": "--out",
    "--overwrite": "--force",
    "--processes": "--jobs",
    "--random-state": "--seed",
    "--repeats": "--seeds",
    "--resolution": "--res",
    "--save": "--plot",
    "--size": "--res",
    "--solver": "--optimizer",
    "--trials": "--seeds",
    "--units": "--hidden",
    "--wd": "--weight-decay",
    "--workers": "--jobs",
}
"""Other spellings of options."""

VALUES = {
    "average": "mean",
    "avg": "mean",
    "cuda:0": "cuda",
    "gpu": "cuda",
    "jsonl": "ndjson",
    "linear": "softmax",
    "logistic": "softmax",
    "markdown": "md",
    "network": "mlp",
    "neural": "mlp",
    "momentum": "gd",
    "nn": "mlp",
    "rbf": "kernel",
    "sgd": "gd",
    "tex": "latex",
    "tsv": "csv",
}
"""Other words for values."""

NAMES = re.compile(r"[\w.:+-]+")
DIGITS = re.compile(r"\d+")
NO_COMMAND = re.compile(r"No such command '(.*?)'\.")
NO_OPTION = re.compile(r"No such option: (\S+)")
NO_CHOICE = re.compile(r"'([^']*)' is not one of (.+)")
NO_NUMBER = re.compile(r"Invalid value for '?(--[\w-]+)'?: Input should be a valid (integer|number)")
NO_VALUE = re.compile(r"unexpected extra argument|no dataset|No such command")


def explain(message: str, context: Any, words: Sequence[str]) -> str:  # noqa: ANN401  Click's context, or None
    """Returns what is wrong with a command line, and what was most likely meant.

    Args:
        message: as Click, or a reader of ours, words it.
        context: of the command that refused, where it is known.
        words: of the command line, without the program's name.
    """
    message = message.removesuffix(".").replace("Value error, ", "")
    if NO_VALUE.search(message) and (meant := _spread_list(words) or _without_dashes(context, words)):
        return meant
    if context is not None and (found := NO_COMMAND.search(f"{message}.")):
        return f"No such command {found[1]!r}{_command(found[1], context, words)}"
    if context is not None and (found := NO_OPTION.search(message)):
        return f"No such option: {found[1]}{_option(found[1], context, words)}"
    if found := NO_CHOICE.search(message):
        return message + _value(found[1], NAMES.findall(found[2]))
    if found := NO_NUMBER.search(message):
        return f"Invalid value for {found[1]}: {_number(found[1], found[2], words)}"
    return message


def _spread_list(words: Sequence[str]) -> str | None:
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


def _without_dashes(context: Any, words: Sequence[str]) -> str | None:  # noqa: ANN401  Click's context, or None
    """Returns how an option is typed, where one is given as `lr=0.1`."""
    flags = [] if context is None else _flags(context.command)
    for word in words:
        name, equals, value = word.partition("=")
        if equals and (flag := nearest(f"--{name.replace('_', '-')}", flags, OPTIONS)) and not word.startswith("-"):
            return f"{word}: did you mean {flag} {value}?"
    return None


def _value(word: str, choices: Sequence[str]) -> str:
    meant = nearest(word, choices, VALUES)
    if meant is None or (word.lower() not in VALUES and DIGITS.findall(word) != DIGITS.findall(meant)):
        return ""  # float16 is no slip of the pen for float64
    return f": did you mean {meant}?"


def _number(flag: str, kind: str, words: Sequence[str]) -> str:
    """Returns what is wrong with the value of an option that takes one number."""
    typed = next((word for before, word in pairwise(words) if before == flag), "")
    typed = typed or next((word.partition("=")[2] for word in words if word.startswith(f"{flag}=")), "")
    what = "a whole number" if kind == "integer" else "a number"
    return f"{typed!r} is not {what}{'; it takes one, no list' if ',' in typed else ''}"


def _command(word: str, context: Any, words: Sequence[str]) -> str:  # noqa: ANN401  Click's context
    from mnistfaces import datasets

    names = list(context.command.commands)
    if word == "help":
        after = words[words.index(word) + 1 :]
        return f": {' '.join([context.command_path, *(name for name in after if name in names), '--help'])}"
    if context.parent is None and word in datasets.NAMES:
        return f": a command comes before its dataset: mnf train {word}"
    meant = nearest(word, names, COMMANDS) or nearest(f"--{word}", _flags(context.command))
    return f": did you mean {context.command_path} {meant}?" if meant else ""


def _option(flag: str, context: Any, words: Sequence[str]) -> str:  # noqa: ANN401  Click's context
    if not flag.startswith("--"):  # -lr is read as the letters l and r
        flag = next((f"-{word}" for word in words if word.startswith(flag) and not word.startswith("--")), flag)
    own = _flags(context.command)
    root = context.find_root()
    takers = [f"{root.info_name} {name}" for name, one in _commands(root.command) if flag in _flags(one)]
    if takers and context.parent is None:
        return f": options come after the command, as in {takers[0]} {flag}"
    if "--format" in own and flag.removeprefix("--") in get_args(Format):
        return f": did you mean --format {flag.removeprefix('--')}?"
    for one in context.command.params:
        if one.param_type_name == "argument" and one.name.rstrip("s") == flag.removeprefix("--").rstrip("s"):
            return f": {one.name} stands without an option's name, as in {context.command_path} {_after(flag, words)}"
    meant = nearest(flag, own, OPTIONS)
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


def command_of(words: Sequence[str], group: Any) -> str:  # noqa: ANN401  Click's command
    """Returns the command that some words ask for, as far as they name one."""
    path = ["mnf"]
    for word in words:
        group = getattr(group, "commands", {}).get(word)
        if group is None:
            break
        path.append(word)
    return " ".join(path)


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
