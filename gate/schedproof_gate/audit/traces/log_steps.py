"""What the readers of engine logs share: a step with bounds, and the order of an engine's own step numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np

from schedproof_gate.audit.traces.blocks import Block
from schedproof_gate.audit.traces.columns import ABSENT, Integers, StepBatch, StepColumns
from schedproof_gate.deployment.given import MAX_NUMBER
from schedproof_gate.errors import InputError, shown

MAX_ENGINES = 4096
"""Engines that one log may tell apart: data-parallel ranks, and restarts of them do not count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogStep:
    """What one line says about a step, or about the steps after it that are not logged; bounds are inclusive."""

    line: int
    step: int
    num_decoding: tuple[int, int]
    num_decode_tokens: tuple[int, int]
    num_prefill_tokens: int = 0
    num_slots_used: tuple[int, int] = (ABSENT, ABSENT)
    """An upper bound that is absent is not known."""
    is_between: bool = False
    """Whether it stands for the steps after the line."""


@dataclass(slots=True)
class EngineSteps:
    """The last step number of each engine of a log."""

    source: str
    last: dict[bytes, int] = field(default_factory=dict)
    num_missing: int = 0
    """Steps that the numbers say were run and the log does not show."""

    def check(self, engine: bytes, step: int, line: int) -> None:
        """Take the next number of an engine. A number that begins again at 0 or 1 means that the engine did.

        Raises:
            InputError: the number was there before, or is smaller.
        """
        before = self.last.get(engine)
        if before is not None and step > 1:
            if step <= before:
                how = "is given twice" if step == before else f"comes after step {before}"
                raise InputError(
                    f"step {step} {how}",
                    source=self.source,
                    line=line,
                    advice="give the log as it was written",
                )
            self.num_missing += step - before - 1
        if before is None and len(self.last) >= MAX_ENGINES:
            raise InputError(
                f"more than {MAX_ENGINES} engines", source=self.source, line=line, advice="give one engine's log"
            )
        self.last[engine] = step

    def taken_missing(self) -> int:
        """Return the missing steps since the last call."""
        num_missing, self.num_missing = self.num_missing, 0
        return num_missing


def bounded_batch(steps: list[LogStep], num_missing: int = 0, num_uncounted: int = 0) -> StepBatch:
    """Return steps by columns."""
    return StepBatch(
        lines=integers([step.line for step in steps]),
        steps=integers([step.step for step in steps]),
        low=one_side(steps, 0),
        high=one_side(steps, 1),
        is_between=np.array([step.is_between for step in steps], dtype=np.bool_),
        num_missing=num_missing,
        num_uncounted=num_uncounted,
    )


def one_side(steps: list[LogStep], side: int) -> StepColumns:
    """Return the lower bounds (0) or the upper ones (1)."""
    absent = np.full(len(steps), ABSENT, dtype=np.int64)
    return StepColumns(
        num_decoding=integers([step.num_decoding[side] for step in steps]),
        num_decode_tokens=integers([step.num_decode_tokens[side] for step in steps]),
        num_prefill_tokens=integers([step.num_prefill_tokens for step in steps]),
        num_slots_used=integers([step.num_slots_used[side] for step in steps]),
        num_preempted=absent,
        num_free_blocks=absent,
        num_owned_blocks=absent,
        budget=absent,
        launch_tokens=absent,
    )


def integers(values: list[int]) -> Integers:
    """Return a column."""
    return np.array(values, dtype=np.int64)


def numbers(match: re.Match[bytes], source: str, line: int) -> list[int]:
    """Return the matched counts.

    Raises:
        InputError: one is larger than any engine can mean.
    """
    return [number(text, source, line) for text in match.groups()]


def number(digits: bytes, source: str, line: int) -> int:
    """Return a count.

    Raises:
        InputError: it is larger than any engine can mean.
    """
    if len(digits) > len(str(MAX_NUMBER)) or int(digits) > MAX_NUMBER:
        raise InputError(
            f"{shown(digits.decode())} is out of range",
            source=source,
            line=line,
            advice="give the engine's own log",
        )
    return int(digits)


def broken_line(source: str, line: int, block: Block, what: str) -> InputError:
    """Return the error for a line that begins like a step's and does not go on like one."""
    is_last = block.is_cut_off and line == block.first_line + len(block.lines) - 1
    return InputError(
        "the last line is cut off" if is_last else f"the line is not a whole {what} line",
        source=source,
        line=line,
        advice="delete it" if is_last else "give the log as the engine wrote it",
    )
