"""Runs of a small engine around a person's loop, from an empty start: on numbers, or on symbols of any size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any

from schedproof.step_loop.engine import LoopEngine, LoopStep
from schedproof.step_loop.world import is_about_its_kind
from schedproof_spec.prover.context import Context
from schedproof_spec.rules.loops import comes_nearer
from schedproof_spec.states.any_step import LIMITS_BASE, any_record
from schedproof_spec.states.asked_loop import AskedLoop, LoopFailedError
from schedproof_spec.theorems.loops import ASKED, ENDS, FAILS, Claimed, claims_at, claims_of
from schedproof_spec.verdicts.plain import plain, read_plain


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopArrival:
    """A request of a run."""

    name: str
    num_prompt_tokens: int
    max_new_tokens: int
    num_decode_tokens: int = 1
    """Tokens that it runs in each step in which it decodes."""
    priority: int = 0
    before_step: int = 1
    """The step that is the first to find it."""


MOST = 4096
"""How many requests, steps and KV blocks a stored run may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopRun:
    """A run: limits, a pool, the requests that arrive, and the number of steps."""

    limits: Any
    num_kv_blocks: int
    arrivals: tuple[LoopArrival, ...]
    num_steps: int

    def to_json(self) -> dict[str, Any]:
        """Return the run in plain JSON types."""
        data: dict[str, Any] = plain(self)
        return data

    @staticmethod
    def from_json(data: object, limits_type: type) -> LoopRun:
        """Return the run that `to_json` wrote, of a loop with limits of this class.

        Raises:
            ValueError: the data has another shape, or is too large; the message names the place.
        """
        if not isinstance(data, dict) or not data.keys() <= {each.name for each in fields(LoopRun)}:
            raise ValueError("run: expected limits, num_kv_blocks, arrivals and num_steps")
        arrivals = data.get("arrivals", [])
        if not isinstance(arrivals, list) or len(arrivals) > MOST:
            raise ValueError(f"run.arrivals: expected at most {MOST} requests")
        run = LoopRun(
            limits=read_plain(data.get("limits", {}), limits_type, "run.limits"),
            num_kv_blocks=data.get("num_kv_blocks", 0),
            arrivals=tuple(
                read_plain(each, LoopArrival, f"run.arrivals[{at}]") for at, each in enumerate(arrivals)
            ),
            num_steps=data.get("num_steps", 0),
        )
        for name in ("num_kv_blocks", "num_steps"):
            if type(getattr(run, name)) is not int or not 1 <= getattr(run, name) <= MOST:
                raise ValueError(f"run.{name}: expected a number from 1 to {MOST}")
        if len({arrival.name for arrival in run.arrivals}) < len(run.arrivals):
            raise ValueError("run.arrivals: two requests have the same `name`")
        for name in sorted(LIMITS_BASE):
            if getattr(run.limits, name) < 1:
                raise ValueError(f"run.limits.{name}: expected 1 or more")
        for at, arrival in enumerate(run.arrivals):
            for name in ("num_prompt_tokens", "max_new_tokens", "num_decode_tokens", "before_step"):
                if getattr(arrival, name) < 1:
                    raise ValueError(f"run.arrivals[{at}].{name}: expected 1 or more")
            if arrival.num_decode_tokens > run.limits.tokens_per_seq:
                raise ValueError(f"run.arrivals[{at}].num_decode_tokens: expected at most tokens_per_seq")
        return run

    def steps(self, loop: AskedLoop) -> Iterator[LoopStep]:
        """Run the loop, and yield each step; a step that is cut is the last.

        Raises:
            LoopFailedError: a method of the loop raises, or returns something else than it has to.
        """
        engine = LoopEngine(loop, self.limits, self.num_kv_blocks)  # type: ignore[arg-type]
        for number in range(1, self.num_steps + 1):
            for arrival in self.arrivals:
                if arrival.before_step == number:
                    engine.arrive(
                        arrival.name,
                        num_prompt_tokens=arrival.num_prompt_tokens,
                        max_new_tokens=arrival.max_new_tokens,
                        num_decode_tokens=arrival.num_decode_tokens,
                        priority=arrival.priority,
                    )
            step = engine.step()
            yield step
            if step.plan.is_cut:
                return


