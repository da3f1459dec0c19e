"""Small text files beside a deployment that it runs, sources or mounts."""

from __future__ import annotations

from pathlib import Path

from schedproof_gate.deployment.launch import WrittenFile
from schedproof_gate.deployment.placed_text import PlacedText
from schedproof_gate.deployment.text_file import MAX_FILE_BYTES


def nearby_file(base: Path, name: str) -> WrittenFile | None:
    """Return a file below a folder; None when it is not there, too large, or no text."""
    if name.startswith("/") or ".." in Path(name).parts:
        return None
    path = base / name
    try:
        if not path.is_file() or path.stat().st_size > MAX_FILE_BYTES:
            return None
        return WrittenFile(PlacedText.of(path.read_text(encoding="utf-8")), source=str(path))
    except (OSError, ValueError):
        return None
