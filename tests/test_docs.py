"""README.md and the pages of docs/: their blocks run as they stand, in order, and what they name exists.

A comment above a block, which no reader sees, says what is other than usual about it:

- `not run: REASON`: only the words of its commands are checked;
- `small`: on data that come along, 2 epochs and 2 seeds; it may end with less than it asks for;
- `exit N`: its last line ends so;
- `array of N`: a script that Slurm would start N times;
- `NAME.py`: a file that later blocks use;
- `tests`: what CI itself runs.

A block of `text` is what the block before it said, but for its numbers.
"""

import contextlib
import json
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from conftest import Mnf
from warm_shell import WarmShell, warm_programs

import mnistfaces

ROOT = Path(__file__).parent.parent
FENCED = re.compile(
    r"^(?:<!-- (?P<mark>[^\n]+) -->\n)?```(?P<language>[a-z]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
PICTURE = re.compile(r"!\[[^]]*\]\(([^)]+)\)")
LINK = re.compile(r"(?<!!)\[[^]]+\]\((?!https?:)([^)#]+)?(?:#([^)]+))?\)")
SMALL_EPOCHS, SMALL_SEEDS = 2, 2


@dataclass(frozen=True, kw_only=True)
class Block:
    """What stands between two fences."""

    mark: str
    language: str
    text: str

    @property
    def lines(self) -> list[str]:
        return [line for line in self.text.splitlines() if re.match(r"(?:[A-Z_]+=\S+ )?mnf ", line)]

    @property
    def runs(self) -> bool:
        return self.language != "text" and self.mark != "tests" and not self.mark.startswith("not run: ")


def blocks_of(page: str) -> list[Block]:
    found = FENCED.finditer((ROOT / page).read_text(encoding="utf-8"))
    return [Block(mark=match["mark"] or "", language=match["language"], text=match["text"]) for match in found]


PAGES = ["README.md", *(path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "docs").glob("*.md")))]
BLOCKS = {page: blocks_of(page) for page in PAGES}
RUN = [page for page in PAGES if any(block.runs for block in BLOCKS[page])]
LINES = sorted({line for blocks in BLOCKS.values() for block in blocks for line in block.lines})
PYTHON = [block.text for blocks in BLOCKS.values() for block in blocks if block.language == "python"]


@cache
def help_of(*words: str) -> str:
    command = [sys.executable, "-m", "mnistfaces", *words, "--help"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def commands(line: str) -> list[list[str]]:
    """Returns the words of every `mnf` of a line, up to the next pipe, `&&` or comment."""
    parts = re.split(r"\s(?:\||&&)\s", without_comment(line))
    return [shlex.split(part)[1:] for part in parts if part.startswith("mnf ")]


def without_comment(line: str) -> str:
    return re.split(r"\s+# ", line, maxsplit=1)[0]


def unknown_options(words: list[str]) -> list[str]:
    """Returns the options of a command that its help does not name."""
    names = 2 if words[0] == "fetch" and not words[1].startswith("-") else 0 if words[0].startswith("-") else 1
    known = re.findall(r"--[a-z-]+", help_of(*words[:names]))
    return [word for word in words[names:] if word.startswith("--") and word not in known]


def small(line: str) -> str:
    """Returns a line that does in seconds, on data that come along, what the line does in hours; 3 is no failure of it.

    `mnf sweep faces --seeds 10` becomes `mnf sweep --epochs 2 faces-synthetic --seeds 2 || test $? = 3`.
    """
    line = re.sub(r" --epochs [\d,]+| --seeds \d+(?=.* --seeds )", "", without_comment(line))
    line = re.sub(r" --seeds \d+", f" --seeds {SMALL_SEEDS}", line)
    line = re.sub(r"mnf (train|sweep|contour)\b", rf"mnf \1 --epochs {SMALL_EPOCHS}", line)
    line = re.sub(r"(mnf (?:train|sweep) --epochs \d+) faces(?= |$)", r"\1 faces-synthetic", line)
    line = line.replace(" digits-full", " digits-sample")
    line = line.replace("baldwin", "oval").replace("bracco", "round")  # two that faces-synthetic has
    return f"{line} || test $? = 3"


def like(text: str) -> str:
    """Returns text in which every number and every gap is the same."""
    return re.sub(r"\s+", " ", re.sub(r"\d[\d.,e+-]*", "#", text)).strip()


@dataclass(frozen=True)
class Ran:
    """What the blocks of a page said, one by one, and the shell in whose folder they left their files."""

    shell: WarmShell
    said: list[str]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Ran]]:
    """Runs a page in a folder of its own, once. All pages share a data folder, to which one of them fetches faces."""
    mnf = Mnf(tmp_path_factory.mktemp("docs"))
    with warm_programs(tmp_path_factory.mktemp("programs"), mnf.environment()) as programs:
        synthetic = WarmShell(mnf.folder, mnf.environment(), programs)("mnf fetch faces --synthetic --res 32,64")
        assert synthetic.returncode == 0, synthetic.stdout

        @cache
        def run_page(page: str) -> Ran:
            folder = mnf.folder / page.replace("/", "-")
            folder.mkdir()
            np.savez(folder / "features.npz", features=np.eye(1020, 5, dtype=np.float32), labels=np.arange(1020) % 6)
            shell = WarmShell(folder, mnf.environment(), programs)
            return Ran(shell, [run_block(shell, block) for block in BLOCKS[page]])

        yield run_page


