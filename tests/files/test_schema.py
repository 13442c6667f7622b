"""What a value of JSON must be, told by a type."""

from dataclasses import dataclass

import pytest

from mnistfaces.files.schema import FileName, parse_json, problem_of


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../a", "a\\b", "a\0b", "/", "\ud800", 5, None, ["a"]])
def test_what_is_more_or_less_than_one_part_of_a_path_is_no_file_name(name: object) -> None:
    assert problem_of(name, FileName) is not None


@pytest.mark.parametrize("name", ["a", "..a", "...", ".a", "a b.npz", "\u00e4"])
def test_one_part_of_a_path_is_a_file_name(name: str) -> None:
    assert problem_of(name, FileName) is None


@dataclass(frozen=True)
class Part:
    file: FileName


def test_the_names_of_files_in_a_record_are_checked_as_such() -> None:
    assert problem_of({"file": "a.npz"}, Part) is None
    assert "is not the name of a file" in str(problem_of({"file": "../a.npz"}, Part))


@pytest.mark.parametrize("text", [b"NaN", b"[Infinity]", b'{"a": -Infinity}', b"[" * 100_000, b"\xff", b"{", b""])
def test_what_is_no_json_is_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_json(text)
