"""Finds the name that a misspelt one most likely means."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

SIMILARITY = 0.8
"""How alike two names must be for one to be a misspelling of the other."""


def closest(name: str, candidates: Iterable[str], similarity: float = SIMILARITY) -> str | None:
    """Return the candidate that is most like a name, None where none is at least so similar (0 to 1)."""
    close = difflib.get_close_matches(name, sorted(candidates), 1, similarity)
    return close[0] if close else None
