"""The page as a browser shows it, where one is installed: nothing is clipped, and everything can be read."""

import shutil
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from schedproof_gate.replay.findings import report_of
from schedproof_gate.replay.page import render_page

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
POLICIES = {
    1: ["reference"],
    2: ["original", "reference"],
    12: [
        *("original", "7237-draft", "7237", "7438-draft", "7438", "7438-clamp"),
        *("7438-block-floor", "7499", "7623-draft", "7623", "7756", "reference"),
    ],
}
WIDTHS = (390, 1280)

CLIPPED = """
() => [...document.querySelectorAll("figure svg text")].filter(text => {
  const box = text.getBoundingClientRect(), all = text.ownerSVGElement.getBoundingClientRect();
  return box.left < all.left - 1 || box.right > all.right + 1 || box.top < all.top - 1
    || box.bottom > all.bottom + 1;
}).map(text => text.textContent)
"""
COLOURS = """
() => {
  const paper = getComputedStyle(document.body).backgroundColor;
  const own = node => [...node.childNodes].some(child => child.nodeType === 3 && child.textContent.trim());
  const texts = [...document.body.querySelectorAll(":not(svg *), svg text")].filter(own);
  return {
    paper,
    texts: texts.map(node => [node.textContent.trim().slice(0, 40),
      node.ownerSVGElement ? getComputedStyle(node).fill : getComputedStyle(node).color]),
    swatches: [...document.querySelectorAll(".legend span")].map(node => [node.parentNode.textContent,
      getComputedStyle(node)[node.className === "limit" ? "borderTopColor" : "backgroundColor"]]),
    smallest: Math.min(...[...document.querySelectorAll("figure svg text")].map(text =>
      text.getBoundingClientRect().height)),
  };
}
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless browser."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"no browser is installed: looked for {', '.join(BROWSERS)}")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()


def luminance(colour: str) -> float:
    """Relative luminance of ``rgb(r, g, b)``, as WCAG defines it."""
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """How much lighter one colour is than another: 1 to 21."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("number", POLICIES)
def test_a_page_is_read_on_any_screen(browser: Any, replayed: Any, tmp_path: Path, number: int) -> None:
    done = replayed(*POLICIES[number])
    path = tmp_path / "page.html"
    path.write_text(render_page(done, report_of(done)), encoding="utf-8")
    for width, scheme in product(WIDTHS, ("light", "dark")):
        page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
        page.goto(path.as_uri())
        assert page.locator("figure svg").count() == number
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(CLIPPED) == []
        titles = page.locator("figure svg > title").all_text_contents()
        assert titles == POLICIES[number]
        assert all(page.locator("figure svg > desc").all_text_contents())
        seen = page.evaluate(COLOURS)
        assert (luminance(seen["paper"]) < 0.5) == (scheme == "dark")
        faint = {text: colour for text, colour in seen["texts"] if contrast(colour, seen["paper"]) < 4.5}
        faint |= {text: colour for text, colour in seen["swatches"] if contrast(colour, seen["paper"]) < 3}
        assert faint == {}
        assert len(seen["swatches"]) == 6
        assert seen["smallest"] >= 11
        page.close()
