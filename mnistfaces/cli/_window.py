"""The windows of a person: how wide they are, and lines set into them."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from mnistfaces.text import clean, display_width, wrapped

USUAL_WIDTH = 80
"""Of a terminal that does not say how wide it is."""

ROOM = 8
"""Columns that the indent and the backslash of a command's line may take."""


def width_of(stream: TextIO) -> int | None:
    """Returns how many columns the terminal behind a stream has, or None where there is none."""
    try:
        if not stream.isatty():
            return None
        told = os.environ.get("COLUMNS", "")
        return (
            int(told)
            if told.isdecimal() and int(told)
            else os.get_terminal_size(stream.fileno()).columns or USUAL_WIDTH
        )
    except (OSError, ValueError):  # a stream of a notebook, or a closed one
        return None


def say(lines: str) -> None:
    """Writes lines to stderr in one piece: none is cut in two by a program that writes to the same terminal.

    Where Python is told not to buffer, `print` writes the end of a line by itself.
    """
    sys.stderr.write(f"{lines}\n")
    sys.stderr.flush()


def set_lines(message: str, stream: TextIO) -> str:
    """Returns a message in lines that break between words where a terminal would break it anywhere."""
    width = width_of(stream)
    return message if width is None else "\n".join(wrapped(message.split(" "), width))


def set_command(lead: str, command: str, stream: TextIO) -> str:
    """Returns a sentence that ends in a command, which can be copied from a narrow window, too."""
    width = width_of(stream)
    if width is None or len(f"{lead}: {command}") <= width:
        return f"{lead}: {command}"
    import shlex

    words = [shlex.quote(word) for word in shlex.split(command)]
    lines = wrapped(with_values(words, width), width, indent="  ", end=" \\")
    return "\n".join([*wrapped(f"{lead}:".split(" "), width), *lines])


def with_values(words: Iterable[str], width: int) -> list[str]:
    """Returns the words of a command, an option in one piece with its value where there is room."""
    pieces: list[str] = []
    for word in words:
        before = pieces[-1] if pieces else ""
        if before.startswith("-") and " " not in before and word[0] != "-" and len(before) + len(word) < width - ROOM:
            pieces[-1] += f" {word}"
        else:
            pieces.append(word)
    return pieces


def set_file(lead: str, path: Path, stream: TextIO) -> str:
    """Returns a word and the name of a file, which on a terminal is a link to it (OSC 8) and is never broken."""
    name, width = clean(str(path)), width_of(stream)
    if width is None:
        return f"{lead} {name}"
    linked = f"\x1b]8;;{path.absolute().as_uri()}\x1b\\{name}\x1b]8;;\x1b\\"
    return f"{lead} {linked}" if display_width(f"{lead} {name}") <= width else f"{lead}\n{linked}"
