"""The page and its Markdown, built from the records of every part, and the page seen in a real browser."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
from browser import Browser, needs_browser, open_browser
from faultless import LOOKS, faults, violations
from matplotlib.figure import Figure

from mnistfaces.landscape import Origin, Pair, SoftmaxProblem, SurfaceConfig, Weight, surface
from mnistfaces.pages.playground import playground_part
from mnistfaces.reproduce.blocks import build_blocks, show_difference, show_interval, show_value
from mnistfaces.reproduce.comparison import judge
from mnistfaces.reproduce.markdown import build_markdown
from mnistfaces.reproduce.parts import PARTS
from mnistfaces.reproduce.published import ACCURACIES, Published, load_published, published_in
from mnistfaces.reproduce.records import Finding, PartRecord
from mnistfaces.reproduce.report_page import build_report
from mnistfaces.reproduce.summary import show_duration, summarize

HOSTILE = "</script><script>window.hostile = 1</script><img src=x onerror='window.hostile=1'>"


def finding(figure: Published) -> Finding:
    """Returns something for every kind of row: near, far, and not run."""
    kind = crc32(figure.setting.encode()) % 3
    if kind == 0:
        return Finding(figure=figure, value=None, status="not_run", note=f"no data {HOSTILE}")
    near = 0.5 if figure.value is None else figure.value  # what the report did not measure has ours alone
    value = near if kind == 1 else near / 2
    return Finding(figure=figure, value=value, images=figure.images, trained_on=50, line="mnf sweep --lr 1e-3")


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("figures")
    for name, size in (("wide.png", (6, 2)), ("square.png", (3, 3))):
        Figure(figsize=size).savefig(folder / name)
    problem = SoftmaxProblem(
        inputs=np.array([[0.5, 0.1]]), labels=np.array([1]), weight=np.array([[0.0, 1.0], [1.0, 0.0]]), bias=np.zeros(2)
    )
    weights = [Weight(class_number=1, class_name="1", position=(0, column), index=column) for column in (0, 1)]
    part = playground_part(surface(problem, Pair(*weights), SurfaceConfig(), Origin(dataset="two")))
    (folder / "playground.part.html").write_text(part, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def records() -> list[PartRecord]:
    drawings = tuple(
        {"file": file, "caption": f"A caption {HOSTILE}", "alt": f'What is "seen" {HOSTILE}', "line": "mnf train"}
        for file in ("wide.png", "square.png")
    )
    return [
        PartRecord(
            number=number,
            identity="",
            rows=tuple(judge(finding(figure)) for figure in published_in(number)),
            drawings=drawings if number == 6 else (),
            listings=({"title": "A table", "rows": [{"a": HOSTILE, "b": "2"}]},),
            remarks=(f"A sentence {HOSTILE}",),
            playgrounds=({"file": "playground.part.html", "caption": f"To play with {HOSTILE}"},)
            if number == 6
            else (),
            missing=("no data: mnf fetch digits",) if number == 9 else (),
        )
        for number in PARTS
    ]


@pytest.fixture(scope="module")
def page(records: Sequence[PartRecord], figures: Path) -> str:
    return build_report(records, "full", figures)


def test_the_page_contains_every_published_figure_with_its_value(page: str) -> None:
    cells = dict(re.findall(r'data-published="([^"]+)">([^<]+)</td>', page))
    assert len(cells) == len(load_published())
    for figure in load_published():
        key = escape(f"{figure.part}|{figure.table}|{figure.quantity}|{figure.setting}")
        assert cells[key] == show_value(figure.quantity, figure.value)


def test_the_page_is_one_file_that_asks_for_nothing(page: str) -> None:
    scripts = r"<script.*?</script>|<style.*?</style>"
    allowed = rf'{scripts}| alt="[^"]*"| src="data:image/png;base64,[^"]*"| href="#[\w-]+"'
    outside = re.sub(allowed, "", page, flags=re.DOTALL)
    assert not re.search(r"""<[^>]+\s(src|href)\s*=|url\(|@import|https?:""", outside)
    assert "default-src 'none'" in page


def test_every_picture_has_words_and_every_reason_stands_below_its_table(
    page: str, records: Sequence[PartRecord]
) -> None:
    assert len(re.findall(r"<img ", page)) == 2
    assert len(re.findall(r'<img [^>]*alt="[^"]{10,}"', page)) == 2
    for record in records:
        for row in record.rows:
            assert not row["note"] or f"<li>{escape(row['note'])}</li>" in page


def test_what_other_people_wrote_stays_text(page: str) -> None:
    assert HOSTILE not in page
    assert page.count("<script>") == page.count("'sha256-")


def test_the_markdown_has_every_table_and_reason(records: Sequence[PartRecord]) -> None:
    text = build_markdown(records, "full", "figures")
    for record in records:
        assert f"## Part {record.number}: {PARTS[record.number].title}" in text
        for block in build_blocks(record.rows):
            assert f"### {block.table}" in text
            for setting in block.settings:
                assert f"\n| {setting} | " in text
            for note in block.notes:
                assert note in text
    assert "![" in text


def test_the_summary_counts_rows(records: Sequence[PartRecord]) -> None:
    rows = [row for record in records for row in record.rows]
    summary = summarize(records)
    assert summary.published == len(rows)
    assert summary.measured == sum(row["measured"] is not None for row in rows)
    judged = {row["configuration"] or row["setting"] for row in rows if row["verdict"]}
    assert sum(summary.verdicts) == len(judged) > 0
    assert any("0.83%" in sentence and "[76.6, 89.6]" in sentence for sentence in summary.meaning)


def test_seconds_with_a_reservation_are_not_added_up(records: Sequence[PartRecord]) -> None:
    borrowed = next(figure for figure in load_published() if figure.table == "Table 6" and figure.quantity == "seconds")
    plain = next(figure for figure in load_published() if figure.table == "Table 5" and figure.quantity == "seconds")
    rows = tuple(judge(Finding(figure=figure, value=2.0)) for figure in (borrowed, plain))
    (timing,) = summarize([PartRecord(**{**vars(records[7]), "rows": rows})]).timings
    assert (timing.table, timing.then, timing.now) == ("Table 5", 429.8, 2.0)


@pytest.mark.parametrize(
    ("seconds", "shown"), [(18_000, "5 h"), (443, "7.38 min"), (90.2, "90.2 s"), (0.05, "50 ms"), (0.0004, "0.4 ms")]
)
def test_durations_have_the_unit_that_reads_best(seconds: float, shown: str) -> None:
    assert show_duration(seconds) == shown


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"quantity": "test_accuracy", "difference": -0.0123}, "\N{MINUS SIGN}1.2"),
        ({"quantity": "seconds", "published": 30.0, "measured": 0.1}, "300x"),
        ({"quantity": "seconds", "published": 0.2, "measured": 0.4}, "0.5x"),
        ({"quantity": "train_images", "difference": -56_000}, "\N{MINUS SIGN}56,000"),
        ({"quantity": "weights", "difference": 0}, "0"),
        ({"quantity": "trained_weight", "difference": 0.125}, "+0.125"),
        ({"quantity": "seconds", "measured": None, "difference": None}, "\N{EN DASH}"),
    ],
)
def test_differences_are_shown_in_points_times_or_numbers(changes: dict[str, object], shown: str) -> None:
    row = {"measured": 1.0, "published": 1.0, "difference": 0.0, "low": None, "high": None, **changes}
    assert show_difference(row) == shown
    assert show_interval(row) == ""


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with open_browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture
def written(page: str, tmp_path: Path) -> Path:
    (tmp_path / "report.html").write_text(page, encoding="utf-8")
    return tmp_path / "report.html"


@needs_browser
def test_it_has_no_fault_at_any_width_light_or_dark(opened: Browser, written: Path) -> None:
    for width, scheme in LOOKS:
        assert faults(opened, written, width, scheme) == {}, (width, scheme)
    wide = opened.run("return [...document.images].map((i) => i.closest('figure').className)")
    assert wide == ["wide", ""]


@needs_browser
@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_axe_finds_no_violation(opened: Browser, written: Path, width: int, scheme: str) -> None:
    opened.show_as(width, scheme)
    opened.open(written)
    assert violations(opened) == []


@needs_browser
def test_the_playground_is_on_the_first_screen_and_stays_within_it(opened: Browser, written: Path) -> None:
    for width in (1280, 640):
        opened.show_as(width)
        opened.open(written)
        top, right = opened.run(
            "const box = document.querySelector('[data-name=map]').getBoundingClientRect(); return [box.top, box.right]"
        )
        assert top < 600
        assert right <= width


@needs_browser
def test_on_a_phone_every_table_that_is_cut_says_so(opened: Browser, written: Path) -> None:
    opened.show_as(390)
    opened.open(written)
    opened.run("for (const details of document.querySelectorAll('details')) details.open = true")
    silent = (
        "return [...document.querySelectorAll('.scroll')].filter((e) => e.scrollWidth > e.clientWidth + 1 &&"
        " !(e.previousElementSibling?.offsetParent)).length"
    )
    cut = "return [...document.querySelectorAll('.scroll')].filter((e) => e.scrollWidth > e.clientWidth + 1).length"
    opened.wait_for(f"{silent} === 0")
    assert opened.run(cut) > 10


@needs_browser
def test_what_was_not_run_is_one_line_each(
    opened: Browser, records: Sequence[PartRecord], figures: Path, tmp_path: Path
) -> None:
    nothing_measured = dict.fromkeys(("measured", "difference", "difference_low"))
    nothing = [
        replace(
            record, rows=tuple({**row, **nothing_measured, "note": "no data: mnf fetch faces"} for row in record.rows)
        )
        if record.number > 7
        else record
        for record in records
    ]
    (tmp_path / "report.html").write_text(build_report(nothing, "quick", figures), encoding="utf-8")
    opened.show_as()
    opened.open(tmp_path / "report.html")
    heights = opened.run("return [...document.querySelectorAll('#undone > details')].map((e) => e.offsetHeight)")
    assert len(heights) == 3
    assert max(heights) < 70


@needs_browser
def test_in_print_two_pictures_stand_side_by_side(opened: Browser, written: Path) -> None:
    opened.show_as()
    opened.open(written)
    opened.tool("Emulation.setEmulatedMedia", media="print")
    columns = opened.run(
        "return getComputedStyle(document.querySelector('.plots')).gridTemplateColumns.split(' ').length"
    )
    opened.tool("Emulation.setEmulatedMedia", media="")
    assert columns == 2


def test_a_repeated_draw_is_told_in_the_first_lines(records: Sequence[PartRecord], figures: Path) -> None:
    def again(record: PartRecord) -> PartRecord:
        of_draw = [one for one in published_in(record.number) if one.quantity in ACCURACIES]
        rows = tuple(judge(Finding(figure=one, value=one.value, exact=True)) for one in of_draw)
        return replace(record, rows=rows)

    drawn = [again(record) if record.number in (4, 5) else record for record in records]
    equal = [one for number in (4, 5) for one in published_in(number) if one.quantity in ACCURACIES]
    said = f"{len(equal)} of {len(equal)} accuracies of Tables 1 and 2 come out equal in every printed digit"
    page, text = build_report(drawn, "full", figures), build_markdown(drawn, "full", "figures")
    assert said in page[: page.index("<section")]
    assert "--draw published" in page[: page.index("<section")]
    assert said in "\n".join(text.splitlines()[:6])
