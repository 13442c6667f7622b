import pytest

from mnistfaces.fetching.faces import sources
from mnistfaces.fetching.web.policy import Rules


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of a hundredth: the rules' own lengths are tested where they are decided."""
    quick = {"pause_s": 0.0, "retry_waits_s": (0.01, 0.02), "return_s": (0.02,), "read_s": 1.0}
    monkeypatch.setattr(Rules.__init__, "__kwdefaults__", {**(Rules.__init__.__kwdefaults__ or {}), **quick})
    monkeypatch.setattr(sources, "ARCHIVE_READ_S", 1.0)