def run_block(shell: WarmShell, block: Block) -> str:
    """Runs a block and checks how it ends; returns what it said."""
    if not block.runs:
        return ""
    if block.language == "python":
        name = block.mark or "block.py"
        (shell.folder / name).write_text(block.text, encoding="utf-8")
        done, expected = shell(f"python {name}"), 0
    elif block.mark.startswith("array of "):
        return run_array(shell, block.text, int(block.mark.removeprefix("array of ")))
    else:
        text = "\n".join(map(small, block.text.splitlines())) if block.mark == "small" else with_free_port(block.text)
        done, expected = shell(text), int(block.mark.removeprefix("exit ")) if block.mark.startswith("exit ") else 0
    assert done.returncode == expected, f"{block.text}\n{done.stdout}"
    if "dask scheduler" not in block.text:  # a scheduler that is killed logs what it was in the middle of
        assert "Traceback" not in done.stdout, f"{block.text}\n{done.stdout}"
    return done.stdout


def with_free_port(text: str) -> str:
    """Returns lines in which Dask's usual port is one that nobody listens on."""
    if "8786" not in text:
        return text
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as free:
        return text.replace("8786", str(free.getsockname()[1]))


def run_array(shell: WarmShell, script: str, count: int) -> str:
    """Runs a script as often as a Slurm array would, in turn; returns what all of them said."""
    home = shell.folder / "home"
    home.mkdir()
    said = []
    for number in range(1, count + 1):
        job = {"SLURM_ARRAY_TASK_ID": number, "SLURM_ARRAY_TASK_COUNT": count, "SLURM_ARRAY_TASK_MIN": 1}
        slurm = {**job, "SLURM_CPUS_PER_TASK": 1, "SLURM_SUBMIT_DIR": shell.folder, "HOME": home}
        done = shell(script, **{name: str(value) for name, value in slurm.items()})
        assert done.returncode == 0, done.stdout
        said.append(done.stdout)
    return "".join(said)


@pytest.mark.parametrize("page", RUN)
def test_a_page_runs_from_its_first_block_to_its_last(ran: Callable[[str], Ran], page: str) -> None:
    said = ran(page).said
    for before, block, after in zip(said, BLOCKS[page], BLOCKS[page][1:], strict=False):
        if after.language == "text":
            assert block.runs
            assert [line for line in after.text.splitlines() if like(line) not in like(before)] == [], before
    written = {picture for block in BLOCKS[page] if block.runs for picture in re.findall(r"--plot (\S+)", block.text)}
    assert written <= {path.name for path in ran(page).shell.folder.iterdir()}


def test_a_block_that_fails_or_says_something_else_is_found(ran: Callable[[str], Ran]) -> None:
    shell = ran("docs/shell.md").shell
    for text in ("mnf trian", "mnf runs --nothing | cat", "false\nmnf --version"):
        with pytest.raises(AssertionError):
            run_block(shell, Block(mark="", language="", text=text))
    with pytest.raises(AssertionError):
        run_block(shell, Block(mark="", language="python", text="import mnistfaces\n1 / 0\n"))
    assert like("test  86.8% [84.6, 88.8]") == like("test 7%   [1, 2]") != like("val 7% [1, 2]")


