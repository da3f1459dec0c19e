"""The tutorial and the how-to pages do what they say."""

from __future__ import annotations

from pathlib import Path

import guides
import pytest


@pytest.mark.parametrize("page", guides.PAGES)
def test_the_commands_of_a_guide_print_what_it_shows(page: str, tmp_path: Path) -> None:
    for ran in guides.run(page, tmp_path):
        assert "Traceback" not in ran.printed
        if ran.shown is not None:
            assert ran.printed == ran.shown, ran.commands


def test_the_guides_show_what_is_printed() -> None:
    texts = [(guides.ROOT / page).read_text(encoding="utf-8") for page in guides.PAGES]
    blocks = [block for text in texts for block in guides.BLOCK.finditer(text)]
    assert sum(block["kind"] == "sh" and block["printed"] is not None for block in blocks) >= 8
