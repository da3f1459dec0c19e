"""What a kernel's source may not be made of is refused with file, line, construct and what to write instead."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numba import cuda, int32
from tests.soundness.kernel_claims import Kernel, Kernels, assert_kernel_refused, names

from schedproof_kernels import primitives

BLOCK = 64
LARGE = 2**40
HALF = 0.5
TABLE = np.zeros(4, dtype=np.int32)
ROWS = (1, 2, 3)

refused = Kernels()


@refused("the loop's variable `row` behind its loop ... assigned before the loop")
def last_row(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    if cuda.grid(1) == 0:
        row = 0
        for row in range(n):
            out[row] = 1
        out[row + 1] = 1  # here


@refused("the loop's variable `row` behind its loop")
def row_of_an_earlier_turn(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    for turn in range(n):
        if turn > 0:
            out[row] = 1  # here  # noqa: F821
        for row in range(turn):
            wide[row, turn] = 1


@refused("`last`, which may have no value here")
def first_assigned_in_the_loop(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    for row in range(n):
        last = row
    out[last] = 1  # here


@refused("`last`, which may have no value here")
def assigned_in_one_branch(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    if n > 1000:
        last = 0
    out[last] = 1  # here


@refused("an assignment to the loop's variable `row`")
def steers_its_loop(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    for row in range(n):
        row += 1  # here
        out[row] = 1


@refused("`:=` ... a line of its own")
def named_in_passing(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    at = 0
    for row in range(n):
        if (at := at + 1) > row:  # here
            out[at] = 1


@refused("`while` ... for name in range")
def waits(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    while values[0] > 0:  # here
        out[0] = 1


@refused("`break`")
def leaves_early(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    for row in range(n + 5):
        if values[0] < row:
            break  # here
        out[row] = 1


@refused("`continue`")
def skips(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    at = 0
    for row in range(n):
        if values[row] > 0:
            continue  # here
        at += 1
    out[at] = 1


@refused("`return` in a loop")
def returns_from_a_loop(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    for row in range(n + 1):
        if values[0] > row:
            return  # here
        out[row] = 1


@refused("`else` of a loop")
def otherwise(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    for row in range(n):
        out[row] = 1
    else:
        out[n] = 1  # here


@refused("a loop over anything but `range(...)`")
def over_a_tuple(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    for row in ROWS:  # here
        out[row] = 1


@refused("a barrier that is not among the kernel's own statements")
def second_barrier_missing(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    tile = cuda.shared.array(BLOCK, int32)
    thread = cuda.threadIdx.x
    for row in range(n):
        tile[thread] = 1
        cuda.syncthreads()  # here
        if tile[63 - thread] > 0:
            wide[row, thread] = 1


@refused("a barrier that is not among the kernel's own statements ... all threads must meet")
def barrier_for_half_a_block(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    if cuda.threadIdx.x < 32:
        cuda.syncthreads()  # here


@refused("a barrier that is not among the kernel's own statements")
def two_barriers_that_are_not_one(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    """Every thread meets one barrier, but not the same one."""
    if cuda.threadIdx.x < 32:
        cuda.syncthreads()  # here
    else:
        cuda.syncthreads()


def barrier_in_a_function_helper() -> None:
    cuda.syncthreads()  # here


@refused("a barrier that is not among the kernel's own statements")
def barrier_in_a_function(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    if cuda.threadIdx.x < 32:
        barrier_in_a_function_helper()


@refused("a barrier behind a `return`")
def threads_that_left(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    if cuda.grid(1) >= n:
        return
    cuda.syncthreads()  # here
    out[cuda.grid(1)] = 1


@refused("`cuda.atomic.add` ... a second kernel")
def atomic_sum(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    cuda.atomic.add(out, n, 1)  # here


@refused("`cuda.local.array`")
def local_array(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    own = cuda.local.array(4, int32)  # here
    own[4] = 1


@refused("`cuda.grid`")
def grid_of_two_dimensions(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    row = cuda.grid(2)  # here
    out[row] = 1


@refused("`cuda.threadIdx.y`")
def thread_of_a_second_dimension(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    out[cuda.threadIdx.y] = 1  # here


@refused("this shared array ... one dimension")
def tile_of_two_dimensions(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    tile = cuda.shared.array((8, 8), int32)  # here
    tile[9, 0] = 1


@refused("this shared array ... a positive constant")
def tile_of_any_length(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    tile = cuda.shared.array(n, int32)  # here
    tile[0] = 1


@refused("`cuda.shared.array` here ... the kernel's own statements")
def tile_in_a_branch(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    if n > 3:
        tile = cuda.shared.array(BLOCK, int32)  # here
        tile[64] = 1


@refused("None written to out ... no number")
def ends_without_a_value(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    """Recorded as a read, all threads could write it."""
    out[0] = write_last(out, n)  # here


@refused("a slice, which is a view")
def second_half(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    out[1:][n - 1] = 1  # here


@refused("1 indices into wide, which has 2 dimensions")
def row_as_a_view(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    row = wide[0]  # here
    out[0] = row


@refused("an array under another name")
def second_name(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    same = out
    same[n] = 1  # here


@refused("an array under another name")
def swapped_arrays(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    for _ in range(n):
        values, out = out, values
    out[0] = 1  # here


@refused("an array under another name")
def one_of_two_arrays(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    write_last(values if n > 3 else out, n)  # here


def write_last(array: Any, n: int) -> None:
    array[n - 1] = 1


@refused("an array under another name")
def array_that_comes_back(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    got = given_back(out)
    write_last(got, n)  # here


def given_back(array: Any) -> Any:
    return array


@refused("`calls_itself_helper`, which calls itself")
def calls_itself(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    calls_itself_helper(out, 3)


def calls_itself_helper(array: Any, n: int) -> None:
    array[n] = 1
    if n > 0:
        calls_itself_helper(array, n - 1)  # here


@refused("a call of anything but a function by its name")
def function_of_a_module(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    primitives.store2(out, n, 1, 1)  # here


@refused("an argument by keyword")
def by_keyword(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    write_last(n=n, array=out)  # here


@refused("`.size`")
def size_of_an_array(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    out[out.size] = 1  # here


@refused("a dimension that is not a constant")
def some_dimension(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    out[wide.shape[n - 1]] = 1  # here


@refused("the constant 0.5")
def number_with_a_fraction(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    out[0] = HALF  # here


@refused("an array under another name")
def array_outside(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    TABLE[n] = 1  # here


@refused("`/` ... write `//`")
def true_division(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    out[n / 2] = 1  # here


@refused("`**`")
def power(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    out[n**2] = 1  # here


@refused("an operator on machine integers that is not modelled")
def bits_of_an_index(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    out[n & 1023] = 1  # here


@refused("a condition as a number")
def condition_times_a_number(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    out[(n > 3) * LARGE * LARGE * 0] = 1  # here


@refused("a condition as a number")
def named_condition_as_a_number(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    is_large = n > 3
    out[is_large + n] = 1  # here


@refused("which 64 bits do not hold")
def constant_that_wraps(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    out[LARGE * LARGE % 2] = 1  # here


@refused("is not an integer ... apart from data")
def indexed_by_data(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    out[data[0]] = 1  # here


@refused("a bound of a loop that is not an integer")
def as_often_as_data_say(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    for row in range(data[0]):  # here
        out[row] = 1


@refused("total changes its type in the loop")
def sum_of_data(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    total = 0
    for row in range(n):  # here
        total += data[row]
    if total > 0 and total < 1:
        out[n] = 1


@refused("is_found changes its type in the loop")
def condition_becomes_a_number(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    is_found = n < 0
    for row in range(n):  # here
        is_found = row + 5
    if is_found == 5:
        out[n] = 1


@refused("the constant None")
def without_a_value(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    out[0] = without_a_value_helper(n)


def without_a_value_helper(n: int) -> Any:
    if n > 2000:
        return 1
    return None  # here


@refused("`min` of 3 values")
def least_of_three(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    out[min(n, 3, 5)] = 1  # here


@refused("a call of `len`")
def length(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    out[len(out)] = 1  # here


@refused("`lambda`")
def anonymous(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    place = lambda: n  # noqa: E731  # here
    out[place()] = 1


@refused("`raise`, which kernels are compiled without")
def raises(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    if values[0] >= n:
        raise ValueError  # here
    out[values[0]] = 1


@refused("`in`")
def one_of(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    if n in (1, 2):  # here
        out[n] = 1


@pytest.mark.parametrize(("kernel", "words"), refused.expected, ids=names)
def test_refused_with_its_line(kernel: Kernel, words: str) -> None:
    assert_kernel_refused(kernel, words)
