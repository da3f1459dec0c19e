"""A file as a person sees it from where they are."""

from __future__ import annotations

from pathlib import Path


def from_here(path: Path) -> Path:
    """Return a path relative to the current folder where it is below it; as it is elsewhere."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
