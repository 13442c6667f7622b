"""What `mnf schema` says of rows is what the commands print."""

from collections.abc import Mapping
from typing import Any

import pytest
import typer
from conftest import Mnf
from kept_runs import save_image

from mnistfaces.cli._schema import SCHEMA
from mnistfaces.cli.index import app
from mnistfaces.datasets.sample import load_sample

TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "list": list,
}
SMALL = ("digits-sample", "--train-per-class", 5, "--epochs", 4)
LINES: Mapping[str, tuple[object, ...]] = {
    "samples": ("samples", "digits-sample"),
    "gradcheck": ("gradcheck", "digits-sample", "--h", 0.1),
    "train": ("train", *SMALL),
    "sweep": ("sweep", *SMALL, "--lr", "1e-3,1e-4", "--seeds", 2),
    "sweep --per-seed": ("sweep", *SMALL, "--lr", "1e-3,1e30", "--seeds", 2, "--per-seed"),
    "compare": ("compare", "runs/a", "runs/b"),
    "compare --board": ("compare", "runs/a", "runs/b", "nothing.csv", "--board"),
    "plan": ("plan",),
    "evaluate": ("evaluate", "runs/a"),
    "predict": ("predict", "runs/a", "digit.png", "none.png"),
    "report": ("report", "runs/a"),
    "export": ("export", "runs/a", "--to", "npz"),
    "contour": ("contour", *SMALL, "--range", "-1,1", "--step", 0.5),
    "trajectory": ("trajectory", "--steps", 2),
    "visualize-weights": ("visualize-weights", "runs/a", "--plot", "w.png"),
    "extract-features": ("extract-features", "digits-sample", "--backbone", "pixels"),
    "reproduce": ("reproduce", 1),
    "schema": ("schema",),
    "env": ("env",),
}
ELSEWHERE = {"fetch digits", "fetch fashion", "fetch kuzushiji", "fetch faces", "runs"}
"""Their own tests hold their rows against the schema."""


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """Returns the rows of every line, run in one folder."""
    mnf = Mnf(tmp_path_factory.mktemp("schema"))
    mnf("train", *SMALL, "--out", "runs/a")
    mnf("train", *SMALL, "--lr", 1e-3, "--out", "runs/b")
    save_image(mnf.folder / "digit.png", load_sample().inputs[4100].reshape(28, 28))
    return {name: mnf(*line, code=None).rows for name, line in LINES.items()}


@pytest.mark.parametrize("name", LINES)
def test_rows_have_the_fields_and_types_of_the_schema(rows: dict[str, list[dict[str, Any]]], name: str) -> None:
    assert rows[name]
    fields = {field.name: field for field in SCHEMA[name]}
    for row in rows[name]:
        assert list(row) == list(fields)
        for field, value in row.items():
            if value is None:
                assert fields[field].null, f"{field} is null"
            else:
                of_type = TYPES[fields[field].type]
                assert isinstance(value, of_type), f"{field} is {value!r}"
                assert isinstance(value, bool) == (of_type is bool), f"{field} is {value!r}"


def test_every_command_has_a_schema_and_every_schema_a_test() -> None:
    commands: set[str] = set()
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        commands |= {f"{name} {inner}" for inner in getattr(command, "commands", {})} or {name}
    assert commands <= {name.split(" --")[0] for name in SCHEMA}
    assert set(SCHEMA) == set(LINES) | ELSEWHERE


def test_the_table_for_a_page_and_one_command(rows: dict[str, list[dict[str, Any]]]) -> None:
    assert {row["command"] for row in rows["schema"]} == set(SCHEMA)
    assert all(row["meaning"].endswith((".", "?")) or len(row["meaning"]) > 10 for row in rows["schema"])
