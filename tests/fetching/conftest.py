from collections.abc import Iterator

import pytest
from rude_server import RudeServer


@pytest.fixture
def server() -> Iterator[RudeServer]:
    made = RudeServer()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def proxied(server: RudeServer, monkeypatch: pytest.MonkeyPatch) -> RudeServer:
    """The server, standing for the whole web: it is the proxy of every http URL."""
    monkeypatch.setenv("http_proxy", server.url(""))
    return server
