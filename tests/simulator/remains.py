"""What a command leaves on the disk and prints, without what may differ from run to run: times."""

import hashlib
import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from simulator.ungrouped import PARTS, answers_in, is_part, named_parts, ungrouped, without_parts

TIMES = frozenset({
    "seconds", "train_seconds", "images_per_second", "check", "time", "host", "processor", "age", "versions", "rate",
    "bytes",
})  # fmt: skip
LITTER = re.compile(r"\.tmp$|\.partial(/|$)|\.held(\.|$)|(^|/)\.lock(-[\w-]+)?$|\.snapshot$")
ASIDE = re.compile(r"\.bad\d*$|/damaged/|/replaced/")
"""What a crash of the machine may leave: what was set aside."""
SPOKEN_TIMES = re.compile(r"\d[\d,.]*(&nbsp;|\s|\u202f)*(s|ms|min|h|seconds|minutes)\b")


def without_times(value: Any) -> Any:  # noqa: ANN401  a JSON value
    """Returns a JSON value without the fields that tell times."""
    if isinstance(value, dict) and value.get("quantity") == "seconds":
        return {name: value.get(name) for name in ("part", "quantity", "setting", "published", "status")}
    if isinstance(value, dict):
        return {name: without_times(one) for name, one in value.items() if name not in TIMES}
    return [without_times(one) for one in value] if isinstance(value, list) else value


def rows_of(stdout: str, apart: Container[str] = ()) -> list[Any]:
    """Returns the printed rows, in the order of their text.

    Args:
        stdout: NDJSON.
        apart: fields that may differ.
    """
    lines = [without_times(json.loads(line)) for line in stdout.splitlines()]
    rows = [{name: value for name, value in row.items() if name not in apart} for row in lines]
    return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))


def state_of(root: Path, apart: Container[str] = ()) -> dict[str, str]:
    """Returns what lies in a folder: by name, what its content comes to without times.

    Args:
        root: the folder.
        apart: fields of JSON that may differ.
    """
    found: dict[str, str] = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_dir():
            found[f"{name}/"] = ""
        elif is_part(path):
            found.update(_answers(path, name))
        elif "/cache/" in f"/{name}":  # named by a hash of times
            found[f"{path.parent.relative_to(root)}/{_told(path)[:16]}"] = ""
        else:
            found[name] = _told(path)
            if path.suffix == ".json" and apart and not found[name].startswith("damaged"):
                kept = {field: value for field, value in json.loads(found[name]).items() if field not in apart}
                found[name] = json.dumps(kept)
    return found


def _answers(path: Path, name: str) -> dict[str, str]:
    """Returns what the trials in a file of answers come to; the file itself where it is damaged or nobody names it."""
    sweep = name.removesuffix(f"{PARTS}/{path.name}")
    try:
        if path.name not in named_parts(path.parents[1]):
            return {name: "no ledger names it"}
        return {f"{sweep}answers/{trial}": answers for trial, answers in answers_in(path.read_bytes()).items()}
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return {name: "damaged"}


def _told(path: Path) -> str:
    content = path.read_bytes()
    try:
        told = _MEANINGS.get(path.suffix, _hashed)(content)
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile):
        told = "damaged " + _hashed(content)
    return told


