"""Recorded steps and requests by columns, so that an invariant's own statement is asked about many at once.

The columns carry the names of `StepView` and of `Request`, which is what the statements read. A count that a record
leaves out is `ABSENT` there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schedproof.step_record import TraceHeader

Integers = NDArray[np.int64]
Truths = NDArray[np.bool_]

ABSENT = -(2**62)
"""No record can hold this number."""

UNBOUNDED = 2**31
"""An upper bound that a log does not give; above every number that a record can hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepColumns:
    """Counts of steps, an element each; see `schedproof.step_record.RecordedStep`."""

    num_decoding: Integers
    num_decode_tokens: Integers
    num_prefill_tokens: Integers
    num_slots_used: Integers
    num_preempted: Integers
    num_free_blocks: Integers
    num_owned_blocks: Integers
    budget: Integers
    launch_tokens: Integers

    @property
    def num_tokens(self) -> Integers:
        """Tokens that each step ran, as they were recorded, whatever the configuration says."""
        return self.num_decode_tokens + self.num_prefill_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestColumns:
    """The requests of neighbouring steps, an element each; see `schedproof.step_record.RecordedRequest`."""

    record: Integers
    """Which of the steps each belongs to, by its position among them."""
    request_ids: list[str]
    is_decode: Truths
    is_admission: Truths
    num_tokens: Integers
    num_computed_tokens: Integers
    need_prefill_tokens: Integers
    num_total_tokens: Integers
    num_blocks: Integers

    @property
    def num_prefill_tokens_left(self) -> Integers:
        """Tokens still to prefill."""
        return self.need_prefill_tokens - self.num_computed_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class StepBatch:
    """Some neighbouring steps of a trace."""

    lines: Integers
    """The line of each in the file."""
    steps: Integers
    """The number of each."""
    low: StepColumns
    """The least that each can have been."""
    high: StepColumns
    """The most that each can have been; the same object where the trace is exact."""
    requests: RequestColumns | None = None
    """None when no step lists its requests."""
    lists_requests: Truths | None = None
    """Whether each step lists its requests."""
    is_between: Truths | None = None
    """Which of them stand for steps that the log leaves out, after a line; None when none does."""
    num_missing: int = 0
    """Steps that, by the numbers, ran before one of them and are not in the file."""
    num_uncounted: int = 0
    """Steps of which the file does not count the requests, so that something else bounds them."""
    begins_anew: bool = False
    """Whether the engine was started before the first of them, so that it has nothing to do with steps before."""
    header: TraceHeader | None = None
    """What the file says about steps from here on, where it says something new."""

    @property
    def is_exact(self) -> bool:
        """Whether low and high are the same."""
        return self.low is self.high
