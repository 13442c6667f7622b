"""What is read of `config.json`: only what its writer wrote, and never a traceback."""

import copy
import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from damage import damaged
from kept_runs import keep_run

from mnistfaces.errors import RunError
from mnistfaces.files.seals import seal
from mnistfaces.runs.configuration import read_config
from mnistfaces.runs.runs import load_run

Config = dict[str, Any]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Config:
    return dict(keep_run(tmp_path_factory.mktemp("kept")).config)


def write(folder: Path, config: object, *, sealed: bool) -> None:
    """Writes a configuration, with the checksum that its writer would have given it or without any."""
    if isinstance(config, dict):
        config = {name: value for name, value in config.items() if name != "check"}
        config = seal(config) if sealed else config
    (folder / "config.json").write_text(json.dumps(config))


def set_at(*path: str | int, to: object) -> Callable[[Config], None]:
    def change(config: Any) -> None:  # noqa: ANN401  a JSON value
        for name in path[:-1]:
            config = config[name]
        config[path[-1]] = to

    return change


def without(*path: str) -> Callable[[Config], None]:
    def change(config: Any) -> None:  # noqa: ANN401  a JSON value
        for name in path[:-1]:
            config = config[name]
        del config[path[-1]]

    return change


DEEP: object = []
for _ in range(900):
    DEEP = [DEEP]

NONSENSE = {
    "no command": without("command"),
    "a command that is a list": set_at("command", to=["train"]),
    "no dataset": without("dataset"),
    "no classes": without("dataset", "classes"),
    "classes that are numbers": set_at("dataset", "classes", to=[0, 1]),
    "a text for the classes": set_at("dataset", "classes", to="0123456789"),
    "half a character": set_at("dataset", "classes", 0, to="\ud800"),
    "a shape of text": set_at("dataset", "shape", to=["28", "28"]),
    "another kind": set_at("dataset", "kind", to="birds"),
    "no training": without("training"),
    "an unknown field of the training": set_at("training", "speed", to=1),
    "a text for a rate": set_at("training", "lr", to="0.1"),
    "true for a rate": set_at("training", "lr", to=True),
    "a negative rate": set_at("training", "lr", to=-1.0),
    "a rate of 400 digits": set_at("training", "lr", to=10**400),
    "epochs of 400 digits": set_at("training", "epochs", to=10**400),
    "an unknown model": set_at("training", "model", to="oracle"),
    "a null split": set_at("split", to=None),
    "half a fold": set_at("split", "folds", to=2.5),
    "a split seed of text": set_at("split_seed", to="0"),
    "a seed of 400 digits": set_at("split_seed", to=10**400),
    "files that are numbers": set_at("files", to=[1]),
    "a checksum that is null": set_at("sha256", "weights.safetensors", to=None),
    "nesting": set_at("dataset", "meta", "source", to=DEEP),
}


@pytest.mark.parametrize("sealed", [True, False], ids=["with the right checksum", "without one"])
@pytest.mark.parametrize("change", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_refused_whoever_signed_it(
    tmp_path: Path, kept: Config, change: Callable[[Config], None], sealed: bool
) -> None:
    config = copy.deepcopy(kept)
    change(config)
    try:
        write(tmp_path, config, sealed=sealed)
    except UnicodeEncodeError:  # no checksum is made of what is no character
        write(tmp_path, config, sealed=False)
    with pytest.raises(
        RunError, match=r"config\.json is damaged \(.+\): run .+ again with the same options and --force"
    ):
        read_config(tmp_path)


def test_a_configuration_of_the_first_release_is_read_and_what_was_asked_is_protected_by_its_hash(
    tmp_path: Path, kept: Config
) -> None:
    write(tmp_path, kept, sealed=False)
    assert load_run(tmp_path).training == load_run(tmp_path).training
    for change in (set_at("seed", to=1), set_at("dataset", "classes", 3, to="x"), set_at("strange", to=1)):
        config = copy.deepcopy(kept)
        change(config)
        write(tmp_path, config, sealed=False)
        with pytest.raises(RunError, match="its hash differs"):
            read_config(tmp_path)


def test_a_later_release_may_say_more(tmp_path: Path, kept: Config) -> None:
    write(tmp_path, {**kept, "invented": [1, {"later": None}]}, sealed=True)
    assert read_config(tmp_path)["invented"] == [1, {"later": None}]


def test_every_byte_that_changes_a_value_is_noticed(tmp_path: Path, kept: Config) -> None:
    write(tmp_path, kept, sealed=True)
    whole = (tmp_path / "config.json").read_bytes()
    for place in range(len(whole)):
        content = bytearray(whole)
        content[place] ^= 1
        (tmp_path / "config.json").write_bytes(content)
        with pytest.raises(RunError, match=r"config\.json is damaged"):
            read_config(tmp_path)


@pytest.mark.long
def test_twenty_thousand_damaged_configurations_are_refused_or_say_what_was_written(
    tmp_path: Path, kept: Config
) -> None:
    rng = random.Random(int(os.environ.get("MNF_TEST_SEED", "0")))  # noqa: S311  damage, not secrets
    write(tmp_path, kept, sealed=True)
    whole, written = (tmp_path / "config.json").read_bytes(), read_config(tmp_path)
    refused = 0
    for _ in range(20_000):
        (tmp_path / "config.json").write_bytes(damaged(whole, rng))
        try:
            assert read_config(tmp_path) == written
        except RunError:
            refused += 1
    assert refused > 15_000
