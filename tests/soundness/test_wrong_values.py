"""Kernels that store a wrong value are refuted where data are followed, or refused with their line; none holds.

Each is to leave ``twice(source[i])`` in ``out[i]``, and one of a word's neighbours in ``words[i]``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numba import cuda
from tests.soundness.kernel_claims import Kernel, Kernels, names, place_of

from schedproof_spec.gpu.following import FollowedData
from schedproof_spec.gpu.memory import Log
from schedproof_spec.gpu.thread import Thread
from schedproof_spec.gpu.values import Value, applied, chosen_value, element_value, same
from schedproof_spec.prover.context import Context
from schedproof_spec.prover.prove import prove
from schedproof_spec.prover.symbolic import SymBool, SymInt
from schedproof_spec.prover.verdict import Outcome, Status

BLOCK = 64
ONE = np.float32(1)
DUE = "what is written to {} is as promised"

refuted = Kernels()
refused = Kernels()
held = Kernels()


def twice(value: Any) -> Any:
    """Stands for a rounding of its own."""
    return value


def decide(kernel: Kernel) -> Outcome:
    """Decide the values of a kernel of floats and words, in up to 100 blocks of 64 threads."""

    def launched(ctx: Context) -> None:
        thread = Thread(ctx, Log())
        n = thread.size("n", 1, 1000)
        double = lambda value: applied(thread, "twice", value, is_whole=False)  # noqa: E731
        thread.translator.functions[twice] = double

        def number_of(lane: SymInt) -> Any:
            return thread.wrap(thread.block[0]) * BLOCK + lane

        def shared_word(lane: SymInt) -> Value:
            inside = number_of(lane) < n
            word = element_value(thread, "tokens", number_of(lane), is_whole=True)
            return chosen_value(inside, word & 255, 0, thread)

        def doubled(index: Any, value: Any) -> SymBool:
            due = double(element_value(thread, "source", index, is_whole=False))
            assert isinstance(due, Value)
            return same(value, due)

        def mirrored(index: Any, value: Any) -> SymBool:
            lane = thread.coordinates[1]
            return same(value, shared_word(SymInt((63 - lane).term)))

        thread.data = FollowedData(thread, shared=shared_word)
        thread.launch(
            kernel,
            thread.floats("source", (n,)),
            thread.words("tokens", (n,)),
            thread.floats("out", (n,), promise=doubled),
            thread.words("words", (n,), promise=mirrored),
            n,
            grid=(thread.size("blocks", 1, 100),),
            block=BLOCK,
        )

    return prove(launched)


@held("")
def doubles(source: Any, tokens: Any, out: Any, words: Any, n: int) -> None:
    tile = cuda.shared.array(BLOCK, np.int32)
    tile[cuda.threadIdx.x] = tokens[cuda.grid(1)] & 255 if cuda.grid(1) < n else 0
    if cuda.grid(1) < n:
        out[cuda.grid(1)] = twice(source[cuda.grid(1)])


@held("")
def mirrors(source: Any, tokens: Any, out: Any, words: Any, n: int) -> None:
    tile = cuda.shared.array(BLOCK, np.int32)
    thread = cuda.threadIdx.x
    tile[thread] = tokens[cuda.grid(1)] & 255 if cuda.grid(1) < n else 0
    cuda.syncthreads()
    if cuda.grid(1) < n:
        words[cuda.grid(1)] = tile[63 - thread]


@refuted(DUE.format("out"))
def not_doubled(source: Any, tokens: Any, out: Any, words: Any, n: int) -> None:
    if cuda.grid(1) < n:
        out[cuda.grid(1)] = source[cuda.grid(1)]


@refuted(DUE.format("out"))
def doubled_twice(source: Any, tokens: Any, out: Any, words: Any, n: int) -> None:
    if cuda.grid(1) < n:
        out[cuda.grid(1)] = twice(twice(source[cuda.grid(1)]))


@refuted(DUE.format("out"))
def of_the_first(source: Any, tokens: Any, out: Any, words: Any, n: int) -> None:
    if cuda.grid(1) < n:
        out[cuda.grid(1)] = twice(source[0])


@refuted(DUE.format("out"))
def bits_of_a_word_for_a_float(source: Any, tokens: Any, out: Any, words: Any, n: int) -> None:
    """A rounding of an integer is not the rounding of the float that has its bits."""
    if cuda.grid(1) < n:
        out[cuda.grid(1)] = twice(tokens[cuda.grid(1)])


@refuted(DUE.format("out"))
def read_back(source: Any, tokens: Any, out: Any, words: Any, n: int) -> None:
    """What a launch writes is not known when it is read."""
    if cuda.grid(1) < n:
        out[cuda.grid(1)] = twice(source[cuda.grid(1)])
        out[cuda.grid(1)] = out[cuda.grid(1)]


@refuted(DUE.format("out"))
def some_turns_ago(source: Any, tokens: Any, out: Any, words: Any, n: int) -> None:
    kept = twice(source[0])
    for _ in range(n):
        kept = twice(source[cuda.grid(1)]) if cuda.grid(1) < n else kept
    if cuda.grid(1) < n:
        out[cuda.grid(1)] = kept


@refuted(DUE.format("out"))
def by_what_the_data_say(source: Any, tokens: Any, out: Any, words: Any, n: int) -> None:
    """Whether a float is larger than another one is not known."""
    if cuda.grid(1) < n:
        if source[cuda.grid(1)] > source[0]:
            out[cuda.grid(1)] = twice(source[cuda.grid(1)])
        else:
            out[cuda.grid(1)] = twice(source[0])


@refuted(DUE.format("words"))
def before_the_barrier(source: Any, tokens: Any, out: Any, words: Any, n: int) -> None:
    tile = cuda.shared.array(BLOCK, np.int32)
    thread = cuda.threadIdx.x
    tile[thread] = tokens[cuda.grid(1)] & 255 if cuda.grid(1) < n else 0
    kept = tile[63 - thread]
    cuda.syncthreads()
    if cuda.grid(1) < n:
        words[cuda.grid(1)] = kept


@refuted("every thread has written its shared word")
def some_threads_write(source: Any, tokens: Any, out: Any, words: Any, n: int) -> None:
    tile = cuda.shared.array(BLOCK, np.int32)
    thread = cuda.threadIdx.x
    if cuda.grid(1) < n:
        tile[thread] = tokens[cuda.grid(1)] & 255
    cuda.syncthreads()
    if cuda.grid(1) < n:
        words[cuda.grid(1)] = tile[63 - thread]


@refuted(DUE.format("shared"))
def the_neighbours_word(source: Any, tokens: Any, out: Any, words: Any, n: int) -> None:
    tile = cuda.shared.array(BLOCK, np.int32)
    tile[63 - cuda.threadIdx.x] = tokens[cuda.grid(1)] & 255 if cuda.grid(1) < n else 0
    cuda.syncthreads()


@refuted(DUE.format("shared"))
def written_again(source: Any, tokens: Any, out: Any, words: Any, n: int) -> None:
    """What stands in a word is known only as long as everybody writes the same there."""
    tile = cuda.shared.array(BLOCK, np.int32)
    tile[cuda.threadIdx.x] = tokens[cuda.grid(1)] & 255 if cuda.grid(1) < n else 0
    cuda.syncthreads()
    tile[cuda.threadIdx.x] = 1
    cuda.syncthreads()


@refuted("a shared word that is read has a thread")
def a_word_without_a_thread(source: Any, tokens: Any, out: Any, words: Any, n: int) -> None:
    tile = cuda.shared.array(128, np.int32)
    tile[cuda.threadIdx.x] = tokens[cuda.grid(1)] & 255 if cuda.grid(1) < n else 0
    cuda.syncthreads()
    if cuda.grid(1) < n:
        words[cuda.grid(1)] = tile[127 - cuda.threadIdx.x]


@refuted("what is written to shared fits")
def a_tile_of_bytes(source: Any, tokens: Any, out: Any, words: Any, n: int) -> None:
    tile = cuda.shared.array(BLOCK, np.int8)
    tile[cuda.threadIdx.x] = tokens[cuda.grid(1)] & 255 if cuda.grid(1) < n else 0
    cuda.syncthreads()


@refused("through shared floats, or two shared arrays")
def a_tile_of_floats(source: Any, tokens: Any, out: Any, words: Any, n: int) -> None:
    tile = cuda.shared.array(BLOCK, np.float32)
    tile[cuda.threadIdx.x] = ONE  # here
    cuda.syncthreads()


@refused("through shared floats, or two shared arrays")
def two_tiles(source: Any, tokens: Any, out: Any, words: Any, n: int) -> None:
    tile = cuda.shared.array(BLOCK, np.int32)
    other = cuda.shared.array(BLOCK, np.int32)
    tile[cuda.threadIdx.x] = 0  # here
    other[cuda.threadIdx.x] = 0


@refused("through shared floats, or two shared arrays")
def a_second_tile_behind_the_barrier(source: Any, tokens: Any, out: Any, words: Any, n: int) -> None:
    tile = cuda.shared.array(BLOCK, np.int32)
    tile[cuda.threadIdx.x] = tokens[cuda.grid(1)] & 255 if cuda.grid(1) < n else 0
    cuda.syncthreads()
    other = cuda.shared.array(BLOCK, np.int32)
    if cuda.grid(1) < n:
        words[cuda.grid(1)] = other[63 - cuda.threadIdx.x]  # here


@refused("arithmetic on floats by operators")
def added_by_operator(source: Any, tokens: Any, out: Any, words: Any, n: int) -> None:
    if cuda.grid(1) < n:
        out[cuda.grid(1)] = source[cuda.grid(1)] + source[cuda.grid(1)]  # here


@refused("a whole value written to out")
def an_integer_for_a_float(source: Any, tokens: Any, out: Any, words: Any, n: int) -> None:
    if cuda.grid(1) < n:
        out[cuda.grid(1)] = tokens[cuda.grid(1)]  # here


@refused("`min` or `max` of floats")
def the_larger_float(source: Any, tokens: Any, out: Any, words: Any, n: int) -> None:
    if cuda.grid(1) < n:
        out[cuda.grid(1)] = max(source[cuda.grid(1)], ONE)  # here


@refused("`int` of a float")
def a_float_without_its_fraction(source: Any, tokens: Any, out: Any, words: Any, n: int) -> None:
    if cuda.grid(1) < n:
        words[cuda.grid(1)] = int(source[cuda.grid(1)])  # here


@refused("is not an integer")
def an_index_that_is_data(source: Any, tokens: Any, out: Any, words: Any, n: int) -> None:
    words[tokens[0]] = 0  # here


@pytest.mark.parametrize(("kernel", "reason"), refuted.expected, ids=names)
def test_a_wrong_value_is_refuted(kernel: Kernel, reason: str) -> None:
    found = decide(kernel)
    assert (found.status, found.reason) == (Status.VIOLATED, reason)


@pytest.mark.parametrize(("kernel", "reason"), held.expected, ids=names)
def test_a_right_value_holds(kernel: Kernel, reason: str) -> None:
    found = decide(kernel)
    assert (found.status, found.reason) == (Status.HELD, reason)


@pytest.mark.parametrize(("kernel", "words"), refused.expected, ids=names)
def test_what_cannot_be_followed_is_refused_with_its_line(kernel: Kernel, words: str) -> None:
    found = decide(kernel)
    assert found.status is Status.UNDECIDED, found
    assert words in found.reason
    assert place_of(kernel) in found.reason
