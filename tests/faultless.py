"""What every page has to be, whatever it is of: seen in a browser, wide and narrow, light and dark."""

from pathlib import Path
from typing import Any

import pytest
from axe import axe_source
from browser import Browser

LOOKS = ((390, "light"), (390, "dark"), (640, "light"), (1280, "light"), (1280, "dark"))

LOOKED_AT = """
const all = (selector) => [...document.querySelectorAll(selector)];
const twice = (values) => values.filter((value, place) => value && values.indexOf(value) !== place);
return {
  "scripts of others": window.hostile ? ["hostile"] : [],
  "too wide": document.documentElement.scrollWidth > window.innerWidth ? [document.documentElement.scrollWidth] : [],
  "requests": performance.getEntriesByType("resource").map((e) => e.name)
    .filter((name) => !name.startsWith("data:")),
  "images without size": all("img:not([width][height])").length || [],
  "images that do not show": all("img").filter((e) => !e.complete || !e.naturalWidth).length || [],
  "empty headers": all("th").filter((e) => !e.textContent.trim()).length || [],
  "labels that are there twice": twice(all(".scroll, nav, section").map((e) => e.getAttribute("aria-label"))),
  "ids that are there twice": twice(all("[id]").map((e) => e.id)),
};
"""

CONTRASTS = """
const lightness = (color) => {
  const parts = color.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
};
const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
const behind = (element) => {
  for (; element; element = element.parentElement) {
    const color = getComputedStyle(element).backgroundColor;
    if (/^rgb/.test(color) && !/, 0\\)$/.test(color)) return color;
  }
  return "rgb(255, 255, 255)";
};
const edged = "input[type=number], select, button:not(th button):not(:disabled)";
return [...document.querySelectorAll(edged)].map((element) => {
  const edge = getComputedStyle(element).borderTopColor;
  return [ratio(lightness(edge), lightness(behind(element.parentElement))), element.outerHTML.slice(0, 80)];
}).filter(([contrast]) => contrast < 3);
"""


def faults(browser: Browser, page: Path, width: int, scheme: str) -> dict[str, Any]:
    """Returns what is wrong with a page at a width, light or dark, by the kind of fault."""
    browser.show_as(width, scheme)
    browser.open(page)
    found: dict[str, Any] = {name: value for name, value in browser.run(LOOKED_AT).items() if value}
    if thin := browser.run(CONTRASTS):
        found["edges that are hard to see"] = thin
    if said := browser.errors():
        found["complaints"] = said
    return found


def violations(browser: Browser) -> list[str]:
    """Returns what axe finds wrong with the page that is open; skips the test, saying so, where there is no axe."""
    source = axe_source()
    if source is None:
        pytest.skip("no axe-core here: it comes from npm, which is missing or has no network")
    browser.run(f"{source}; window.axe = axe;")
    found = browser.run_later(
        "const done = arguments[arguments.length - 1];"
        "axe.run(document, {resultTypes: ['violations']}).then((found) => done(found.violations.flatMap("
        "(one) => one.nodes.map((node) => `${one.id}: ${node.html.slice(0, 160)}`))))"
    )
    return list(found)
