"""Values that are none for a machine: missing results, arrays as conditions, constants that do not fit a word."""

from __future__ import annotations

from typing import Any

import pytest
from numba import cuda
from tests.soundness.kernel_claims import Kernel, Kernels, assert_kernel_refused, names

LARGE = 2**40
LEAST = -(2**63)

refused = Kernels()


@refused("an end without a value, where others return one")
def sometimes_a_value(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    if cuda.grid(1) == 0 and not sometimes_a_value_helper(values[0]):
        out[n] = 1


def sometimes_a_value_helper(value: int) -> Any:  # noqa: RET503
    if value > 0:  # here
        return 1


@refused("out, an array, as a condition")
def array_as_a_condition(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    if not out:  # here
        out[n] = 1


@refused("a comparison of values, an array")
def arrays_compared(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    if values == out:  # here
        out[n] = 1


@refused("which 64 bits do not hold")
def least_number_negated(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    least = LEAST
    out[n + (-least) // LARGE // LARGE] = 1  # here


@refused("which 64 bits do not hold")
def least_number_divided(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    least = LEAST
    out[least // -1 % 2] = 1  # here


@refused("which 64 bits do not hold")
def grown_in_place(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    large = LARGE
    large *= LARGE  # here
    out[large % 2] = 1


@refused("which 64 bits do not hold")
def shifted_out(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    out[(1 << 64) % 3] = 1  # here


@refused("an operator on machine integers that is not modelled")
def shifted_by_a_size(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    out[1 << n] = 1  # here


@refused("the loop's variable `n` behind its loop")
def parameter_as_a_loops_variable(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    for n in range(n):  # noqa: B020
        out[n] = 1
    out[n] = 1  # here


@refused("a local name `min`")
def builtin_hidden(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:  # here
    min = n
    out[min] = 1


def kernel_of(width: int) -> Kernel:
    def enclosed(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:  # here
        out[width] = 1

    return enclosed


@pytest.mark.parametrize(("kernel", "words"), refused.expected, ids=names)
def test_refused_with_its_line(kernel: Kernel, words: str) -> None:
    assert_kernel_refused(kernel, words)


def test_a_kernel_with_a_variable_of_an_enclosing_function_is_refused() -> None:
    assert_kernel_refused(kernel_of(1001), "a variable of an enclosing function ... pass it as an argument")
