"""Kernels that are really wrong are refuted, or refused with their line; none of them holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numba import cuda
from tests.soundness.kernel_claims import Kernel, Kernels, decide, names

from schedproof_spec.gpu.memory import Log
from schedproof_spec.gpu.thread import Thread
from schedproof_spec.prover.context import Context
from schedproof_spec.prover.prove import prove
from schedproof_spec.prover.verdict import Status

LARGE = 2**40
SMALL = np.float32(0.5)

refuted = Kernels()
held = Kernels()


@refuted("write of out in bounds")
def typed_accumulator(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    if cuda.grid(1) == 0:
        row: int = 0
        for word in range(n):
            out[row] = values[word]
            row += 2


@refuted("write of out in bounds")
def position_read_back(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    if cuda.grid(1) == 0 and values[0] >= 0 and values[0] < n and out[0] == 0:
        out[0] = n
        out[out[0]] = 1


@refuted("write of wide in bounds")
def position_of_an_earlier_turn(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    if cuda.grid(1) == 0 and out[0] == 0:
        for word in range(n):
            wide[out[0], 0] = 1
            out[0] = word + n


def position_by_function_helper(array: Any, value: int) -> None:
    array[0] = value


@refuted("write of wide in bounds")
def position_by_function(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    if cuda.grid(1) == 0 and out[0] == 0:
        position_by_function_helper(out, n)
        wide[out[0], 0] = 1


@refuted("write of out in bounds")
def taken_as_true(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    """What data say is not known; the other branch is out of bounds."""
    if cuda.grid(1) == 0:
        if data[0]:
            out[0] = 1
        else:
            out[n] = 1


@refuted("write of out in bounds")
def not_taken(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    if cuda.grid(1) == 0 and not data[0]:
        out[n] = 1


@refuted("write of out in bounds")
def found_in_the_loop(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    if cuda.grid(1) == 0:
        is_found = n < 0
        for word in range(n):
            is_found = values[word] > 0
        if is_found:
            out[n] = 1


@refuted("write of out in bounds")
def inner_variable_changed(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    if cuda.grid(1) == 0:
        last = 0
        for row in range(n):
            for column in range(BLOCK):
                last = row + column
        out[last] = 1


BLOCK = 64


@refuted("divisors are positive")
def divided_by_zero(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    if cuda.grid(1) < n:
        out[cuda.grid(1)] = n // values[cuda.grid(1)]


@refuted("divisors are positive")
def constant_divided_by_zero(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    if cuda.grid(1) < n:
        out[cuda.grid(1)] = 100 // values[cuda.grid(1)]


@refuted("divisors are positive")
def constant_modulo_negative(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    """Python's rest has the sign of the divisor, C's that of the dividend."""
    if cuda.grid(1) == 0:
        out[7 % -n] = 1


@refuted("write of out in bounds")
def rounded_down(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    """Rounded towards zero the index would be 0."""
    if cuda.grid(1) == 0:
        out[(0 - 1) // (n + 1)] = 1


@refuted("value written to out fits")
def larger_than_its_word(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    if cuda.grid(1) < n:
        out[cuda.grid(1)] = values[cuda.grid(1)] + 1


@refuted("integers fit the machine")
def product_wraps(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    if cuda.grid(1) == 0:
        out[n * LARGE * LARGE * 0] = 1


@refuted("integers fit the machine")
def sum_of_longs_wraps(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    if cuda.grid(1) < n:
        thread = cuda.grid(1)
        wide[thread, 0] = table[thread, 0] + table[thread, 1] - table[thread, 1]


@refuted("write of out in bounds")
def counted_from_the_end(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    """Python takes a negative index from the end; a kernel reads in front of the array."""
    if cuda.grid(1) == 0:
        out[-1] = 1


@refuted("strides are positive")
def counted_down(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    if cuda.grid(1) == 0:
        for word in range(n, 0, -1):
            out[word] = 1


@refuted("strides are positive")
def stride_of_zero(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    if cuda.grid(1) == 0:
        for word in range(0, n, values[0]):
            out[word] = 1


@refuted("no two threads meet in out")
def read_of_the_neighbour(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    thread = cuda.grid(1)
    if thread + 1 < n:
        out[thread] = out[thread + 1]


@refuted("no two threads meet in out")
def sum_of_all_threads(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    if cuda.grid(1) < n:
        out[0] += 0


@refuted("no two threads meet in out")
def thread_of_its_block(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    """Threads of different blocks have the same number within their block."""
    if cuda.threadIdx.x < n:
        out[cuda.threadIdx.x] = 1


@refuted("no two threads meet in shared")
def no_barrier(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    tile = cuda.shared.array(BLOCK, np.int32)
    tile[cuda.threadIdx.x] = 1
    if cuda.grid(1) < n and tile[63 - cuda.threadIdx.x] > 0:
        out[cuda.grid(1)] = 1


@refuted("write of shared in bounds")
def tile_too_short(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    tile = cuda.shared.array(32, np.int32)
    tile[cuda.threadIdx.x] = 1


@refuted("write of out in bounds")
def tile_of_unknown_content(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    tile = cuda.shared.array(BLOCK, np.float32)
    if tile[cuda.threadIdx.x] > 0:
        out[n + cuda.grid(1)] = 1


@held("")
def typed_stride(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    stride: int = cuda.gridsize(1)
    for word in range(cuda.grid(1), n, stride):
        out[word] = values[word]


@held("")
def returns_early(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    thread = cuda.grid(1)
    if thread >= n:
        return
    out[thread] = 1


@held("")
def checked_when_read_back(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    thread = cuda.grid(1)
    if thread < n:
        out[thread] = n
        column = out[thread]
        if 0 <= column < BLOCK:
            wide[thread, column] = 1


@held("")
def mirrored_in_a_tile(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    tile = cuda.shared.array(BLOCK, np.float32)
    thread = cuda.threadIdx.x
    tile[thread] = SMALL
    cuda.syncthreads()
    if cuda.grid(1) < n and tile[63 - thread] > SMALL:
        out[cuda.grid(1)] = 1


@held("")
def peak_of_a_tile(values: Any, data: Any, table: Any, out: Any, wide: Any, n: int) -> None:
    tile = cuda.shared.array(BLOCK, np.int32)
    tile[cuda.threadIdx.x] = 1
    cuda.syncthreads()
    peak = 0
    for lane in range(BLOCK):
        peak = max(peak, tile[lane])
    if cuda.grid(1) < n:
        out[cuda.grid(1)] = 1 if peak > 3 else 0


@pytest.mark.parametrize(("kernel", "reason"), refuted.expected, ids=names)
def test_a_wrong_kernel_is_refuted(kernel: Kernel, reason: str) -> None:
    found = decide(kernel)
    assert (found.status, found.reason) == (Status.VIOLATED, reason)


@pytest.mark.parametrize(("kernel", "reason"), held.expected, ids=names)
def test_a_right_kernel_of_the_same_shape_holds(kernel: Kernel, reason: str) -> None:
    found = decide(kernel)
    assert (found.status, found.reason) == (Status.HELD, reason)


def overwrites_a_position(position: Any, out: Any) -> None:
    if cuda.grid(1) == 0:
        position[0] = 5
        out[position[0]] = 1


def reads_a_position(position: Any, out: Any) -> None:
    if cuda.grid(1) == 0:
        out[position[0]] = 1


@pytest.mark.parametrize(
    ("kernel", "status"), [(overwrites_a_position, Status.VIOLATED), (reads_a_position, Status.HELD)]
)
def test_what_is_known_of_an_array_is_not_known_of_what_is_written_to_it(kernel: Kernel, status: Status) -> None:
    def launched(ctx: Context) -> None:
        thread = Thread(ctx, Log())
        position = thread.array("position", (1,), facts=lambda _, value: (value >= 0) & (value < 5))
        thread.launch(kernel, position, thread.array("out", (5,)), grid=(1,), block=1)

    assert prove(launched).status is status
