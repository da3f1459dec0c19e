"""The guides: pages whose shell commands run in a folder of their own, in order, and print what the page shows.

``python tests/end_to_end/guides.py`` writes what the commands print into the pages; read the difference before it
is committed. A block with a title is a file that the reader makes; a `console` block is for a person alone.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = ("docs/tutorial.md", *(f"docs/how-to/{path.name}" for path in sorted((ROOT / "docs/how-to").glob("*.md"))))
TITLE = r"(?P<kind>\w+)(?: title=\"(?P<file>[\w./-]+)\")?"
BLOCK = re.compile(
    rf"^```{TITLE}\n(?P<code>.*?)^```\n(?:\n```text\n(?P<printed>.*?)^```\n)?", re.DOTALL | re.MULTILINE
)
TIMEOUT_S = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A block of commands that was run."""

    commands: str
    shown: str | None
    """What the page says that they print; None where it does not say."""
    printed: str
    start: int
    """Where the shown text stands in the page."""
    end: int


def run(page: str, folder: Path) -> Iterator[Ran]:
    """Follow a page in a folder, and yield each block of commands as it was run."""
    (folder / "schedproof").symlink_to(ROOT)
    subprocess.run(["git", "init", "--quiet", folder], check=True)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for block in BLOCK.finditer((ROOT / page).read_text(encoding="utf-8")):
        if block["file"] is not None:
            file = folder / block["file"]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block["code"], encoding="utf-8")
        elif block["kind"] == "sh":
            done = subprocess.run(
                ["bash", "-c", block["code"]],
                cwd=folder,
                env=os.environ | {"PATH": path},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=TIMEOUT_S,
                check=False,
            )
            start, end = block.span("printed")
            yield Ran(commands=block["code"], shown=block["printed"], printed=done.stdout, start=start, end=end)


def written(page: str, folder: Path) -> str:
    """Return a page with what its commands print."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for ran in reversed(list(run(page, folder))):
        if ran.shown is not None:
            text = text[: ran.start] + ran.printed + text[ran.end :]
    return text


if __name__ == "__main__":
    for name in sys.argv[1:] or PAGES:
        with tempfile.TemporaryDirectory() as made:
            text = written(name, Path(made))
        (ROOT / name).write_text(text, encoding="utf-8")
