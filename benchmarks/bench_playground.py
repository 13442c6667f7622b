"""How long a drag takes on the playground: from the pointer's event to the drawn frame, 300 steps, headless Chromium.

Run: nice -n -20 python benchmarks/bench_playground.py PAGE.html   (a page of `mnf report SURFACE`)
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from browser import open_browser

DRAG = """
const done = arguments[arguments.length - 1];
const root = document.querySelector("[data-part=playground]");
const steps = root.querySelector("[data-name=steps]");
steps.value = 300;
steps.dispatchEvent(new Event("input"));
root.read();
const map = root.querySelector("[data-name=map]");
const box = map.getBoundingClientRect();
map.setPointerCapture = () => {};
map.hasPointerCapture = () => true;
const send = (kind, n) => map.dispatchEvent(new PointerEvent(kind, {
  clientX: box.left + box.width * (0.5 + 0.35 * Math.cos(n / 9)),
  clientY: box.top + box.height * (0.45 + 0.35 * Math.sin(n / 9)),
}));
const taken = [];
send("pointerdown", 0);
function next(n) {
  const began = performance.now();
  send("pointermove", n);
  requestAnimationFrame(() => {  // after the page's own, which computes and draws
    const drawn = new MessageChannel();
    drawn.port1.onmessage = () => {
      taken.push(performance.now() - began);
      if (n < 300) next(n + 1);
      else done(taken);
    };
    drawn.port2.postMessage(0);
  });
}
next(1);
"""
WORK = """
const root = document.querySelector("[data-part=playground]");
return [...Array(100)].map(() => {
  const began = performance.now();
  root.recompute();
  return performance.now() - began;
});
"""


def told(name: str, milliseconds: list[float]) -> str:
    """Returns a line of a table."""
    twentieths = statistics.quantiles(milliseconds, n=20)
    middle = statistics.median(milliseconds)
    return f"| {name} | {min(milliseconds):.1f} | {middle:.1f} | {twentieths[-1]:.1f} |"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path)
    page = parser.parse_args().page
    with tempfile.TemporaryDirectory() as folder, open_browser(Path(folder)) as browser:
        browser.show_as(1280)
        browser.open(page)
        browser.wait_for("return document.querySelector('[data-part=playground]')?.read !== undefined")
        dragged = browser.run_later(DRAG)
        computed = browser.run(WORK)
    print("| milliseconds | least | p50 | p95 |\n|---|---:|---:|---:|")
    print(told("from a drag event to the drawn frame (one at 60 a second is 16.7)", dragged))
    print(told("computing and drawing both descents", computed))


if __name__ == "__main__":
    main()
