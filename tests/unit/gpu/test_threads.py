"""What is found in small kernels whose faults are known: the proofs of the real ones rest on the same machinery."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numba import cuda

from schedproof_spec.gpu.memory import INT32, INT64, Log
from schedproof_spec.gpu.races import no_races
from schedproof_spec.gpu.thread import Thread
from schedproof_spec.prover.context import Context
from schedproof_spec.prover.prove import prove
from schedproof_spec.prover.symbolic import UnsupportedError
from schedproof_spec.prover.verdict import Outcome, Status

LENGTH = 1000
Kernel = Callable[..., None]


def run(kernel: Kernel, limits: tuple[int, int] = INT64) -> tuple[Outcome, Log]:
    """Decide the accesses of a kernel on two arrays, with three sizes, in one block of any size."""
    log = Log()

    def launched(ctx: Context) -> None:
        thread = Thread(ctx, log, limits=limits)
        arrays = thread.array("x", (LENGTH,), None), thread.array("out", (LENGTH,))
        sizes = [thread.size(name, 1, 100) for name in ("n", "m", "k")]
        thread.launch(kernel, *arrays, *sizes, grid=(1,), block=thread.size("block", 1, 256))

    return prove(launched), log


def accesses(kernel: Kernel, limits: tuple[int, int] = INT64) -> Outcome:
    """Decide the accesses of a kernel."""
    return run(kernel, limits)[0]


def races(kernel: Kernel) -> Outcome:
    """Decide the races of a kernel whose accesses are in bounds."""
    found, log = run(kernel)
    assert found.status is Status.HELD, found.reason
    return prove(no_races(log))


def each_its_own(x: Any, out: Any, n: int, m: int, k: int) -> None:
    thread = cuda.threadIdx.x
    for word in range(thread, n, cuda.blockDim.x):
        out[word] = n


def one_past_the_end(x: Any, out: Any, n: int, m: int, k: int) -> None:
    if cuda.threadIdx.x <= 1000:
        out[cuda.threadIdx.x * n // n] = 0
    out[1000 * n // n] = 0


def before_the_begin(x: Any, out: Any, n: int, m: int, k: int) -> None:
    out[n - m] = 0


def too_large_for_a_word(x: Any, out: Any, n: int, m: int, k: int) -> None:
    out[0] = n * m * k * n * m * k


def read_behind_its_check(x: Any, out: Any, n: int, m: int, k: int) -> None:
    index = n * m
    if index < 1000 and x[index] > 0:
        out[0] = 1


def read_before_its_check(x: Any, out: Any, n: int, m: int, k: int) -> None:
    index = n * m
    if x[index] > 0 and index < 1000:
        out[0] = 1


@pytest.mark.parametrize("kernel", [one_past_the_end, before_the_begin])
def test_an_access_out_of_bounds_is_found(kernel: Kernel) -> None:
    assert accesses(kernel).reason == "write of out in bounds"


def test_a_condition_with_a_read_is_looked_at_part_by_part() -> None:
    assert accesses(read_behind_its_check).status is Status.HELD
    assert accesses(read_before_its_check).reason == "read of x in bounds"


def test_a_value_that_no_word_holds_is_found() -> None:
    assert accesses(too_large_for_a_word).reason == "value written to out fits"
    assert accesses(too_large_for_a_word, INT32).reason == "integers fit the machine"


def test_words_of_different_threads_are_apart() -> None:
    assert races(each_its_own).status is Status.HELD


def every_thread_writes(x: Any, out: Any, n: int, m: int, k: int) -> None:
    out[n] = 1


def one_word_too_near(x: Any, out: Any, n: int, m: int, k: int) -> None:
    out[cuda.threadIdx.x] = out[cuda.threadIdx.x + 1]


def by_own_data(x: Any, out: Any, n: int, m: int, k: int) -> None:
    """Two threads whose data differ take different paths to one word."""
    thread = cuda.threadIdx.x
    if n == 5:
        if thread == 0:
            out[0] = 1
    elif x[thread] > 0:
        if thread == 1:
            out[0] = 1
    elif thread == 2:
        out[0] = 1


def by_own_product(x: Any, out: Any, n: int, m: int, k: int) -> None:
    """Two threads multiply different sizes on their paths to one word."""
    thread = cuda.threadIdx.x
    if x[thread] > 0:
        if thread == 1 and n * m == 6:
            out[0] = 1
    elif thread == 2 and n * k == 8:
        out[0] = 1


def by_own_turn(x: Any, out: Any, n: int, m: int, k: int) -> None:
    """Two threads are in different turns of a loop when they meet."""
    thread = cuda.threadIdx.x
    for word in range(thread, n, 2):
        out[word] = 1


@pytest.mark.parametrize(
    "kernel", [every_thread_writes, one_word_too_near, by_own_data, by_own_product, by_own_turn]
)
def test_threads_that_meet_are_found(kernel: Kernel) -> None:
    assert races(kernel).reason == "no two threads meet in out"


def shared_without_barrier(x: Any, out: Any, n: int, m: int, k: int) -> None:
    words = cuda.shared.array(256, np.int32)
    words[cuda.threadIdx.x] = 1
    if words[0] > 0:
        out[cuda.threadIdx.x] = 1


def shared_with_barrier(x: Any, out: Any, n: int, m: int, k: int) -> None:
    words = cuda.shared.array(256, np.int32)
    words[cuda.threadIdx.x] = 1
    cuda.syncthreads()
    if words[0] > 0:
        out[cuda.threadIdx.x] = 1


def barrier_for_some(x: Any, out: Any, n: int, m: int, k: int) -> None:
    if cuda.threadIdx.x > 3:
        cuda.syncthreads()


def test_a_barrier_parts_accesses() -> None:
    assert races(shared_without_barrier).reason == "no two threads meet in shared"
    assert races(shared_with_barrier).status is Status.HELD


def test_a_barrier_that_some_threads_miss_is_refused() -> None:
    found = accesses(barrier_for_some)
    assert found.status is Status.UNDECIDED
    assert "a barrier that is not among the kernel's own statements" in found.reason
    with pytest.raises(ValueError, match=r"different numbers of barriers: \[0, 1\]"):
        no_races(Log(barriers={0, 1}))


def while_there_is_data(x: Any, out: Any, n: int, m: int, k: int) -> None:
    while n > 0:
        n = n - 1


def test_a_loop_without_a_range_is_not_followed() -> None:
    found = accesses(while_there_is_data)
    assert found.status is Status.UNDECIDED
    assert UnsupportedError.__name__ not in found.reason
    assert "`while` is not supported" in found.reason
