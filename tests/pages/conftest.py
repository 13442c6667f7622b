"""One browser for all pages, and the runs that pages are of."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser, open_browser
from kept_runs import MLP, SOFTMAX, keep_run

from mnistfaces.runs.runs import Run


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with open_browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """Models of the embedded digits: one without hidden units, one with a layer of them, one with two."""
    folder = tmp_path_factory.mktemp("kept")
    models = {"softmax": SOFTMAX, "mlp": MLP, "deep": MLP.with_(hidden="12x8", activation="tanh")}
    return {name: keep_run(folder / name, training) for name, training in models.items()}


def page_of(folder: Path, text: str) -> Path:
    """Returns where a page was written."""
    path = folder / "page.html"
    path.write_text(text, encoding="utf-8")
    return path
