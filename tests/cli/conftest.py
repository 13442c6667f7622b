"""The program, forked from a process that has imported what it needs: for tests that start it often."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Mnf
from warm_shell import warm_programs


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path | None]:
    """Yields the folder of a program that starts at once; None with MNF_TEST_FRESH=1: each is to start from nothing."""
    if os.environ.get("MNF_TEST_FRESH"):
        yield None
    else:
        folder = tmp_path_factory.mktemp("programs")
        with warm_programs(folder, Mnf(folder).environment()):
            yield folder


@pytest.fixture
def warm(mnf: Mnf, programs: Path | None) -> Mnf:
    """Returns that program, in a folder of its own."""
    mnf.program = mnf.program if programs is None else programs / "mnf"
    return mnf