def claims_of_step(step: LoopStep, loop: AskedLoop, limits: Any) -> Iterator[tuple[int, Claimed]]:
    """Yield what has to hold in a step of a run, with the number of the turn that it is about; 0 is the opening."""
    for claim in claims_at(step.plan.opened, loop, limits):
        yield 0, claim
    for number, taken in enumerate(step.plan.turns, start=1):
        for claim in claims_of(taken.turn, taken.lane, taken.share, limits):
            yield number, claim
        if not is_about_its_kind(taken.turn, taken.lane):
            return
        before, after = taken.before.world, taken.after.world
        yield number, (ENDS, lambda before=before, after=after: comes_nearer(before, after))  # type: ignore[misc]
        for claim in claims_at(taken.after, loop, limits):
            yield number, claim


@dataclass(frozen=True, slots=True)
class RunShape:
    """What is fixed about a run while its sizes are free."""

    before_steps: tuple[int, ...]
    """For each request, the step that is the first to find it."""
    num_steps: int


SHORT_SHAPES = (
    RunShape((1,), 1),
    RunShape((1,), 2),
    RunShape((1, 1), 1),
    RunShape((1,), 3),
    RunShape((1, 1), 2),
    RunShape((1, 2), 2),
    RunShape((1, 1, 1), 1),
)
LONG_SHAPES = (RunShape((1, 1, 2), 2), RunShape((1, 1), 3))
"""Where a violation is looked for, in this order."""

BLOCK_SIZES = (2,)
"""With blocks this small a run of a few steps meets the end of one."""


def any_run(ctx: Context, loop: AskedLoop, shape: RunShape) -> LoopRun:
    """Draw limits, with which the loop may start or not, a pool and requests of any size."""
    limits = any_record(ctx, "limits", loop.limits_type, positive=LIMITS_BASE)
    ctx.assume(limits.block_size == ctx.one_of("block_size", BLOCK_SIZES))
    arrivals = []
    for index, before_step in enumerate(shape.before_steps):
        name = f"request[{index}]"
        arrivals.append(
            LoopArrival(
                name=name,
                num_prompt_tokens=ctx.integer(f"{name}.num_prompt_tokens", 1),
                max_new_tokens=ctx.integer(f"{name}.max_new_tokens", 1),
                num_decode_tokens=ctx.integer(f"{name}.num_decode_tokens", 1),
                priority=ctx.integer(f"{name}.priority"),
                before_step=before_step,
            )
        )
        ctx.assume(arrivals[-1].num_decode_tokens <= limits.tokens_per_seq)
    return LoopRun(
        limits=limits,
        num_kv_blocks=ctx.integer("num_kv_blocks", 1),
        arrivals=tuple(arrivals),
        num_steps=shape.num_steps,
    )


def run_theorem(ctx: Context, loop: AskedLoop, shape: RunShape, rules: frozenset[str]) -> None:
    """Claim these rules of every step of every run of a shape."""
    run = any_run(ctx, loop, shape)
    try:
        ctx.assume(ctx.merged(lambda: loop.accepts(run.limits)))
        for step in run.steps(loop):
            for _, (name, holds) in claims_of_step(step, loop, run.limits):
                if name in rules or (FAILS in rules and name in ASKED):
                    claim(ctx, name, holds, rules)
    except LoopFailedError:
        if FAILS in rules:
            ctx.prove(FAILS, False)


def claim(ctx: Context, name: str, holds: Callable[[], Any], rules: frozenset[str]) -> None:
    """Claim a rule, if it is one of these; what the loop fails to say does not hold."""
    try:
        found = ctx.merged(holds)
    except LoopFailedError:
        if FAILS in rules:
            ctx.prove(FAILS, False)
        found = False
    if name in rules:
        ctx.prove(name, found)
