"""The report in its folder, with real work on the embedded digits; a part of its own stands in for long ones."""

import errno
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from damage import unreadable

from mnistfaces.errors import DataError, FileError, RunError
from mnistfaces.progress import Advanced, Event, Note, Stage
from mnistfaces.reproduce.parts import PARTS
from mnistfaces.reproduce.published import load_published, published_in
from mnistfaces.reproduce.records import Finding, Found, PartRecord, Piece, Setup
from mnistfaces.reproduce.reproduction import ReproduceConfig, Reproduction

EARLY = (1, 2, 3)


def config(folder: Path, *parts: int, **changes: object) -> ReproduceConfig:
    return replace(ReproduceConfig(parts=parts, data_dir=folder / "data", out=folder / "report"), **changes)


def done(job: Reproduction) -> list[PartRecord]:
    records = [event for event in job.run() if isinstance(event, PartRecord)]
    job.finish()
    return records


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_parts_put_what_comes_out_beside_what_was_published(here: Path) -> None:
    records = done(Reproduction(config(here, *EARLY)))
    assert [record.number for record in records] == [1, 2, 3]
    rows = {(row["quantity"], row["setting"]): row for record in records for row in record.rows}
    assert rows["weights", "Part 2: 784 inputs, 10 classes"]["measured"] == 784 * 10
    assert all(row["command"].startswith("mnf ") for row in rows.values())
    assert rows["train_images", "Part 1: all digits"]["measured"] == 4000
    signed = [rows["signed_maximum_difference", f"Part 3: h {h}"] for h in ("0.1", "0.01", "0.001", "0.0001")]
    assert [row["published"] for row in signed] == [0, 0, 0, 7.3e-11]
    assert all(abs(row["measured"]) < 1e-9 for row in signed)
    errors, caught = records[2].listings
    absolute = [float(row["largest absolute, forward"]) for row in errors["rows"]]
    assert [round(a / b) for a, b in itertools.pairwise(absolute)] == [10, 10, 10]
    relative = [float(row["largest relative, central"]) for row in errors["rows"][:3]]
    assert [round(a / b, -1) for a, b in itertools.pairwise(relative)] == [100, 100]
    assert [row["the check"] for row in caught["rows"]] == ["passes", "caught", "caught", "caught"]


def test_the_whole_lists_every_published_figure_whatever_was_asked(here: Path) -> None:
    job = Reproduction(config(here, 2))
    done(job)
    rows = [json.loads(line) for line in (job.folder.path / "results.ndjson").read_text().splitlines()]
    assert len(rows) == len(load_published())
    assert {row["note"] for row in rows if row["part"] == 9} == {"Not asked for yet: mnf reproduce 9"}
    assert all(row["status"] == "not_run" for row in rows if row["part"] != 2)


