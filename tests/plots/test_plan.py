import io

from legible import faults

from mnistfaces.evaluation.plan import designs_of, plan
from mnistfaces.plots.plan import plan_figure


def test_a_plan_has_a_line_for_each_number_of_seeds_and_folds_in_points() -> None:
    rows = list(plan(None, 0.85, 0.02, designs_of((100, 1000), (1, 5), (10,))))
    figure = plan_figure(rows, 0.02)
    width, _ = figure.axes
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "1 seed (two models)",
        "5 seeds",
        "10 folds",
    ]
    (x, y) = width.lines[1].get_data()
    assert list(x) == [100, 1000]
    assert list(y) == [100 * row["width"] for row in rows if row["seeds"] == 5]
    assert "points" in width.get_ylabel()
    assert len({line.get_linestyle() + line.get_marker() for line in width.lines}) == 3  # told apart in grey
    assert faults(figure) == []
    file = io.BytesIO()
    figure.savefig(file)
    assert len(file.getvalue()) > 10_000
