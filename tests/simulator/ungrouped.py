"""What a sweep's folder holds trial by trial, as it does not matter in which file the answers of a trial lie.

Trials that are done together share a file of answers. After a crash that took some of them others are done together,
so the files differ, while every record and every answer must be the same.
"""

import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

PARTS = "parts"
GROUPED = ("part", "part_sha256", "timing")
"""Fields of a record that tell which trials were done together."""


def is_part(path: Path) -> bool:
    """Returns whether a file holds answers of trials that were done together."""
    return path.parent.name == PARTS and path.suffix == ".npz" and not path.name.startswith(".")


def answers_in(content: bytes) -> dict[str, str]:
    """Returns what each trial in such a file answered: image, class, group, side and predicted class, by image.

    Raises:
        ValueError: it is no such file.
        KeyError: likewise.
    """
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        told = {name: arrays[name] for name in arrays.files}
    answers = {}
    for row, trial in enumerate(told["trials"].tolist()):
        seen = np.flatnonzero(told["side"][row])
        images = zip(
            *(told[name][seen].tolist() for name in ("ids", "labels", "groups")),
            *(told[name][row, seen].tolist() for name in ("side", "predicted")),
            strict=True,
        )
        answers[trial] = json.dumps([[int(told[name][row]) for name in ("train_n", "pool_n")], *sorted(images)])
    return answers


def named_parts(folder: Path) -> set[str]:
    """Returns the files of answers that some ledger of a sweep's folder names."""
    lines = [line for ledger in folder.glob("trials*.ndjson") for line in ledger.read_bytes().splitlines()]
    return {json.loads(line)["part"] for line in lines}


def ungrouped(records: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Returns the last record of each trial, without the file of its answers, and whether others trained beside it."""
    last = {record["trial"]: record for record in records}
    return [{name: one for name, one in record.items() if name not in GROUPED} for record in last.values()]


def without_parts(names: Iterable[str]) -> list[str]:
    """Returns the files that a configuration lists, but for those of answers."""
    return sorted(name for name in names if not name.startswith(f"{PARTS}/"))
