"""Which test to try first on a change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

LEAST_SECONDS = 0.05
"""A test that takes less counts as one that takes this long."""

KILLS_TO_EXPECT = 0.02
"""Of a test that has killed nothing yet: the quick ones among them are tried before the slow ones."""


class Order:
    """What killed the same change last time comes first; then what has killed most in the time that it took.

    ``seconds`` is how long each test takes without a change, ``killers`` which test killed each change last time.
    """

    def __init__(self, seconds: Mapping[str, float], killers: Mapping[str, str]) -> None:
        self.killers = killers
        self.kills = Counter(killers.values())
        self.spent = {test: max(each, LEAST_SECONDS) * (1 + self.kills[test]) for test, each in seconds.items()}

    def for_change(self, name: str) -> list[str]:
        """Return all tests in the order in which to try them on the change with this lasting name."""
        return sorted(self.spent, key=lambda test: (test != self.killers.get(name), -self.rate(test)))

    def rate(self, test: str) -> float:
        """Return how many changes a test kills in a second."""
        return (self.kills[test] + KILLS_TO_EXPECT) / self.spent[test]

    def note(self, killer: str, seconds: Mapping[str, float]) -> None:
        """Take in which test killed another change, if any did, and how long it took and those before it."""
        self.kills[killer] += 1
        for test, each in seconds.items():
            self.spent[test] = self.spent.get(test, 0) + max(each, LEAST_SECONDS)
