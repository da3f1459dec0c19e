"""What becomes of the data that a thread moves: nothing is known of them, or it is followed how they were made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import z3
from z3.z3util import get_vars

from schedproof_spec.gpu.integers import Data, DeviceInt
from schedproof_spec.gpu.memory import INT32, Array, Place, holds, whole
from schedproof_spec.gpu.values import WHOLE, Value, operand, same
from schedproof_spec.prover.symbolic import SymBool, SymInt
from schedproof_spec.prover.unsupported import UnsupportedError

Claim = tuple[str, Callable[[], z3.BoolRef]]

Content = Callable[..., Value]
"""Given the index of a shared word: what the word holds once its thread has written it.

It may look at the block and at what all threads share, and at nothing that each thread has its own of.
"""


class DataModel(Protocol):
    """What is known of data."""

    def element(self, array: Array, indices: tuple[Any, ...]) -> Data:
        """Return what an array of data holds there."""

    def unknown(self, *, is_whole: bool) -> Data:
        """Return data of which nothing is known."""

    def claims_of_write(self, array: Array, indices: tuple[Any, ...], value: Any) -> list[Claim]:
        """Return what is claimed of data that are written."""

    def pass_barrier(self) -> None:
        """Claim what a thread has to have done before it meets the others."""


class UnknownData:
    """Data of which nothing is known."""

    def __init__(self, thread: Any) -> None:
        self.thread = thread

    def element(self, array: Array, indices: tuple[Any, ...]) -> Data:
        """Return data."""
        return Data(self.thread, is_whole=array.is_whole)

    def unknown(self, *, is_whole: bool) -> Data:
        """Return data."""
        return Data(self.thread, is_whole=is_whole)

    def claims_of_write(self, array: Array, indices: tuple[Any, ...], value: Any) -> list[Claim]:
        """Return no claim."""
        return []

    def pass_barrier(self) -> None:
        """Claim nothing."""


class FollowedData:
    """Data that are followed, through global arrays that no thread of the launch writes and through shared words.

    A shared word is known once every thread of the block has written the word of its own number, before a barrier.
    That no two threads meet in a word is a theorem of its own, on which this one rests.
    """

    def __init__(self, thread: Any, shared: Content | None = None) -> None:
        self.thread = thread
        self.shared = shared
        self.is_filled = False
        """Whether every thread has written its shared word, and has passed a barrier since."""

    def element(self, array: Array, indices: tuple[Any, ...]) -> Data:
        """Return the element by its name, or data of which nothing is known where a thread may have written it."""
        if array.place is Place.SHARED:
            return self._shared_word(array, indices)
        if self.thread.is_written(array.name):
            return self.unknown(is_whole=array.is_whole)
        return Value(self.thread, array.at(*indices), is_whole=array.is_whole)

    def _shared_word(self, array: Array, indices: tuple[Any, ...]) -> Data:
        if not self.is_filled or self.shared is None:
            return self.unknown(is_whole=array.is_whole)
        self._limits_of_shared(array)
        index, threads = whole(indices[0]), whole(self.thread.threads)
        self.thread.claim("a shared word that is read has a thread", lambda: z3.And(index >= 0, index < threads))
        return self.shared(SymInt(index))

    def unknown(self, *, is_whole: bool) -> Data:
        """Return a value that may be any."""
        return Value(self.thread, self.thread.unknown("value"), is_whole=is_whole)

    def claims_of_write(self, array: Array, indices: tuple[Any, ...], value: Any) -> list[Claim]:
        """Return that what is written is as promised."""
        if array.place is Place.SHARED:
            return self._claims_of_shared(array, indices, value)
        if array.promise is None:
            return []
        written = self._of_kind(array, value)
        promised = self.thread.reason(array.promise, *indices, written)
        claims = [(f"what is written to {array.name} is as promised", lambda: promised)]
        if array.is_whole and not isinstance(value, Data):
            claims.append((f"what is written to {array.name} fits", lambda: holds(INT32, SymInt(written.term))))
        return claims

    def _claims_of_shared(self, array: Array, indices: tuple[Any, ...], value: Any) -> list[Claim]:
        if self.shared is None:
            return []
        held = self._limits_of_shared(array)
        written, index = self._of_kind(array, value), SymInt(whole(indices[0]))
        content = self.shared(index)
        self._refuse_content_of_the_thread()
        fits = holds(held, SymInt(written.term))
        promised = same(written, content).term
        return [
            ("what is written to shared fits", lambda: fits),
            ("what is written to shared is as promised", lambda: promised),
        ]

    def _refuse_content_of_the_thread(self) -> None:
        assert self.shared is not None
        own, shared = self.thread.coordinates[-1].term, self.shared
        said = self.thread.reason(lambda: shared(SymInt(z3.Int("any thread"))) >= 0)
        if any(own.eq(each) for each in get_vars(said)):
            raise UnsupportedError("a shared word that is said by the thread at hand; say it by the word's number")

    def _limits_of_shared(self, array: Array) -> tuple[int, int]:
        if array.held is None or self.thread.num_shared > 1:
            raise UnsupportedError("data followed through shared floats, or two shared arrays; use one of integers")
        return array.held

    def _of_kind(self, array: Array, value: Any) -> Value:
        known = operand(value)
        if known is None:
            return Value(self.thread, self.thread.unknown("value"), is_whole=array.is_whole)
        written = Value(self.thread, known[1], is_whole=known[0] == WHOLE)
        if written.is_whole is not array.is_whole:
            raise UnsupportedError(f"a {known[0]} value written to {array.name}; write one of the array's own type")
        return written

    def pass_barrier(self) -> None:
        """Claim that the thread has written the shared word of its number."""
        if self.shared is None:
            return
        own = DeviceInt(self.thread.coordinates[-1].term, self.thread)
        filled: SymBool = self.thread.path.wrote("shared", own)
        self.thread.claim("every thread has written its shared word", lambda: filled.term)
        self.is_filled = True
