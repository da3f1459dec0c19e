"""Small launch scripts: those of which everything is known, and those that leave something open."""

import re
from pathlib import Path

FOLDER = Path(__file__).parent / "scripts"
HEADING = re.compile(r"^#: (.*)\n", re.MULTILINE)


def scripts_of(name: str) -> dict[str, str]:
    """Return the scripts of a file, each under its heading."""
    _, *parts = HEADING.split((FOLDER / name).read_text(encoding="utf-8"))
    return {heading: text.strip("\n") for heading, text in zip(parts[::2], parts[1::2], strict=True)}


KNOWN = scripts_of("known.sh")
OPEN = scripts_of("open.sh")
