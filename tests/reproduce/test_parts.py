import pytest

from mnistfaces.errors import UsageError
from mnistfaces.reproduce import sweeps
from mnistfaces.reproduce.parts import PARTS, read_parts, spell_parts
from mnistfaces.reproduce.published import load_published


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ((), tuple(range(1, 11))),
        (("4",), (4,)),
        (("5-6", "2"), (2, 5, 6)),
        (("digits",), (1, 2, 3, 4, 5, 6, 7)),
        (("faces", "8"), (8, 9, 10)),
        (("1,3-4",), (1, 3, 4)),
    ],
)
def test_parts_are_named_by_number_range_and_group(words: tuple[str, ...], parts: tuple[int, ...]) -> None:
    assert read_parts(words) == parts


@pytest.mark.parametrize(
    ("parts", "word"),
    [
        (tuple(range(1, 11)), ""),
        ((4,), "4"),
        ((4, 5), "4,5"),
        ((8, 9, 10), "8-10"),
        ((1, 2, 3, 6, 8, 9), "1-3,6,8,9"),
    ],
)
def test_parts_are_spelled_as_they_are_read(parts: tuple[int, ...], word: str) -> None:
    assert spell_parts(parts) == word
    assert read_parts([word] if word else []) == parts


@pytest.mark.parametrize("word", ["0", "11", "1-11", "6-5", "-1", "", "letters", "1-", "1.5", "¹"])
def test_a_word_that_means_no_part_is_named(word: str) -> None:
    with pytest.raises(UsageError, match="no part"):
        read_parts([word])


def test_every_published_figure_belongs_to_a_step_of_its_part() -> None:
    for figure in load_published():
        tables = {table for step in PARTS[figure.part].steps for table in step.tables}
        assert figure.table in tables


def test_parts_have_a_title_and_a_method_of_two_sentences() -> None:
    assert list(PARTS) == list(range(1, 11))
    for part in PARTS.values():
        assert part.title
        assert part.method.count(". ") == 1
        assert part.method.endswith(".")


def test_rows_of_earlier_sweeps_say_nothing_of_a_caution() -> None:
    (figure, *_) = (figure for figure in load_published() if figure.quantity == "test_accuracy")
    assert sweeps._caution(figure, {}) == ""
    assert sweeps._caution(figure, {"caution": "two trials"}) == "Two trials."
