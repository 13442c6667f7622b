import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnistfaces.datasets.faces import REPORT_ACTORS
from mnistfaces.errors import DataError
from mnistfaces.fetching.faces.entries import BadEntry, Entry, parse_list, select_rows

SHA = "a" * 64
HEADER = "name\timage_id\tface_id\turl\tbbox\tsha256"


def line(name: str = "Bill Hader", face_id: int = 1, **other: str) -> str:
    cells = {"url": "http://a.example/1.jpg", "box": "1,2,3,4", "sha256": SHA, **other}
    return "\t".join([name, "7", str(face_id), cells["url"], cells["box"], cells["sha256"]])


def rows(text: str | bytes) -> list[Entry | BadEntry]:
    return list(parse_list(text if isinstance(text, bytes) else text.encode(), "list.txt"))


def good(text: str | bytes) -> list[Entry]:
    return [row for row in rows(text) if isinstance(row, Entry)]


def test_a_row_is_read_with_or_without_header_mark_and_carriage_returns() -> None:
    expected = Entry("Bill Hader", 7, 1, "http://a.example/1.jpg", (1, 2, 3, 4), SHA)
    plain = line()
    for text in (plain, plain + "\n", f"{HEADER}\n{plain}", f"{HEADER}\r\n{plain}\r\n", f"\n\n{plain}\n\n"):
        for content in (text.encode(), b"\xef\xbb\xbf" + text.encode()):
            assert [row.key for row in good(content)] == [expected.key]


def test_a_header_tells_the_order_of_the_columns() -> None:
    text = f"sha256\tname\tface_id\timage_id\tbbox\turl\n{SHA}\tBill Hader\t1\t7\t1,2,3,4\thttp://a.example/1.jpg"
    assert good(text)[0].key == good(line())[0].key


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Bill Hader\t1\t2\thttp://a.exa", "4 fields"),
        (line(box="1,2,3"), "box"),
        (line(box="1,2,3,4.5"), "box"),
        (line(sha256="a" * 63), "sha256"),
        (line(sha256="g" * 64), "sha256"),
        (line(name=" "), "name"),
        (line(name="Bill\x1b[31m Hader"), "name"),
        (line(name="Bill\u202eHader") + "\tmore", "7 fields"),
        (line(url=""), "url"),
        (line().replace("\t7\t", "\tx\t"), "image_id"),
        (line() + "\tmore", "7 fields"),
    ],
)
def test_a_bad_row_tells_file_line_and_reason_and_the_rest_goes_on(text: str, reason: str) -> None:
    before, bad, after = rows(f"{line()}\n{text}\n{line(face_id=2)}")
    assert isinstance(before, Entry)
    assert isinstance(after, Entry)
    assert isinstance(bad, BadEntry)
    assert bad.name in ("Bill Hader", "")  # never what a terminal would obey
    assert bad.origin == "list.txt:2"
    assert reason in bad.reason


def test_a_line_that_is_not_utf8_is_a_bad_row() -> None:
    found = rows(line().encode() + b"\n" + b"Ren\xe9\t1\n" + line("René Zoë", 3).encode())
    assert [type(row) for row in found] == [Entry, BadEntry, Entry]
    assert found[2].name == "René Zoë"


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=20)
NOISE = st.binary(max_size=60).map(lambda junk: junk.replace(b"\n", b" "))


@given(
    st.lists(
        st.one_of(
            st.builds(lambda name, number: line(name, number).encode(), NAMES, st.integers(0, 10**9)),
            NOISE,
            st.just(line()[:50].encode()),
        ),
        max_size=12,
    ),
    st.sampled_from([b"\n", b"\r\n"]),
    st.booleans(),
)
def test_no_bad_line_loses_a_good_row(lines: list[bytes], ending: bytes, mark: bool) -> None:
    wanted = [text.decode() for text in lines if text.count(b"\t") == 5 and text.endswith(SHA.encode())]
    content = (b"\xef\xbb\xbf" if mark else b"") + ending.join([HEADER.encode(), *lines])
    found = rows(content)
    assert [line(row.name, row.face_id) for row in found if isinstance(row, Entry)] == wanted
    assert len(found) <= len(lines)


@given(st.text(max_size=300))
def test_any_text_is_rows_and_bad_rows(text: str) -> None:
    assert all(isinstance(row, Entry | BadEntry) for row in rows(text))


def test_the_actors_of_the_report_come_first_and_are_the_default() -> None:
    names = ["Zoe Last", *reversed(REPORT_ACTORS), "Anna First"]
    listed = rows("\n".join(line(name, number) for number, name in enumerate(names)))
    assert select_rows(listed).actors == REPORT_ACTORS
    everyone = select_rows(listed, names).actors
    assert everyone == (*REPORT_ACTORS, "Anna First", "Zoe Last")


def test_an_actor_is_found_by_surname_in_any_case_and_an_unknown_one_is_named() -> None:
    listed = rows("\n".join([line(), line("Jane Doe", 2), line("John Doe", 3)]))
    assert select_rows(listed, ["HADER"]).actors == ("Bill Hader",)
    with pytest.raises(DataError, match="Jane Doe or John Doe"):
        select_rows(listed, ["doe"])
    with pytest.raises(DataError, match=r"Nobody.*Bill Hader"):
        select_rows(listed, ["Nobody"])


def test_repeated_rows_count_once_and_a_limit_is_for_each_actor() -> None:
    text = "\n".join([line("Bill Hader", number) for number in (1, 2, 3, 2)] + [line("Peri Gilpin", 9)])
    chosen = select_rows(rows(text), limit=2)
    assert ([row.face_id for row in chosen.rows], chosen.repeated) == ([9, 1, 2], 1)


def test_bad_rows_belong_to_their_actor_or_to_nobody() -> None:
    text = f"{line()}\nBill Hader\t1\t2\thttp://bro\nPeri Gilpin\t1\t2\thttp://bro\n???"
    chosen = select_rows(rows(text))
    assert [bad.name for bad in chosen.bad] == ["Bill Hader"]
    assert [bad.origin for bad in chosen.strays] == ["list.txt:3", "list.txt:4"]


def test_a_row_keeps_its_identity_wherever_it_stands() -> None:
    assert good(line())[0].key == good(f"{HEADER}\n\n{line(face_id=9)}\n{line()}")[1].key
    assert good(line())[0].key != good(line(box="1,2,3,5"))[0].key


@pytest.mark.long
def test_fifty_thousand_lines_a_tenth_of_them_damaged_lose_no_good_row() -> None:
    rng = random.Random(0)  # noqa: S311  not a secret
    lines: list[bytes] = []
    wanted: list[int] = []
    for number in range(50_000):
        text = bytearray(line(face_id=number).encode())
        if rng.random() < 0.1:
            for _ in range(3):
                text[rng.randrange(len(text))] = rng.choice(b"\t\xff\x00,x")
            text = text[: rng.randrange(1, len(text))]
        else:
            wanted.append(number)
        lines.append(bytes(text))
    found = [row.face_id for row in good(b"\r\n".join(lines))]
    assert found == wanted
