"""Tables of answers as programs write them: read as they were meant, or refused in one line."""

import contextlib
import csv
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnistfaces.datasets.order import names_of
from mnistfaces.errors import DataError
from mnistfaces.evaluation.answers import UNANSWERED, Question, read_answers

IDS = [f"test-{label}-{number:05d}" for label in range(3) for number in range(4)]
TRUTH = [number % 10 for number in range(len(IDS))]
DIGITS = tuple("0123456789")
ORDER = names_of(np.array([2, 0, 1, 0, 2, 2, 1, 1, 0, 0, 2, 1], np.uint8))


def no_order() -> np.ndarray:
    raise DataError("plain numbers mean no image here")


def question(ids: list[str] = IDS, classes: tuple[str, ...] = DIGITS, order: Callable = lambda: ORDER) -> Question:
    return Question(ids=np.array(ids), classes=classes, order=order)


def read(folder: Path, content: str | bytes, asked: Question | None = None) -> list[int]:
    path = folder / "answers.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_answers(path, asked or question()).predicted.tolist()


def table(header: str = "image,prediction", separator: str = ",", end: str = "\n", quote: str = "") -> str:
    lines = [header.replace(",", separator)] if header else []
    lines += [f"{quote}{name}{quote}{separator}{quote}{answer}{quote}" for name, answer in zip(IDS, TRUTH, strict=True)]
    return end.join(lines) + end


WRITTEN = {
    "prediction": table(),
    "label": table("image,label"),
    "class": table("Image,Class"),
    "no header": table(""),
    "semicolons": table(separator=";"),
    "tabs": table(separator="\t"),
    "carriage returns": table(end="\r\n"),
    "old Macintosh": table(end="\r"),
    "quoted": table('"image","prediction"', quote='"'),
    "UTF-8 with its mark": table().encode("utf-8-sig"),
    "UTF-16": table().encode("utf-16"),
    "UTF-16, big end first": b"\xfe\xff" + table(end="\r\n", separator=";").encode("utf-16-be"),
    "UTF-32": table().encode("utf-32"),
    "a spreadsheet's first line": "sep=;\r\n" + table(separator=";", end="\r\n"),
    "blank lines": "\n\n" + table().replace("\n", "\n\n"),
    "spaces": table().replace(",", " , "),
    "floats": "".join(f"{name},{float(answer)}\n" for name, answer in zip(IDS, TRUTH, strict=True)),
    "numpy": "".join(f"{name},{answer:.18e}\n" for name, answer in zip(IDS, TRUTH, strict=True)),
    "pandas with an index": pd.DataFrame({"image": IDS, "prediction": TRUTH}).to_csv(),
    "further columns": pd.DataFrame({"image": IDS, "class": TRUTH, "probability": 0.5}).to_csv(index=False),
    "another order": pd.DataFrame({"label": TRUTH, "file_name": IDS}).iloc[::-1].to_csv(index=False),
}


@pytest.mark.parametrize("content", WRITTEN.values(), ids=WRITTEN)
def test_a_table_is_read_as_its_program_meant_it(tmp_path: Path, content: str | bytes) -> None:
    assert read(tmp_path, content) == TRUTH


def test_plain_numbers_are_the_published_order(tmp_path: Path) -> None:
    answer_of = dict(zip(IDS, TRUTH, strict=True))
    rows = [(number, answer_of[name]) for number, name in enumerate(ORDER.tolist())]
    for content in (
        "image,label\n" + "".join(f"{number},{answer}\n" for number, answer in rows),
        "".join(f"{number};{answer}\n" for number, answer in reversed(rows)),
        "".join(f"{number:.18e} \t{answer:.18e}\n" for number, answer in rows),
    ):
        assert read(tmp_path, content) == TRUTH


def test_labels_in_order_name_images_as_mnist_all_does() -> None:
    assert names_of(np.array([7, 2, 7], np.uint8)).tolist() == ["test-7-00000", "test-2-00000", "test-7-00001"]


def test_extra_and_missing_rows_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    path.write_text(f"image,label\n{IDS[0]},0\n{IDS[1]},\nanother,3\n")
    found = read_answers(path, question())
    assert (found.extra, found.missing) == (1, 11)
    assert found.predicted.tolist() == [0] + [UNANSWERED] * 11
    assert found.note() == "no answer for 11 of 12 images, which counts as wrong; 1 row for other images"


def test_backslashes_and_a_leading_dot_are_paths_of_another_system(tmp_path: Path) -> None:
    asked = question(["cat/1.png", "dog/2.png"], ("cat", "dog"), no_order)
    assert read(tmp_path, "image,class\n.\\cat\\1.png,cat\n.\\dog\\2.png,dog\n", asked) == [0, 1]


def test_a_number_is_a_position_only_where_no_class_is_called_by_a_number(tmp_path: Path) -> None:
    named = question(["a", "b"], ("cat", "dog"), no_order)
    assert read(tmp_path, "image,class\na,1\nb,0\n", named) == [1, 0]
    numbered = question(["a", "b"], ("1", "2"), no_order)
    assert read(tmp_path, "image,class\na,1\nb,2.0\n", numbered) == [0, 1]
    with pytest.raises(DataError, match="line 2: no class is called '0'"):
        read(tmp_path, "image,class\na,0\nb,1\n", numbered)


