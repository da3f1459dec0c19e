"""Which test to try first on a change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

LEAST_SECONDS = 0.05
"""A test that takes less counts as one that takes this long."""

KILLS_TO_EXPECT = 0.02
"""Of a test that has killed nothing yet: the quick ones among them are tried before the slow ones."""


class Order:
    """What killed the same change last time comes first; then what kills most in the least time.

    ``seconds`` is how long each test takes without a change, ``killers`` what killed each change last time.
    """

    def __init__(self, seconds: Mapping[str, float], killers: Mapping[str, str]) -> None:
        self.seconds = seconds
        self.killers = killers
        self.kills = Counter(killers.values())

    def for_change(self, name: str) -> list[str]:
        """Return all tests in the order in which to try them on the change with this lasting name."""
        return sorted(self.seconds, key=lambda test: (test != self.killers.get(name), -self.rate(test)))

    def rate(self, test: str) -> float:
        """Return how many changes a test kills in a second."""
        return (self.kills[test] + KILLS_TO_EXPECT) / max(self.seconds[test], LEAST_SECONDS)

    def note(self, killer: str) -> None:
        """Count another change that a test killed."""
        self.kills[killer] += 1
