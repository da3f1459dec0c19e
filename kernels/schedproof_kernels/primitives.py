"""The few machine operations that kernels use, in plain Python: 16-byte loads and stores, and exact roundings.

These are the definitions: they run in the simulator and under proof. On a GPU each is replaced by the instruction
that :mod:`schedproof_kernels.intrinsics` holds for it, which must give the same bits. Words are unsigned 32-bit
integers; a *half* is 16 bits of one; floats are float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np

BF16_NAN = 0x7FFF
FLOAT32_INFINITY_BITS = 0x7F800000
E4M3_NAN = 0x7F
E4M3_LARGEST = 0x7E
E4M3_LARGEST_BITS = 0x43E00000
"""448.0 as float32 bits."""

E4M3_SMALLEST_NORMAL_BITS = 0x3C800000
"""2 ** -6 as float32 bits."""


def load4(words: Any, index: int) -> tuple[int, int, int, int]:
    """Read four words, 16 bytes; ``index`` is a multiple of 4 and the array is 16-byte aligned."""
    return int(words[index]), int(words[index + 1]), int(words[index + 2]), int(words[index + 3])


def store4(words: Any, index: int, first: int, second: int, third: int, fourth: int) -> None:
    """Write four words, 16 bytes; ``index`` is a multiple of 4 and the array is 16-byte aligned."""
    words[index] = first
    words[index + 1] = second
    words[index + 2] = third
    words[index + 3] = fourth


def store2(words: Any, index: int, first: int, second: int) -> None:
    """Write two words, 8 bytes; ``index`` is a multiple of 2 and the array is 8-byte aligned."""
    words[index] = first
    words[index + 1] = second


def low_half(word: int) -> int:
    """Bits 0 to 15: the first of two packed bfloat16 values."""
    return word & 0xFFFF


def high_half(word: int) -> int:
    """Bits 16 to 31: the second of two packed bfloat16 values."""
    return (word >> 16) & 0xFFFF


def bf16_value(half: int) -> Any:
    """The float32 value of bfloat16 bits."""
    return np.uint32(int(half) << 16).view(np.float32)


def float_bits(value: Any) -> int:
    """The bits of a float32 value."""
    return int(np.float32(value).view(np.uint32))


def product(left: Any, right: Any) -> Any:
    """``left * right`` rounded to float32, never fused with a sum."""
    with np.errstate(all="ignore"):
        return np.float32(left) * np.float32(right)


def added(left: Any, right: Any) -> Any:
    """``left + right`` rounded to float32."""
    with np.errstate(all="ignore"):
        return np.float32(left) + np.float32(right)


def quotient(left: Any, right: Any) -> Any:
    """``left / right`` rounded to float32; ``right`` is not 0."""
    with np.errstate(all="ignore"):
        return np.float32(left) / np.float32(right)


def bf16_bits(bits: int) -> int:
    """float32 bits rounded to the nearest bfloat16 bits, ties to even."""
    if bits & 0x7FFFFFFF > FLOAT32_INFINITY_BITS:
        return BF16_NAN
    return (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16


def bf16_pair(low: Any, high: Any) -> int:
    """Two float32 values as one word of two bfloat16 values."""
    return bf16_bits(float_bits(low)) | (bf16_bits(float_bits(high)) << 16)


def rounded_shift(value: int, shift: int) -> int:
    """``value / 2 ** shift`` to the nearest integer, ties to even; ``shift`` is at least 1."""
    half = (1 << (shift - 1)) - 1
    return (value + half + ((value >> shift) & 1)) >> shift


def e4m3_bits(bits: int) -> int:
    """float32 bits rounded to the nearest e4m3 bits, ties to even, saturated to 448."""
    sign = (bits >> 24) & 0x80
    magnitude = bits & 0x7FFFFFFF
    if magnitude > FLOAT32_INFINITY_BITS:
        return E4M3_NAN
    if magnitude >= E4M3_LARGEST_BITS:
        return sign | E4M3_LARGEST
    if magnitude >= E4M3_SMALLEST_NORMAL_BITS:
        return sign | (rounded_shift(magnitude, 20) - (120 << 3))
    significand = (magnitude & 0x7FFFFF) | 0x800000
    shift = 141 - (magnitude >> 23)
    if shift > 25:
        return sign
    return sign | rounded_shift(significand, shift)


def e4m3_pair(low: Any, high: Any) -> int:
    """Two float32 values as 16 bits of two e4m3 values."""
    return e4m3_bits(float_bits(low)) | (e4m3_bits(float_bits(high)) << 8)
