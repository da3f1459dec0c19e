"""The site builds without a warning, and needs nothing from another host to be read."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from schedproof_gate.rules_by_id import rules_by_id

ROOT = Path(__file__).parents[2]
REMOTE_STYLE = re.compile(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//")
LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src"}

pytest.importorskip("material", reason="needs the `docs` extra")


class Loaded(HTMLParser):
    """Collects what a browser fetches for a page, and its anchors."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        given = dict(attrs)
        if tag in LOADED:
            self.addresses.append(given.get(LOADED[tag]) or "")
        if given.get("id"):
            self.anchors.add(str(given["id"]))


def read(page: Path) -> Loaded:
    found = Loaded()
    found.feed(page.read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return folder


def test_nothing_is_loaded_from_another_host(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        assert [each for each in read(page).addresses if re.match(r"(https?:)?//", each)] == [], page
    for style in site.rglob("*.css"):
        assert REMOTE_STYLE.search(style.read_text(encoding="utf-8")) is None, style


def test_every_rule_has_its_place_on_the_page_of_rules(site: Path) -> None:
    anchors = read(site / "rules.html").anchors
    assert [name for name in rules_by_id() if name not in anchors] == []


def test_what_a_page_links_to_in_the_repository_is_a_page(site: Path) -> None:
    text = (site / "rules.html").read_text(encoding="utf-8")
    linked = set(re.findall(r'href="(files/spec/[^"#]+)"', text))
    assert linked
    assert [each for each in linked if not (site / each).is_file()] == []
