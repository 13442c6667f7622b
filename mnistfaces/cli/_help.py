"""The pages of `--help`, set into the window in which they are read."""

import shutil
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperCommand

from mnistfaces.cli._window import with_values
from mnistfaces.text import wrapped

LEAST_TEXT = 30
"""Columns without which what is said of an option stands below it, not beside it."""

MARGIN = 2
"""Columns that are left free on the right."""

BELOW = "    "
"""Before each line that stands below an option."""

AS_IT_STANDS = "\b"
"""Click's mark of a paragraph whose lines stay lines: those to copy."""

_Formatter: Any = typer.Context.formatter_class  # wherever Typer keeps its Click
_Context: Any = TyperCommand.context_class


class HelpPage(_Formatter):  # type: ignore[misc]  # its class is known once Typer is imported
    """Click's page, which a narrow window does not break: Click itself takes none for narrower than 50 columns."""

    def __init__(self, indent_increment: int = 2, width: int | None = None, max_width: int | None = None) -> None:
        columns = shutil.get_terminal_size().columns
        super().__init__(indent_increment, width or max(LEAST_TEXT, min(columns, max_width or columns) - MARGIN))

    def write_text(self, text: str) -> None:
        """Writes paragraphs; a line to copy goes on behind a backslash where it is too long."""
        for number, paragraph in enumerate(text.split("\n\n")):
            self.write("\n" if number else "")
            first, *lines = paragraph.splitlines() or [""]
            if first.strip() == AS_IT_STANDS:
                for line in lines:
                    self._write_lines(
                        with_values(line.split(), self.width), self.current_indent, after=BELOW, end=" \\"
                    )
            else:
                self._write_lines(paragraph.split(), self.current_indent)

    def write_dl(self, rows: Sequence[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Writes names and what is said of them: side by side where there is room."""
        names = min(col_max, max(len(name) for name, _ in rows))
        column = self.current_indent + names + col_spacing
        if self.width - column < LEAST_TEXT:
            names, column = 0, self.current_indent + len(BELOW)
        for name, said in rows:
            if len(name) <= names:
                self.write(f"{'':{self.current_indent}}{name:{names + col_spacing}}")
                self._write_lines(said.split(), column, first=0)
            else:
                self._write_lines(name.split(), self.current_indent)
                self._write_lines(said.split(), column)

    def _write_lines(
        self, words: Sequence[str], indent: int, *, first: int | None = None, after: str = "", end: str = ""
    ) -> None:
        """Writes words, none of them broken.

        Args:
            words: in order.
            indent: of each line.
            first: of the first line, where something stands before it already.
            after: more, from the second line on.
            end: of each line but the last.
        """
        lines = wrapped(words, self.width - indent, indent=after, end=end)
        starts = [indent if first is None else first, *[indent] * len(lines)]
        self.write("".join(f"{'':{start}}{line}\n" for start, line in zip(starts, lines, strict=False)))


class HelpContext(_Context):  # type: ignore[misc]  # likewise
    """The context of a command with such a page."""

    formatter_class = HelpPage


class Command(TyperCommand):
    """A command with such a page, whose half line is completed in a moment."""

    context_class = HelpContext

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401  Click's context
        """Reads a command line; values of one that a shell completes are not checked."""
        if ctx.resilient_parsing:
            take_as_typed(self.get_params(ctx))
        left: list[str] = super().parse_args(ctx, args)
        return left


def take_as_typed(parameters: Sequence[Any]) -> None:
    """Leaves the values of some parameters as they are typed: to check them Typer imports pydantic."""
    for parameter in parameters:
        parameter.process_value = lambda _context, value: value
