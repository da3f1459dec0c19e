"""The kernels' own roundings equal the reference's; on a GPU, the instructions behind them equal both."""

from typing import Any

import numpy as np
import pytest
from guarded import Guarded, guard
from numba import cuda

from schedproof.dispatch.low_precision import float32_to_bf16, float32_to_e4m3
from schedproof_kernels import primitives
from schedproof_kernels.jit import Kernel, kernel
from schedproof_kernels.primitives import bf16_pair, bf16_value, e4m3_pair, product, quotient


def interesting_bits() -> np.ndarray:
    """float32 bits: ends and middles of each exponent, ties of both formats near e4m3, and random ones."""
    generator = np.random.default_rng(0)
    ties = np.arange(0x3A000000, 0x43F00000, 1 << 17, dtype=np.uint32)
    around = np.concatenate([ties - 1, ties, ties + 1])
    exponents = np.arange(256, dtype=np.uint32) << np.uint32(23)
    edges = np.concatenate(
        [exponents, exponents | 1, exponents | 0x7FFFFF, exponents | 0x8000, exponents | 0x18000]
    )
    bits = np.concatenate([around, edges, generator.integers(0, 2**32, 4000, dtype=np.uint32)])
    return np.concatenate([bits, bits | np.uint32(1 << 31)])


def test_roundings_equal_the_reference() -> None:
    bits = interesting_bits()
    values = bits.view(np.float32)
    e4m3, bf16 = float32_to_e4m3(values), float32_to_bf16(values)
    assert [primitives.e4m3_bits(word) for word in bits.tolist()] == e4m3.tolist()
    assert [primitives.bf16_bits(word) for word in bits.tolist()] == bf16.tolist()


def test_pairs_keep_the_first_value_low() -> None:
    assert primitives.bf16_pair(np.float32(1.0), np.float32(-2.0)) == 0xC0003F80
    assert primitives.e4m3_pair(np.float32(1.0), np.float32(-2.0)) == 0xC038
    assert primitives.low_half(0x12345678) == 0x5678
    assert primitives.high_half(0x92345678) == 0x9234
    assert primitives.bf16_value(0xC000) == np.float32(-2.0)


def round_pairs(left: Any, right: Any, words: Any) -> None:
    index = cuda.grid(1)
    if index < left.shape[0]:
        words[index, 0] = bf16_pair(left[index], right[index])
        words[index, 1] = e4m3_pair(left[index], right[index])
        words[index, 2] = bf16_pair(product(left[index], right[index]), bf16_value(index & 0xFFFF))
        words[index, 3] = bf16_pair(quotient(left[index], right[index]), left[index])


ROUND_PAIRS: Kernel = kernel(128)(round_pairs)


@pytest.mark.gpu
def test_instructions_equal_the_plain_primitives() -> None:
    left = interesting_bits().view(np.float32)
    left = left[left != 0]
    right = left[::-1].copy()
    words = Guarded((left.size, 4), np.uint32)
    ROUND_PAIRS.launch((-(-left.size // 128),), 128, 0, guard(left).array, guard(right).array, words.array)
    with np.errstate(all="ignore"):
        expected = [
            [
                bf16_pair(one, other),
                e4m3_pair(one, other),
                bf16_pair(product(one, other), bf16_value(index & 0xFFFF)),
                bf16_pair(quotient(one, other), one),
            ]
            for index, (one, other) in enumerate(zip(left, right, strict=True))
        ]
    assert np.array_equal(words.values(), np.array(expected, dtype=np.uint32))