def test_few_blocks_are_not_run() -> None:
    every = [block for blocks in BLOCKS.values() for block in blocks if block.language != "text"]
    untried = [block for block in every if not block.runs and block.mark != "not run: examples of the help"]
    assert len(untried) < len([block for block in every if block.runs]) / 4


@pytest.mark.parametrize("line", LINES)
def test_every_line_names_a_command_and_options_that_exist(line: str) -> None:
    assert [unknown_options(words) for words in commands(line) if "--learning-rate" not in words] in (
        [],
        [[]],
        [[], []],
    )


def test_an_option_that_does_not_exist_is_found() -> None:
    assert unknown_options(["sweep", "--lr", "1", "--learning-rate", "1"]) == ["--learning-rate"]


@pytest.mark.parametrize(
    ("table", "cells", "trials", "asked"),
    [
        (10, 5, 5, {"batch_size": 600, "epochs": 10000}),
        (11, 2, 20, {"batch_size": 600, "epochs": 10000}),
        (12, 6, 6, {"epochs": 10000}),
        (13, 2, 20, {"epochs": 10000}),
        (14, 4, 4, {"batch_size": 128}),
        (15, 1, 10, {"batch_size": 128, "epochs": 1000}),
    ],
)
def test_each_table_of_part_10_is_one_line(
    ran: Callable[[str], Ran], table: int, cells: int, trials: int, asked: dict[str, int]
) -> None:
    (line,) = [line for line in LINES if line.endswith(f"# Table {table}") and "features.npz" in line]
    done = ran("docs/report.md").shell(f"{without_comment(line)} --dry-run")
    assert re.search(rf"\b{cells} cells?, {trials} trials", done.stdout)
    rows = [json.loads(row) for row in done.stdout.splitlines() if row.startswith("{")]
    assert all(row[option] == value for row in rows for option, value in asked.items())
    assert " --val-per-class 20" in line


def test_what_another_program_answers_is_judged_like_for_like(ran: Callable[[str], Ran]) -> None:
    page = ran("docs/python.md")
    trained, compared = (
        json.loads(text.splitlines()[0]) for text in (first_row(page, "train_n"), first_row(page, "verdict"))
    )
    with np.load(page.shell.folder / "digits.npz") as digits:
        assert trained["train_n"] == int((digits["split"] != "test").sum()) == 4000
    assert (compared["n"], compared["b"]) == (1000, "answers.csv")
    assert compared["low"] <= compared["difference"] <= compared["high"]


def first_row(page: Ran, field: str) -> str:
    """Returns the first row that a page printed with a field."""
    return next(
        line for text in page.said for line in text.splitlines() if line.startswith("{") and f'"{field}"' in line
    )


def test_what_an_example_imports_is_promised() -> None:
    imported = {
        name
        for block in PYTHON
        for line in re.findall(r"^from mnistfaces import (.*)$", block, re.MULTILINE)
        for name in line.split(", ")
    }
    promised = (ROOT / "docs/python.md").read_text(encoding="utf-8")
    assert imported <= set(mnistfaces.__all__)
    assert all(f"`{name}`" in promised for name in mnistfaces.__all__)
    assert all(getattr(mnistfaces, name).__doc__ for name in mnistfaces.__all__)
    assert not re.search(r"^from mnistfaces\.(?!sklearn)", "\n".join(PYTHON), re.MULTILINE)


@pytest.mark.parametrize("page", PAGES)
def test_links_and_pictures_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    here = (ROOT / page).parent
    assert [name for name in PICTURE.findall(text) if not (here / name).is_file()] == []
    for name, heading in LINK.findall(text):
        target = here / name if name else ROOT / page
        assert target.exists(), name
        headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE) if heading else []
        assert not heading or heading in [re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in headings]


def test_the_readme_leads_to_every_page() -> None:
    linked = {name for name, _ in LINK.findall((ROOT / "README.md").read_text(encoding="utf-8"))}
    assert {page for page in PAGES if page != "README.md"} <= linked