REFUSED = {
    "nothing": ("", "line 1: expected image and class"),
    "no rows": ("image,class\n", "holds no answers"),
    "one column": ("prediction\n7\n2\n", "line 1: expected image and class with a comma"),
    "two answers": ("image,label,prediction\na,1,2\n", "which column is the answer, label and prediction"),
    "no answer column": ("image,guess\na,1\n", "the header needs one column image and one of prediction"),
    "no image column": ("number,label\n0,7\n", "the header needs one column image"),
    "three columns, no header": (f"0,{IDS[0]},7\n", "3 columns need a header"),
    "twice": (f"{IDS[0]},1\n{IDS[1]},1\n{IDS[0]},1\n", f"line 3: image {IDS[0]} is answered twice"),
    "ragged": (f"{IDS[0]},1\n{IDS[1]},1,5\n", "line 2: expected 2 columns, got 3"),
    "no class": (f"image,class\n{IDS[0]},seven\n", "line 2: no class is called 'seven'"),
    "half a class": (f"{IDS[0]},7.5\n", "line 1: no class is called '7.5'"),
    "other images": ("image,class\nx-1,7\n", "names none of the 12 images, such as test-0-00000; it has x-1"),
    "counted from 1": ("".join(f"{number},1\n" for number in range(1, 13)), "12 is none: do they count from 1"),
    "a number twice": ("0,1\n0.0,1\n", "answers an image twice, under two spellings"),
    "an open quote": (f'"{IDS[0]},1\n{IDS[1]},1\n', "line 1: unexpected end of data"),
    "two lines": (f'"{IDS[0]}\n{IDS[1]}",1\n{IDS[2]},1\n', "line 1: a quoted cell does not end in its line"),
    "Latin-1": ("image,class\nZürich,7\n".encode("latin-1"), "it is not UTF-8"),
    "half a UTF-16": (b"\xff\xfe" + b"a", "it is not UTF-16-LE"),
    "an archive": (b"PK\x03\x04\x00\x00\xff\xff", "it is not UTF-8"),
}


@pytest.mark.parametrize(("content", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_meant_is_one_line_that_names_file_and_line(
    tmp_path: Path, content: str | bytes, said: str
) -> None:
    with pytest.raises(DataError, match=said) as caught:
        read(tmp_path, content)
    assert "answers.csv" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_numbers_without_an_order_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="plain numbers mean no image here"):
        read(tmp_path, "0,7\n1,2\n", question(order=no_order))


def test_a_file_that_two_separators_divide_in_two_ways_is_refused(tmp_path: Path) -> None:
    asked = question(["a", "a,1"], ("1;0", "0"), no_order)
    with pytest.raises(DataError, match="can be read in two ways"):
        read(tmp_path, "a,1;0\n", asked)


NAMES = st.lists(
    st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), min_size=1)
    .map(str.strip)
    .filter(lambda name: name and name.lower() not in ("image", "sep=")),
    min_size=1,
    max_size=8,
    unique=True,
)


@settings(max_examples=150, deadline=None)
@given(names=NAMES, data=st.data())
def test_what_a_program_writes_is_read_back_or_refused_but_never_misread(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], data: st.DataObject
) -> None:
    """Whatever the names, the separator, the quoting, the line ends and the encoding are."""
    classes = ("cat", "dog", "mouse")
    answers = data.draw(st.lists(st.sampled_from(range(3)), min_size=len(names), max_size=len(names)))
    stream = io.StringIO(newline="")
    writer = csv.writer(
        stream,
        delimiter=data.draw(st.sampled_from(",;\t")),
        quoting=data.draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
        lineterminator=data.draw(st.sampled_from(["\n", "\r\n"])),
    )
    if data.draw(st.booleans()):
        writer.writerow(["image", data.draw(st.sampled_from(["prediction", "label", "Class"]))])
    writer.writerows(zip(names, (classes[answer] for answer in answers), strict=True))
    content = stream.getvalue().encode(data.draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"])))
    try:
        found = read(tmp_path_factory.mktemp("fuzz"), content, question(names, classes, no_order))
    except DataError:
        return
    assert found == answers


@settings(max_examples=400, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=60),
        st.text("0123456789,;\t\"'\n\r =.-eimagclsprdton\ufeff", max_size=80).map(str.encode),
        st.builds(
            lambda pieces: "".join(pieces).encode(),
            st.lists(st.sampled_from(["image", "label", ",", ";", "\t", "\n", '"', IDS[0], IDS[1], "7", "0", "sep=;"])),
        ),
    )
)
def test_no_bytes_are_a_traceback(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    with contextlib.suppress(DataError):
        assert set(read(tmp_path_factory.mktemp("bytes"), content)) <= {UNANSWERED, *range(10)}
