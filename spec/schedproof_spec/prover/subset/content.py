"""What a rule's content is put together of, in the order in which it is met."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any


class Content:
    """Equal for rules that do the same.

    What is met again is told by its number: functions with the same code can differ in what is around them, so it
    counts which of them is asked in each place.
    """

    def __init__(self) -> None:
        self.parts: list[Hashable] = []
        self._numbers: dict[Hashable, int] = {}
        self._kept: list[Any] = []

    def add(self, part: Hashable) -> None:
        """Add what tells a value from others."""
        self.parts.append(part)

    def is_new(self, key: Hashable, met: Any) -> bool:
        """Return whether something is met for the first time, and add which it is; it is kept alive for its key."""
        is_new = key not in self._numbers
        number = self._numbers.setdefault(key, len(self._numbers))
        self._kept.append(met)
        self.add(("met", number))
        return is_new
