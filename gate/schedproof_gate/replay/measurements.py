"""What a replay of one policy came to."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field

from schedproof import Ending, ServingConfig
from schedproof_gate.replay.checks import NO_STANDSTILL
from schedproof_gate.replay.series import Bucket, Series
from schedproof_gate.replay.simulation import SimulatedStep, Simulation
from schedproof_spec import INVARIANTS, Invariant


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFigures:
    """The figures of one step that a report shows."""

    index: int
    start_us: int
    num_decode_tokens: int
    num_prefill_tokens: int
    num_decoding: int
    num_preempted: int

    @property
    def num_tokens(self) -> int:
        """Tokens that the step runs."""
        return self.num_decode_tokens + self.num_prefill_tokens


@dataclass(slots=True, kw_only=True)
class Tally:
    """The steps that violate one invariant."""

    name: str
    num_steps: int = 0
    first: StepFigures | None = None

    @property
    def invariant(self) -> Invariant:
        """The invariant; it does not pass from one process to another, its name does."""
        return INVARIANTS[self.name]


@dataclass(frozen=True, slots=True)
class Quantiles:
    """How long requests waited, in microseconds; None when there were none."""

    count: int
    p50_us: int | None
    p99_us: int | None
    max_us: int | None


@dataclass(slots=True, kw_only=True)
class Measurements:
    """Everything about one policy's run; grows with the requests by two numbers each, and not with the steps."""

    limit: int
    """``max_num_batched_tokens``."""
    num_kv_blocks: int
    num_steps: int = 0
    num_over_limit: int = 0
    sum_tokens: int = 0
    sum_decode_tokens: int = 0
    num_preemptions: int = 0
    duration_us: int = 0
    peak_used_blocks: int = 0
    worst: StepFigures | None = None
    """The first of the steps with the most tokens."""
    queueing: Quantiles = Quantiles(0, None, None, None)
    first_token: Quantiles = Quantiles(0, None, None, None)
    num_refused: int = 0
    num_unfinished: int = 0
    num_ended: Mapping[Ending, int] = field(default_factory=dict)
    tallies: dict[str, Tally]
    """By invariant, those that were kept included."""
    series: Series = field(default_factory=Series)


class Meter:
    """Takes in the steps of a simulation."""

    def __init__(self, config: ServingConfig, checked: tuple[str, ...]) -> None:
        assert config.num_kv_blocks is not None
        self.config = config
        self.measured = Measurements(
            limit=config.max_num_batched_tokens,
            num_kv_blocks=config.num_kv_blocks,
            tallies={name: Tally(name=name) for name in (*checked, NO_STANDSTILL)},
        )
        self._queueing_us = array("q")
        self._first_token_us = array("q")

    def add(self, step: SimulatedStep) -> None:
        """Take in one step."""
        measured, final = self.measured, step.launch.plan.final
        num_decode_tokens = final.num_decoding * self.config.tokens_per_seq
        figures = StepFigures(
            index=step.index,
            start_us=step.start_us,
            num_decode_tokens=num_decode_tokens,
            num_prefill_tokens=final.prefill_tokens,
            num_decoding=final.num_decoding,
            num_preempted=final.num_preempted,
        )
        measured.num_steps += 1
        measured.sum_tokens += figures.num_tokens
        measured.sum_decode_tokens += num_decode_tokens
        measured.num_over_limit += figures.num_tokens > measured.limit
        measured.num_preemptions += final.num_preempted
        measured.duration_us = step.end_us
        measured.peak_used_blocks = max(measured.peak_used_blocks, step.num_owned_blocks)
        if measured.worst is None or figures.num_tokens > measured.worst.num_tokens:
            measured.worst = figures
        measured.series.add(
            step.start_us,
            Bucket(
                num_steps=1,
                sum_tokens=figures.num_tokens,
                peak_decode_tokens=num_decode_tokens,
                peak_prefill_tokens=final.prefill_tokens,
                peak_used_blocks=step.num_owned_blocks,
                peak_oldest_wait_us=step.oldest_wait_us,
            ),
        )
        for name in step.broken:
            tally = measured.tallies[name]
            tally.num_steps += 1
            tally.first = tally.first or figures
        self._queueing_us.extend(step.queueing_us)
        self._first_token_us.extend(step.first_token_us)

    def finish(self, simulation: Simulation) -> Measurements:
        """Return the figures of a simulation that has run to its end."""
        measured = self.measured
        measured.queueing = quantiles(self._queueing_us)
        measured.first_token = quantiles(self._first_token_us)
        measured.num_refused = simulation.num_refused
        measured.num_unfinished = simulation.num_unfinished
        measured.num_ended = {ending: count for ending, count in simulation.num_ended.items() if count}
        return measured


def quantiles(values_us: array[int]) -> Quantiles:
    """Return the values below which 50 and 99 of 100 lie, by nearest rank, and the largest."""
    if not values_us:
        return Quantiles(0, None, None, None)
    ordered = sorted(values_us)
    return Quantiles(len(ordered), nearest_rank(ordered, 50), nearest_rank(ordered, 99), ordered[-1])


def nearest_rank(ordered: list[int], percent: int) -> int:
    """Return the smallest value that at least this share of the values do not exceed."""
    return ordered[(len(ordered) * percent + 99) // 100 - 1]