def _hashed(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _json(content: bytes) -> str:
    value = without_times(json.loads(content))
    if isinstance(value, dict) and isinstance(value.get("sha256"), dict):
        value["sha256"] = without_parts(value["sha256"])  # they cover times; what they prove is checked beside
        value["files"] = without_parts(value.get("files", []))
    return json.dumps(value, sort_keys=True)


def _lines(content: bytes) -> str:
    """Returns the records of a ledger, whichever came first; of requests the last one for each thing."""
    records = [without_times(json.loads(line)) for line in content.splitlines()]
    if records and "trial" in records[0]:
        records = ungrouped(records)
    if records and "unit" in records[0]:
        # the archive is asked for what was lost once, too; and what was had lies in the tree
        last = {record["unit"]: record for record in records if "web.archive.org" not in record["url"]}
        had = {record["sha256"] for record in records if record["state"] == "ok"}
        last = {unit: record for unit, record in last.items() if record["sha256"] not in had}
        records = [{name: record[name] for name in ("unit", "state", "sha256", "url")} for record in last.values()]
    return "\n".join(sorted(json.dumps(record, sort_keys=True) for record in records))


def _archive(content: bytes) -> str:
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        told = {}
        for name in arrays.files:
            array = arrays[name]
            if name == "meta" and array.shape == ():
                told[name] = _json(str(array).encode())
            else:
                told[name] = f"{array.dtype} {array.shape} {_hashed(array.tobytes())}"
    return json.dumps(told, sort_keys=True)


def _page(content: bytes) -> str:
    return _hashed(SPOKEN_TIMES.sub("TIME", content.decode()).encode())


def _set_aside(content: bytes) -> str:
    """Returns the lines that were set aside: twice, where the first time ended in the middle."""
    return _hashed(b"\n".join(sorted(set(content.splitlines()))))


_MEANINGS = {
    ".json": _json, ".ndjson": _lines, ".npz": _archive, ".html": _page, ".md": _page, ".csv": _page, ".svg": _page,
    ".bad": _set_aside,
}  # fmt: skip


def unproven(root: Path) -> list[str]:
    """Returns what a finished configuration tells a SHA-256 of that its file does not have."""
    wrong = []
    for config in root.rglob("config.json"):
        known = json.loads(config.read_bytes())
        for name, sha256 in known.get("sha256", {}).items():
            file = config.parent / name
            if not file.exists() or _hashed(file.read_bytes()) != sha256:
                wrong.append(f"{config.relative_to(root)} tells another SHA-256 of {name}")
    return wrong


def done_twice(before: Path, after: Path, right: Path) -> list[str]:
    """Returns what was done again though a ledger told before that it is done, beyond what is done again undisturbed.

    Args:
        before: the folder as it was.
        after: the folder as it is.
        right: the folder as an undisturbed run leaves it.
    """
    wrong = []
    for path in after.rglob("*.ndjson"):
        name = path.relative_to(after)
        units, usual, there = (Counter(_units(folder / name)) for folder in (after, right, before))
        wrong += [f"{name}: {unit} was done again" for unit in there if units[unit] > max(there[unit], usual[unit])]
    return wrong


def _units(path: Path) -> list[str]:
    if not path.exists():
        return []
    records = []
    for line in path.read_bytes().splitlines():
        try:
            records.append(json.loads(line))
        except ValueError:
            continue
    return [unit for record in records if isinstance(record, dict) and (unit := _unit_of(record))]


def _unit_of(record: Mapping[str, Any]) -> str:
    """Returns what a record tells to be done; "" where it tells none."""
    if "part" in record:
        return str(record.get("trial", ""))
    if record.get("state") == "ok":
        return str(record.get("unit", ""))
    return "+".join(record["units"]) if isinstance(record.get("units"), list) else ""


def requests_of(root: Path) -> dict[str, str]:
    """Returns how the last request for each address ended, by the ledger of `fetch faces`."""
    ledger = root / "data" / "faces" / "ledger.ndjson"
    lines = ledger.read_bytes().splitlines() if ledger.exists() else []
    return {record["url"]: record["state"] for record in map(json.loads, lines)}


def differences(expected: dict[str, str], found: dict[str, str], *, aside: bool) -> list[str]:
    """Returns how a state differs from another one.

    Args:
        expected: the one that is right.
        found: the other one.
        aside: whether files may have been set aside.
    """
    more, both = sorted(found.keys() - expected.keys()), sorted(expected.keys() & found.keys())
    return [
        *(f"{name} is not there" for name in sorted(expected.keys() - found.keys())),
        *(
            f"{name} is {'litter' if LITTER.search(name.rstrip('/')) else 'there'}"
            for name in more
            if not (aside and ASIDE.search(name))
        ),
        *(
            f"{name} differs: {_first_difference(expected[name], found[name])}"
            for name in both
            if expected[name] != found[name]
        ),
    ]


def _first_difference(expected: str, found: str) -> str:
    place = next((at for at, (a, b) in enumerate(zip(expected, found, strict=False)) if a != b), 0)
    start = max(0, place - 60)
    return f"{found[start : place + 80]!r} instead of {expected[start : place + 80]!r}"