def test_a_part_is_done_once_and_the_folder_grows(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = done(Reproduction(config(here, 1, 2)))

    def never(_setup: Setup) -> Iterator[Event | Found]:
        raise AssertionError("done before")

    for number in (1, 2):
        broken = replace(PARTS[number], steps=tuple(replace(step, work=never) for step in PARTS[number].steps))
        monkeypatch.setitem(PARTS, number, broken)
    with (
        unreadable(here / "report" / "parts" / "1.json", errno.EIO),
        pytest.raises(FileError, match=r"cannot read .*1\.json: Input"),
    ):
        Reproduction(config(here, *EARLY))
    job = Reproduction(config(here, *EARLY))
    again = done(job)
    assert again[:2] == [PartRecord(**json.loads(json.dumps(vars(record)))) for record in first]
    assert again[2].rows[0]["measured"] is not None
    assert '"measured": 4000' in (job.folder.path / "results.ndjson").read_text()


def test_a_part_without_its_data_is_not_run_and_says_what_to_type(here: Path) -> None:
    (record,) = done(Reproduction(config(here, 9)))
    assert [row["measured"] for row in record.rows] == [None, None]
    assert {row["status"] for row in record.rows} == {"not_run"}
    assert all("mnf fetch faces --res 32" in row["note"] for row in record.rows)
    assert record.missing == (record.rows[0]["note"],)


def test_full_scale_takes_the_full_digits_and_says_how_to_get_them(here: Path) -> None:
    (record,) = done(Reproduction(config(here, 1, scale="full")))
    assert [row["status"] for row in record.rows] == ["not_run"] * 2
    assert "mnf fetch digits" in record.missing[0]


def test_a_part_is_tried_again_once_its_data_are_there(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = published_in(2)

    def work(_setup: Setup) -> Iterator[Event | Found]:
        if not (here / "data").exists():
            raise DataError("no data: get them")
        yield Stage(name="half", total=2)
        yield Advanced(amount=1)
        yield from (Finding(figure=figure, value=figure.value) for figure in figures)

    step = Piece(name="step", seconds=1, work=work, tables=("Part 2",))
    monkeypatch.setitem(PARTS, 2, replace(PARTS[2], roles=(), steps=(step,)))
    assert done(Reproduction(config(here, 2)))[0].missing == ("no data: get them",)
    (here / "data").mkdir()
    (record,) = done(Reproduction(config(here, 2)))
    assert [row["difference"] for row in record.rows] == [0, 0]
    assert record.missing == ()


def test_a_step_without_data_keeps_what_other_steps_found(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = published_in(2)

    def half(_setup: Setup) -> Iterator[Event | Found]:
        yield Finding(figure=first, value=1)
        raise DataError("the rest is not here")

    step = Piece(name="step", seconds=1, work=half, tables=("Part 2",))
    monkeypatch.setitem(PARTS, 2, replace(PARTS[2], steps=(step,)))
    (record,) = done(Reproduction(config(here, 2)))
    assert [row["measured"] for row in record.rows] == [1, None]
    assert record.rows[1]["note"] == "the rest is not here"
    assert second.quantity == record.rows[1]["quantity"]


def test_progress_grows_to_the_whole(here: Path) -> None:
    total, amounts = told(Reproduction(config(here, *EARLY)))
    assert min(amounts) >= 0
    assert sum(amounts) == pytest.approx(total)
    assert max(amounts) < total / 3  # no long work is silent until its end


def told(job: Reproduction) -> tuple[float, list[float]]:
    """Returns how much there was to do, and in which amounts it was done."""
    events = list(job.run())
    *_, stage = (event for event in events if isinstance(event, Stage))
    assert stage.total is not None
    return stage.total, [event.amount for event in events if isinstance(event, Advanced)]


def test_what_is_done_or_has_no_data_is_no_part_of_the_progress(here: Path) -> None:
    done(Reproduction(config(here, 1)))
    total, amounts = told(Reproduction(config(here, 1, 2, 8, 9, 10)))
    assert total == sum(step.cost("quick") for step in PARTS[2].steps) == pytest.approx(sum(amounts))


def test_a_quick_run_weighs_its_shorter_trainings() -> None:
    (table_1, *_) = PARTS[4].steps
    assert table_1.cost("full") == table_1.seconds
    assert table_1.cost("quick") == table_1.quick < table_1.seconds / 10
    assert all(0 <= step.cost("quick") <= step.cost("full") for part in PARTS.values() for step in part.steps)


def test_what_was_measured_is_kept_when_another_data_folder_is_set(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def work(_setup: Setup) -> Iterator[Event | Found]:
        yield from (Finding(figure=figure, value=figure.value) for figure in published_in(9))

    def load(_setup: Setup, _role: str) -> object:
        if not (here / "data").exists():
            raise DataError("no faces: mnf fetch faces --res 32")
        return SimpleNamespace(fingerprint="the faces")

    step = Piece(name="step", seconds=1, work=work, tables=("Figure 21", "Figure 22"))
    monkeypatch.setitem(PARTS, 9, replace(PARTS[9], steps=(step,)))
    monkeypatch.setattr(Setup, "load", load)
    (here / "data").mkdir()
    (before,) = done(Reproduction(config(here, 9)))
    (here / "data").rmdir()
    job = Reproduction(config(here, 9))
    notes = [event.message for event in job.run() if isinstance(event, Note)]
    assert notes == ["part 9 was done before with data that are not here now; its numbers are kept"]
    assert [row["measured"] for row in job.records[9].rows] == [row["measured"] for row in before.rows]


def test_a_step_of_several_stages_grows_and_never_shrinks(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def work(_setup: Setup) -> Iterator[Event | Found]:
        yield Stage(name="first", total=4)
        yield Advanced(amount=4)
        yield Stage(name="second", total=12)
        yield Advanced(amount=4, detail="loss 2")
        yield Note(message="kept")
        yield Stage(name="without a total")
        yield Advanced(amount=8)
        yield from (Finding(figure=figure, value=figure.value) for figure in published_in(2))

    step = Piece(name="step", seconds=10, work=work, tables=("Part 2",))
    monkeypatch.setitem(PARTS, 2, replace(PARTS[2], roles=(), steps=(step,)))
    events = list(Reproduction(config(here, 2)).run())
    assert [event.amount for event in events if isinstance(event, Advanced)] == [0, 0, 10, 0, 0, 0, 0, 0]
    assert [event.detail for event in events if isinstance(event, Advanced)][4] == "Part 2: step loss 2"
    assert [event.detail for event in events if isinstance(event, Note)] == [True]


def test_another_scale_does_not_overwrite_a_report(here: Path) -> None:
    done(Reproduction(config(here, 2)))
    with pytest.raises(RunError, match="another --out"):
        Reproduction(config(here, 2, scale="full"))


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: "{",
        lambda _: "[]",
        lambda _: "{}",
        lambda _: "[" * 100_000,
        lambda _: '{"number": 2, "strange": 1}',
        lambda text: text.replace("7840", "7841"),
        lambda text: text.replace("7840", "9" * 400),
    ],
    ids=["half", "a list", "nothing", "deep", "strange", "a digit", "400 digits"],
)
def test_a_damaged_part_is_not_believed_and_the_same_command_does_it_again(
    here: Path, damage: Callable[[str], str]
) -> None:
    done(Reproduction(config(here, 2)))
    path = here / "report" / "parts" / "2.json"
    whole = path.read_text()
    path.write_text(damage(whole))
    assert Reproduction(config(here, 2)).records == {}
    assert done(Reproduction(config(here, 2)))[0].rows[0]["measured"] == 7840
    assert path.read_text() == whole
