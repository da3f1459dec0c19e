"""DeepEP's low-latency dispatch, as published: a repeated expert is a second entry, and no slot is bounded.

Source: DeepEP of 2026-07. It checks that a rank offers no more tokens than its capacity, and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence


def slots(choices_of_tokens: Sequence[Sequence[int]], expert: int) -> list[int]:
    """The slots that one source rank fills for an expert, one an entry.

    With an expert named twice by a token they can reach ``capacity``, which is the next rank's slice.
    """
    entries = sum(choice == expert for choices in choices_of_tokens for choice in choices)
    return list(range(entries))
