"""The payload kernels: rows copied to their experts as bfloat16 or fp8, and expert outputs summed back.

A thread moves one *vector* of 16 bytes, eight bfloat16 values, of one token. A token's vector is read once,
whatever the number of experts that it goes to. Arrays of values are flat arrays of 32-bit words, their indices
64-bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import cuda

from schedproof.dispatch.dispatch import MIN_AMAX, NO_ROW
from schedproof.dispatch.limits import SCALE_GROUP
from schedproof.dispatch.low_precision import E4M3_MAX
from schedproof_kernels.jit import kernel
from schedproof_kernels.primitives import (
    added,
    bf16_pair,
    bf16_value,
    e4m3_pair,
    high_half,
    load4,
    low_half,
    product,
    quotient,
    store2,
    store4,
)
from schedproof_kernels.words import Integers

THREADS = 128

VECTOR_WORDS = 4
VECTOR_VALUES = 8
FP8_VECTOR_WORDS = 2
GROUP_VECTORS = SCALE_GROUP // VECTOR_VALUES
"""Vectors that share one fp8 scale; no group may straddle two blocks."""

MAGNITUDE = 0x7FFF
"""A bfloat16 without its sign; magnitudes order as these integers do."""

FLOAT32_E4M3_MAX = np.float32(E4M3_MAX)
FLOAT32_MIN_AMAX = np.float32(MIN_AMAX)
FLOAT32_ZERO = np.float32(0)

MIN_PEAK = (int(FLOAT32_MIN_AMAX.view(np.uint32)) >> 16) + 1
"""The smallest magnitude, as bfloat16 bits, that is above MIN_AMAX."""


def vector_word(row: int, vector: int, vectors: int) -> int:
    """First word of a vector of a bfloat16 row; ``vectors`` are in a row."""
    return (row * vectors + vector) * VECTOR_WORDS


def fp8_vector_word(row: int, vector: int, vectors: int) -> int:
    """First word of a vector of an fp8 row."""
    return (row * vectors + vector) * FP8_VECTOR_WORDS


def scale_index(row: int, vector: int, vectors: int) -> int:
    """The scale of a vector's group."""
    return row * (vectors // GROUP_VECTORS) + vector // GROUP_VECTORS


def copy_vector(
    token: int, vector: int, vectors: int, choices: int, x: Integers, row_of_choice: Integers, packed: Integers
) -> None:
    """One vector of a token to every row that its choices have."""
    first, second, third, fourth = load4(x, vector_word(token, vector, vectors))
    for choice in range(choices):
        row = row_of_choice[token, choice]
        if row != NO_ROW:
            store4(packed, vector_word(row, vector, vectors), first, second, third, fourth)


def word_peak(word: int) -> int:
    """The larger magnitude of two packed bfloat16 values."""
    return max(low_half(word) & MAGNITUDE, high_half(word) & MAGNITUDE)


def vector_peak(first: int, second: int, third: int, fourth: int) -> int:
    """The largest magnitude of a vector."""
    return max(max(word_peak(first), word_peak(second)), max(word_peak(third), word_peak(fourth)))


def group_peak(thread: int, peaks: Integers) -> int:
    """The largest magnitude of a thread's group, out of those that the block's threads left in ``peaks``."""
    begin = thread - thread % GROUP_VECTORS
    peak = 0
    for lane in range(GROUP_VECTORS):
        peak = max(peak, peaks[begin + lane])
    return peak


def group_amax(peak: int) -> Any:
    """The magnitude that a group is stretched from; NaN stays NaN."""
    return FLOAT32_MIN_AMAX if peak < MIN_PEAK else bf16_value(peak)


def fp8_half(word: int, multiplier: Any) -> int:
    """Two packed bfloat16 values, stretched and rounded to 16 bits of e4m3."""
    return e4m3_pair(
        product(bf16_value(low_half(word)), multiplier), product(bf16_value(high_half(word)), multiplier)
    )


def fp8_word(low: int, high: int, multiplier: Any) -> int:
    """Two words of bfloat16 values as one word of e4m3 values."""
    return fp8_half(low, multiplier) | (fp8_half(high, multiplier) << 16)


def store_fp8_vector(
    token: int,
    vector: int,
    vectors: int,
    choices: int,
    first: int,
    second: int,
    scale: Any,
    row_of_choice: Integers,
    packed: Integers,
    scales: Any,
) -> None:
    """One rounded vector, and with the group's first vector its scale, to every row that the choices have."""
    for choice in range(choices):
        row = row_of_choice[token, choice]
        if row != NO_ROW:
            store2(packed, fp8_vector_word(row, vector, vectors), first, second)
            if vector % GROUP_VECTORS == 0:
                scales[scale_index(row, vector, vectors)] = scale


def weighted(total: Any, weight: Any, half: int) -> Any:
    """A sum with one weighted bfloat16 value more."""
    return added(total, product(weight, bf16_value(half)))


def combine_vector(
    token: int,
    vector: int,
    vectors: int,
    choices: int,
    y: Integers,
    row_of_choice: Integers,
    weights: Any,
    combined: Integers,
) -> None:
    """One vector of a token's result: its rows' vectors, weighted, summed in the order of its choices."""
    sum0 = sum1 = sum2 = sum3 = sum4 = sum5 = sum6 = sum7 = FLOAT32_ZERO
    for choice in range(choices):
        row = row_of_choice[token, choice]
        if row != NO_ROW:
            weight = weights[token, choice]
            first, second, third, fourth = load4(y, vector_word(row, vector, vectors))
            sum0 = weighted(sum0, weight, low_half(first))
            sum1 = weighted(sum1, weight, high_half(first))
            sum2 = weighted(sum2, weight, low_half(second))
            sum3 = weighted(sum3, weight, high_half(second))
            sum4 = weighted(sum4, weight, low_half(third))
            sum5 = weighted(sum5, weight, high_half(third))
            sum6 = weighted(sum6, weight, low_half(fourth))
            sum7 = weighted(sum7, weight, high_half(fourth))
    store4(
        combined,
        vector_word(token, vector, vectors),
        bf16_pair(sum0, sum1),
        bf16_pair(sum2, sum3),
        bf16_pair(sum4, sum5),
        bf16_pair(sum6, sum7),
    )


@kernel(THREADS)
def copy_rows(x: Integers, row_of_choice: Integers, vectors: int, packed: Integers) -> None:
    """Grid (tokens, vectors / block). Words, int32[tokens, choices], vectors a row -> words."""
    vector = cuda.blockIdx.y * cuda.blockDim.x + cuda.threadIdx.x
    if vector < vectors:
        copy_vector(cuda.blockIdx.x, vector, vectors, row_of_choice.shape[1], x, row_of_choice, packed)


@kernel(THREADS, multiple=GROUP_VECTORS)
def quantise_rows(x: Integers, row_of_choice: Integers, vectors: int, packed: Integers, scales: Any) -> None:
    """Grid (tokens, vectors / block), block a multiple of GROUP_VECTORS. Words -> e4m3 words, float32 scales."""
    peaks = cuda.shared.array(THREADS, np.int32)
    token = cuda.blockIdx.x
    thread = cuda.threadIdx.x
    vector = cuda.blockIdx.y * cuda.blockDim.x + thread
    live = vector < vectors
    first = second = third = fourth = 0
    if live:
        first, second, third, fourth = load4(x, vector_word(token, vector, vectors))
    peaks[thread] = vector_peak(first, second, third, fourth)
    cuda.syncthreads()
    if live:
        amax = group_amax(group_peak(thread, peaks))
        multiplier = quotient(FLOAT32_E4M3_MAX, amax)
        store_fp8_vector(
            token,
            vector,
            vectors,
            row_of_choice.shape[1],
            fp8_word(first, second, multiplier),
            fp8_word(third, fourth, multiplier),
            quotient(amax, FLOAT32_E4M3_MAX),
            row_of_choice,
            packed,
            scales,
        )


@kernel(THREADS)
def combine_rows(y: Integers, row_of_choice: Integers, weights: Any, vectors: int, combined: Integers) -> None:
    """Grid (tokens, vectors / block). Words, int32[tokens, choices], float32[same] -> words."""
    vector = cuda.blockIdx.y * cuda.blockDim.x + cuda.threadIdx.x
    if vector < vectors:
        combine_vector(
            cuda.blockIdx.x,
            vector,
            vectors,
            row_of_choice.shape[1],
            y,
            row_of_choice,
            weights,
            combined,
        )
