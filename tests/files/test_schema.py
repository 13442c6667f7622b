"""What a value of JSON must be, told by a type."""

import pytest

from mnistfaces.files.schema import FileName, problem_of


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../a", "a\\b", "a\0b", "/", "\ud800", 5, None, ["a"]])
def test_what_is_more_or_less_than_one_part_of_a_path_is_no_file_name(name: object) -> None:
    assert problem_of(name, FileName) is not None


@pytest.mark.parametrize("name", ["a", "..a", "...", ".a", "a b.npz", "\u00e4"])
def test_one_part_of_a_path_is_a_file_name(name: str) -> None:
    assert problem_of(name, FileName) is None
