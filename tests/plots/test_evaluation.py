import io

import numpy as np
import pytest
from legible import faults
from matplotlib.figure import Figure

from mnistfaces.errors import DataError
from mnistfaces.evaluation.mistakes import Mistake
from mnistfaces.plots.evaluation import confusion_figure, mistakes_figure


def rendered(figure: Figure) -> int:
    file = io.BytesIO()
    figure.savefig(file)
    return len(file.getvalue())


def mistake(number: int, pixels: np.ndarray | None) -> Mistake:
    return Mistake(image=str(number), label="Angie Harmon", predicted="b", probability=0.5, pixels=pixels)


def test_true_classes_are_the_rows_and_counts_stand_in_their_cells() -> None:
    confusion = np.array([[8, 2, 0], [0, 5, 0], [1, 0, 0]])
    figure = confusion_figure(confusion, ("x", "y", "a long name"), "title")
    axes = figure.axes[0]
    assert axes.get_ylabel() == "true class"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["x", "y", "a long name"]
    assert {(text.get_position(), text.get_text()) for text in axes.texts} == {
        ((0, 0), "8"),
        ((1, 0), "2"),
        ((1, 1), "5"),
        ((0, 2), "1"),
    }
    assert axes.images[0].get_array()[0].tolist() == [80, 20, 0]
    assert rendered(figure)


@pytest.mark.parametrize("count", [2, 3, 10, 18, 62, 300])
def test_every_letter_can_be_read(count: int) -> None:
    names = [f"Alexandra Surname{number}" for number in range(count)] if count != 10 else [*"0123456789"]
    figure = confusion_figure(3 * np.eye(count, dtype=int), names, "a model\n1,000 test images of a folder with a name")
    assert faults(figure) == []


def test_a_class_without_images_and_many_classes_can_be_drawn() -> None:
    assert rendered(confusion_figure(np.zeros((2, 2), int), ("x", "y"), "none"))
    many = confusion_figure(np.eye(30, dtype=int), [str(number) for number in range(30)], "many")
    assert not many.axes[0].texts
    assert rendered(many)


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 3)])
def test_a_sheet_shows_each_mistake_with_truth_answer_and_probability(shape: tuple[int, ...]) -> None:
    figure = mistakes_figure([mistake(number, np.zeros(shape, np.uint8)) for number in range(12)], "12 of 40")
    (sheet,) = figure.axes
    assert [np.asarray(image.get_array()).shape for image in sheet.images] == [shape] * 12
    assert sheet.texts[0].get_text() == "Harmon → b\n50%"
    assert faults(figure) == []
    assert rendered(figure)


def test_a_sheet_of_very_many_mistakes_says_that_it_shows_a_part() -> None:
    figure = mistakes_figure([mistake(number, np.zeros((2, 2), np.uint8)) for number in range(130)], "130 of 900")
    assert len(figure.axes[0].images) == 100
    assert faults(figure) == []
    assert "130 of 900: the 100 that the model was surest of" in figure.get_suptitle()


def test_no_mistakes_at_all_are_a_sheet_too() -> None:
    assert rendered(mistakes_figure([], "no mistakes among 9 images"))


def test_features_have_no_sheet() -> None:
    with pytest.raises(DataError, match="features"):
        mistakes_figure([mistake(0, None)], "1 of 9")
