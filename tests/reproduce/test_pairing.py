"""Pixels and features are compared on the images that are in both, divided alike, whatever else either holds."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_data import make_dataset

from mnistfaces.config import DataConfig
from mnistfaces.datasets.base import Dataset
from mnistfaces.errors import DataError
from mnistfaces.progress import Event
from mnistfaces.reproduce.pairing import pair_pixels_with_features
from mnistfaces.reproduce.parts import PARTS
from mnistfaces.reproduce.published import published_in
from mnistfaces.reproduce.records import Finding, PartRecord, Piece, Remark, Role, Setup
from mnistfaces.reproduce.reproduction import ReproduceConfig, Reproduction

FACES = make_dataset((70, 70, 70), kind="faces")
CLEAR = np.repeat(np.eye(3, dtype=np.float32), 100, axis=1)
Give = Callable[[dict[Role, Dataset]], None]


def features_of(faces: Dataset, keep: np.ndarray) -> Dataset:
    """Returns features that tell most classes, of some faces in another order, with classes in another order."""
    order = np.random.default_rng(1).permutation(np.flatnonzero(keep))
    labels = 2 - faces.labels[order]
    return replace(
        faces,
        kind="features",
        name="features",
        inputs=CLEAR[np.where(order % 7 == 0, 0, labels)],
        shape=(300,),
        labels=labels,
        classes=faces.classes[::-1],
        ids=faces.ids[order],
        groups=np.arange(len(order)),
        given_test=faces.given_test[order],
    )


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Give:
    """Returns what sets the datasets that are at hand."""
    here: dict[Role, Dataset] = {}

    def load(_: Setup, role: Role, data: DataConfig = DataConfig()) -> Dataset:  # noqa: ARG001  as it is called
        if role not in here:
            raise DataError(f"there are no {role}")
        return here[role]

    def give(datasets: dict[Role, Dataset]) -> None:
        here.clear()
        here.update(datasets)

    monkeypatch.setattr(Setup, "load", load)
    monkeypatch.chdir(tmp_path)
    return give


def remark() -> Remark:
    """Returns what is said of pixels and features."""
    setup = Setup(scale="quick", figures=Path("report/figures"), data_dir=Path("data"))
    (found,) = (event for event in pair_pixels_with_features(setup) if not isinstance(event, Event))
    assert isinstance(found, Remark)
    return found


def answers_of(run: str) -> list[dict[str, bool]]:
    """Returns of each trial of a run which test images it has right, by name."""
    kept = np.load(Path(run) / "predictions.npz")
    right = kept["predicted"] == kept["labels"]
    return [
        dict(zip(kept["ids"][side == 2].tolist(), row[side == 2].tolist(), strict=True))  # 2 is the test side
        for side, row in zip(kept["side"], right, strict=True)
    ]


def test_images_that_only_one_side_holds_are_left_out_and_counted(given: Give) -> None:
    keep = np.arange(210) % 10 != 0  # 21 faces have no features
    extra = make_dataset((4, 4, 4), kind="faces", seed=1)
    features = features_of(FACES, keep)
    more = replace(
        features,
        inputs=np.concatenate([features.inputs, CLEAR[extra.labels]]),
        labels=np.concatenate([features.labels, extra.labels]),
        ids=np.concatenate([features.ids, np.char.add(extra.ids, "-alone")]),
        groups=np.arange(201),
        given_test=np.zeros(201, bool),
    )
    given({"faces": FACES, "features": more})
    said = remark()
    assert said.text.startswith(
        "Paired on the 189 images that are in both (12 of 201 in the features and 21 of 210 in the pixels are left out)"
    )
    assert [figure.table for figure in said.figures] == ["Table 15"]
    shown = re.search(r"features are ([+-][\d.]+) points ahead .* (\d+) seeds", said.text)
    runs = re.search(r"mnf compare (\S+) (\S+)$", said.text)
    assert shown is not None
    assert runs is not None
    ahead, behind = answers_of(runs[1]), answers_of(runs[2])
    assert len(ahead) == int(shown[2]) == 3
    assert [one.keys() for one in ahead] == [other.keys() for other in behind]
    assert all(len(one) == 60 and one.keys() <= set(FACES.ids[keep]) for one in ahead)
    by_hand = np.mean(
        [np.mean([one[name] - other[name] for name in one]) for one, other in zip(ahead, behind, strict=True)]
    )
    assert float(shown[1]) == pytest.approx(100 * by_hand, abs=0.05)
    assert by_hand < 0


def test_why_there_is_no_pair_is_said(given: Give) -> None:
    features = features_of(FACES, np.ones(210, bool))
    given({"features": features})
    assert remark().text == "Pixels and features were not paired: there are no faces."
    given({"faces": FACES, "features": replace(features, ids=np.char.add(features.ids, "x"))})
    assert "have no image in common" in remark().text
    given({"faces": FACES, "features": features_of(FACES, np.arange(210) % 70 < 30)})
    assert "has 10 images left to validate, 20 were asked for" in remark().text


def test_the_row_says_it_and_faces_that_come_later_are_paired(given: Give, monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(_: Setup) -> Iterator[Finding]:
        yield from (Finding(figure=figure, value=figure.value, note="Measured.") for figure in published_in(10))

    steps = (Piece(name="tables", seconds=1, work=measured), Piece(name="p", seconds=1, work=pair_pixels_with_features))
    monkeypatch.setitem(PARTS, 10, replace(PARTS[10], steps=steps))
    features = features_of(FACES, np.arange(210) % 10 != 0)

    def note() -> str:
        job = Reproduction(ReproduceConfig(parts=(10,), data_dir=Path("data"), out=Path("report")))
        (record,) = (event for event in job.run() if isinstance(event, PartRecord))
        job.finish()
        assert "189 images" in job.page.read_text() or "not paired" in job.page.read_text()
        row = next(row for row in record.rows if row["table"] == "Table 15" and row["quantity"] == "test_accuracy")
        return str(row["note"])

    given({"features": features})
    assert "not paired: there are no faces" in note()
    given({"features": features, "faces": FACES})
    assert "Paired on the 189 images" in note()
    given({"features": features})
    assert "Paired on the 189 images" in note()  # what was measured is kept where the faces are not
