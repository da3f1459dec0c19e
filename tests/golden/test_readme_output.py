"""The README shows what the command prints."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_first_command_prints_what_the_readme_shows() -> None:
    printed = (Path(__file__).parent / "check" / "pd-decode-mtp.sh.txt").read_text(encoding="utf-8")
    assert f"```text\n{printed}```\n" in (ROOT / "README.md").read_text(encoding="utf-8")
