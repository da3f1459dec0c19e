"""Ends what would never end: a person's code that goes in circles is cut after so many lines, not seconds."""

from __future__ import annotations

import dis
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any

from schedproof_spec.prover.subset.reading import Reading
from schedproof_spec.prover.walk import LimitReached

MAX_LINES = 100_000
"""Lines of loops that one call of a method may run."""


def cycles_of(reading: Reading) -> frozenset[CodeType]:
    """Return the code that jumps backwards, of all that was read."""
    return frozenset(
        code for code in codes_in(reading.content) if any(map(is_backward, dis.get_instructions(code)))
    )


def is_backward(instruction: dis.Instruction) -> bool:
    """Return whether an instruction may jump backwards."""
    return "JUMP_BACKWARD" in instruction.opname or "_BACKWARD_" in instruction.opname


def codes_in(content: Any) -> Iterator[CodeType]:
    """Yield the code in a content, with what is defined inside it."""
    if isinstance(content, CodeType):
        yield content
        yield from codes_in(content.co_consts)
    elif isinstance(content, tuple):
        for part in content:
            yield from codes_in(part)


@contextmanager
def limited(cycles: frozenset[CodeType], method: str) -> Iterator[None]:
    """Run a method whose code goes through these cycles; a limit ends it.

    Raises:
        LimitReached: it runs more lines of them than `MAX_LINES`.
    """
    if not cycles:
        yield
        return
    num_left = MAX_LINES

    def in_cycle(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal num_left
        num_left -= 1
        if num_left < 0:
            place = f"{frame.f_code.co_filename.rpartition('/')[2]}, line {frame.f_lineno}"
            raise LimitReached(f"`{method}` goes through more than {MAX_LINES} lines ({place})")
        return in_cycle

    def on_call(frame: FrameType, event: str, argument: Any) -> Any:
        return in_cycle if frame.f_code in cycles else None

    before = sys.gettrace()
    sys.settrace(on_call)
    try:
        yield
    finally:
        sys.settrace(before)
