"""The payload family: what dispatch and combine put into memory, value by value, as roundings of what they read.

With :mod:`schedproof_kernels.primitives` as operations these are statements about numbers; a proof gives them
operations of which nothing is known, so that operands and order have to be the ones that are written here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from schedproof.dispatch.dispatch import MIN_AMAX, NO_ROW
from schedproof.dispatch.low_precision import E4M3_MAX, bf16_to_float32

LARGEST = np.float32(E4M3_MAX)
LEAST_AMAX = np.float32(MIN_AMAX)
NOTHING = np.float32(0)

MAGNITUDE = 0x7FFF
"""The bits of a bfloat16 without its sign; magnitudes order as these integers do."""

LEAST_PEAK = int(np.argmax(bf16_to_float32(np.arange(MAGNITUDE, dtype=np.uint16)) > LEAST_AMAX))
"""The smallest bits of a magnitude above LEAST_AMAX."""


class Operations(Protocol):
    """What a machine does to values. A word holds two bfloat16 values or four e4m3 values, the first one lowest."""

    def low_half(self, word: Any) -> Any:
        """Bits of the first bfloat16 value of a word."""

    def high_half(self, word: Any) -> Any:
        """Bits of the second bfloat16 value of a word."""

    def bf16_value(self, half: Any) -> Any:
        """The float32 value of bfloat16 bits."""

    def product(self, left: Any, right: Any) -> Any:
        """``left * right``, rounded to float32."""

    def added(self, left: Any, right: Any) -> Any:
        """``left + right``, rounded to float32."""

    def quotient(self, left: Any, right: Any) -> Any:
        """``left / right``, rounded to float32."""

    def bf16_pair(self, low: Any, high: Any) -> Any:
        """A word of two values, each rounded to bfloat16."""

    def e4m3_pair(self, low: Any, high: Any) -> Any:
        """16 bits of two values, each rounded to e4m3."""

    def chosen(self, condition: Any, yes: Any, no: Any) -> Any:
        """One of two values."""

    def larger(self, first: Any, second: Any) -> Any:
        """The larger of two integers."""


def halves(word: Any, do: Operations) -> tuple[Any, Any]:
    """The bits of a word's two bfloat16 values, in the order of their columns."""
    return do.low_half(word), do.high_half(word)


def sum_with_choice(total: Any, row: Any, weight: Any, half: Any, do: Operations) -> Any:
    """A token's sum with one choice more: the choice's weight times its row's value; a dropped one adds nothing."""
    return do.chosen(row == NO_ROW, total, do.added(total, do.product(weight, do.bf16_value(half))))


def combined_word(first: Any, second: Any, do: Operations) -> Any:
    """Two columns of a token's result: each the sum over all choices, in their order, rounded to bfloat16."""
    return do.bf16_pair(first, second)


def peak(words: Sequence[Any], do: Operations) -> Any:
    """The largest magnitude of all bfloat16 values of these words, 1, 2 or 4, as its bits."""
    if len(words) == 1:
        return do.larger(*(half & MAGNITUDE for half in halves(words[0], do)))
    middle = len(words) // 2
    return do.larger(peak(words[:middle], do), peak(words[middle:], do))


def group_amax(group_peak: Any, do: Operations) -> Any:
    """The magnitude that a group is stretched from: its largest, or LEAST_AMAX where that is larger."""
    return do.chosen(group_peak < LEAST_PEAK, LEAST_AMAX, do.bf16_value(group_peak))


def group_scale(amax: Any, do: Operations) -> Any:
    """What a group's stored values are multiplied with to get them back."""
    return do.quotient(amax, LARGEST)


def fp8_word(first: Any, second: Any, amax: Any, do: Operations) -> Any:
    """Four columns of a row, from the two words that hold them: each times 448 / amax, rounded to e4m3."""
    stretch = do.quotient(LARGEST, amax)
    low, high = (
        do.e4m3_pair(*(do.product(do.bf16_value(half), stretch) for half in halves(word, do)))
        for word in (first, second)
    )
    return low | (high << 16)
