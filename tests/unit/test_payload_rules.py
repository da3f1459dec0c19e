"""The rules of the payload, on numbers: what they say of each value is what the reference computes, bit for bit."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from schedproof.dispatch.combine import combine
from schedproof.dispatch.dispatch import NO_ROW, quantise
from schedproof.dispatch.limits import SCALE_GROUP
from schedproof_kernels import primitives
from schedproof_kernels.payload_kernel import MIN_PEAK
from schedproof_spec.rules.payload import (
    LEAST_PEAK,
    NOTHING,
    combined_word,
    fp8_word,
    group_amax,
    group_scale,
    halves,
    peak,
    sum_with_choice,
)

ON_NUMBERS = SimpleNamespace(
    **{name: getattr(primitives, name) for name in ("low_half", "high_half", "bf16_value", "product", "added")},
    **{name: getattr(primitives, name) for name in ("quotient", "bf16_pair", "e4m3_pair")},
    chosen=lambda condition, yes, no: yes if condition else no,
    larger=max,
)
RANDOM = np.random.default_rng(7)


def any_bfloat16(*shape: int) -> np.ndarray:
    """Random finite values of all sizes, as bits."""
    bits = RANDOM.integers(0, 0x7F00, size=shape, dtype=np.uint16)
    return bits | (RANDOM.integers(0, 2, size=shape, dtype=np.uint16) << 15)


def words_of(values: np.ndarray) -> np.ndarray:
    """The words that hold values of two or one bytes."""
    return np.ascontiguousarray(values).view(np.uint32)


def test_a_token_is_the_sum_that_the_rule_says() -> None:
    tokens, choices, rows, hidden = 6, 4, 8, 16
    y, weights = any_bfloat16(1, rows, hidden), RANDOM.normal(size=(1, tokens, choices)).astype(np.float32)
    row_of_choice = RANDOM.integers(NO_ROW, rows, size=(1, tokens, choices), dtype=np.int32)
    assert (row_of_choice == NO_ROW).any()
    words, expected = words_of(y[0]), words_of(combine(y, row_of_choice, weights)[0])
    for token in range(tokens):
        for word in range(hidden // 2):
            sums = [NOTHING, NOTHING]
            for choice in range(choices):
                row, weight = row_of_choice[0, token, choice], weights[0, token, choice]
                held = halves(int(words[row, word]), ON_NUMBERS)
                sums = [sum_with_choice(sums[i], row, weight, held[i], ON_NUMBERS) for i in range(2)]
            assert combined_word(*sums, ON_NUMBERS) == expected[token, word]


def test_a_group_is_stretched_as_the_rule_says() -> None:
    groups = 5
    x = any_bfloat16(1, groups * SCALE_GROUP)
    x[0, :SCALE_GROUP] = 0
    x[0, SCALE_GROUP] = 0x7F7F
    values, scales = quantise(x)
    words, stored = words_of(x)[0], words_of(values)[0]
    for group in range(groups):
        begin = group * SCALE_GROUP // 2
        found = 0
        for first in range(begin, begin + SCALE_GROUP // 2, 4):
            found = max(found, peak([int(word) for word in words[first : first + 4]], ON_NUMBERS))
        amax = group_amax(found, ON_NUMBERS)
        assert group_scale(amax, ON_NUMBERS) == scales[0, group]
        for word in range(begin // 2, begin // 2 + SCALE_GROUP // 4):
            pair = (int(words[2 * word]), int(words[2 * word + 1]))
            assert fp8_word(*pair, amax, ON_NUMBERS) == stored[word]


def test_the_least_peak_is_the_kernels() -> None:
    assert LEAST_PEAK == MIN_PEAK
