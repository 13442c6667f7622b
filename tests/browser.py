"""A headless Chromium, driven over chromedriver's own HTTP: no dependency beyond the two programs."""

import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--allow-file-access-from-files",
)
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key that the W3C's WebDriver gives to elements


def programs() -> tuple[str, str] | None:
    """Returns where Chromium and its driver are, or None where either is missing."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    return (chromium, driver) if chromium and driver else None


needs_browser = pytest.mark.skipif(
    programs() is None, reason="no chromium and chromedriver here: apt-get install chromium chromium-driver"
)


class Browser:
    """One page in one window."""

    def __init__(self, session: str) -> None:
        self._session = session

    def open(self, page: Path) -> None:
        self._post("url", {"url": page.resolve().as_uri()})

    def run(self, script: str, *arguments: Any) -> Any:  # noqa: ANN401  JSON values
        """Returns what a piece of JavaScript returns."""
        return self._post("execute/sync", {"script": script, "args": list(arguments)})

    def run_later(self, script: str) -> Any:  # noqa: ANN401  JSON values
        """Returns what a piece of JavaScript hands to the function that is its last argument."""
        return self._post("execute/async", {"script": script, "args": []})

    def wait_for(self, script: str) -> None:
        """Returns when a piece of JavaScript returns something true; fails after five seconds."""
        for _ in range(100):
            if self.run(script):
                return
            time.sleep(0.05)
        raise AssertionError(f"never came true: {script}")

    def press(self, selector: str, keys: str) -> None:
        """Presses keys one after another, the element having the focus."""
        self.run("document.querySelector(arguments[0]).focus()", selector)
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self._post("actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def click(self, selector: str) -> None:
        found = self._post("element", {"using": "css selector", "value": selector})[ELEMENT]
        self._post(f"element/{found}/click", {})

    def drag(self, *points: tuple[float, float], kind: str = "mouse") -> None:
        """Presses at the first point of the window, moves through the others, and lets go."""
        moves = [
            {"type": "pointerMove", "x": round(x), "y": round(y), "duration": 20, "origin": "viewport"}
            for x, y in points
        ]
        actions = [moves[0], {"type": "pointerDown", "button": 0}, *moves[1:], {"type": "pointerUp", "button": 0}]
        pointer = {"type": "pointer", "id": kind, "parameters": {"pointerType": kind}, "actions": actions}
        self._post("actions", {"actions": [pointer]})

    def at(self, selector: str, across: float, down: float) -> tuple[float, float]:
        """Returns where a place of an element is in the window, as parts of its width and height; scrolls it there."""
        left, top, width, height = self.run(
            "const found = document.querySelector(arguments[0]);"
            "found.scrollIntoView({behavior: 'instant', block: 'center'});"
            "const box = found.getBoundingClientRect(); return [box.left, box.top, box.width, box.height]",
            selector,
        )
        return left + across * width, top + down * height

    def show_as(self, width: int = 1280, scheme: str = "light", *, still: bool = False) -> None:
        """Makes the window as wide as a phone's or a desk's, light or dark, and for people who ask for less motion."""
        self.tool(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
        )
        features = [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce" if still else ""},
        ]
        self.tool("Emulation.setEmulatedMedia", features=features)

    def tool(self, command: str, **parameters: Any) -> Any:  # noqa: ANN401  JSON values
        """Returns what a command of the browser's developer tools returns."""
        return self._post("goog/cdp/execute", {"cmd": command, "params": parameters})

    def screenshot(self, path: Path) -> None:
        shot = self.tool("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def errors(self) -> list[str]:
        """Returns what the page complained of: script errors and refused requests."""
        entries = self._post("se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["level"] in ("SEVERE", "WARNING")]

    def _post(self, command: str, body: dict[str, Any]) -> Any:  # noqa: ANN401  JSON values
        return _call(f"{self._session}/{command}", body)


@contextmanager
def open_browser(folder: Path) -> Iterator[Browser]:
    """Yields a browser whose profile lies in `folder`; both programs end with the block."""
    found = programs()
    assert found is not None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    driver = subprocess.Popen([found[1], f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    root = f"http://127.0.0.1:{port}/session"
    try:
        _wait(f"http://127.0.0.1:{port}/status")
        options = {
            "binary": found[0],
            "args": [*FLAGS, f"--user-data-dir={folder / 'profile'}"],
        }
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        session = f"{root}/{_call(root, {'capabilities': {'alwaysMatch': wanted}})['sessionId']}"
        try:
            yield Browser(session)
        finally:
            _call(session, None, "DELETE")
    finally:
        driver.terminate()
        driver.wait(timeout=20)


def _wait(url: str) -> None:
    for _ in range(100):
        try:
            if _call(url, None, "GET")["ready"]:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise TimeoutError(url)


def _call(url: str, body: dict[str, Any] | None, method: str = "POST") -> Any:  # noqa: ANN401  JSON values
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)  # noqa: S310  loopback
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=60) as reply:
            return json.load(reply)["value"]
    except urllib.error.HTTPError as error:
        raise RuntimeError(json.load(error)["value"]["message"]) from error
