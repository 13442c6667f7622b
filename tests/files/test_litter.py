"""Temporary files are removed once nobody can be writing them."""

import os
import time
from pathlib import Path

from damage import half_written

from mnistfaces.files.litter import OLD_SECONDS, is_litter, sweep_once


def test_what_another_machine_may_be_writing_stays_for_a_day(tmp_path: Path) -> None:
    ours = half_written(tmp_path / "a.npz")
    host = ours.name.split(".")[-2].split("-")[0]
    theirs = ours.with_name(ours.name.replace(host, "0" * len(host)))
    theirs.write_bytes(b"half")
    sweep_once(tmp_path)
    assert list(tmp_path.iterdir()) == [theirs]
    yesterday = time.time() - OLD_SECONDS - 1
    os.utime(theirs, (yesterday, yesterday))
    assert is_litter(theirs)
