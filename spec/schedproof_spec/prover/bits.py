"""Bitwise operators with a constant, as Python has them for integers of any size and sign."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def masked(number: Any, mask: int) -> Any:
    """Return ``number & mask``, from divisions that round down."""
    if mask < 0:
        return number - masked(number, ~mask)
    kept: Any = 0
    for low, width in runs_of(mask):
        kept = kept + number // 2**low % 2**width * 2**low
    return kept


def joined(number: Any, mask: int) -> Any:
    """Return ``number | mask``."""
    return number + mask - masked(number, mask)


def differing(number: Any, mask: int) -> Any:
    """Return ``number ^ mask``."""
    return number + mask - 2 * masked(number, mask)


def runs_of(mask: int) -> Iterator[tuple[int, int]]:
    """Yield the first place and the length of each row of ones, from the lowest on; ``mask`` is not negative."""
    low = 0
    while mask >> low:
        if not mask >> low & 1:
            low += 1
            continue
        width = 1
        while mask >> (low + width) & 1:
            width += 1
        yield low, width
        low += width
