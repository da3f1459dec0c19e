"""How many drafts the target model accepts in a replay: a seeded model, the same for every policy.

Each draft of a step is accepted with the same probability, up to the first that is not. Source: Leviathan et al.,
"Fast inference from transformers via speculative decoding", ICML 2023, section 3.1.
"""

from __future__ import annotations

import random
from bisect import bisect_right

ACCEPTANCE_RATE = 0.85
"""The second token of DeepSeek-V3's MTP is accepted at 85 to 90 % (technical report, section 5.4.3)."""


class Acceptance:
    """Accepted drafts of each request, from random numbers of its own.

    A request's numbers depend on the seed, its name and how often it was asked for, so the order in which a policy
    runs requests does not change them.
    """

    def __init__(self, rate: float, num_drafts: int, seed: int) -> None:
        self.seed = seed
        # In ascending order: n drafts are accepted when the number drawn is below rate ** n.
        self._thresholds = [rate**count for count in range(num_drafts, 0, -1)]
        self._generators: dict[str, random.Random] = {}

    def accepted_drafts(self, request_id: str) -> int:
        """Return how many drafts of the request's next step are accepted: 0 to k."""
        if not self._thresholds:
            return 0
        generator = self._generators.get(request_id)
        if generator is None:
            generator = self._generators[request_id] = random.Random(f"{self.seed}/{request_id}")
        return len(self._thresholds) - bisect_right(self._thresholds, generator.random())

    def forget(self, request_id: str) -> None:
        """Drop the numbers of a request that ended."""
        self._generators.pop(request_id, None)
