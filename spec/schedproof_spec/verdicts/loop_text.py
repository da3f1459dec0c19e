"""What a run of a person's loop does, in words, and where it breaks a rule."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from enum import Enum
from typing import Any

from schedproof.step_loop import Preemption, Visit
from schedproof.step_loop.driver import Moment, TakenTurn
from schedproof.step_loop.engine import LoopStep
from schedproof.step_loop.world import Lane
from schedproof_spec.states.asked_loop import AskedLoop, LoopFailedError
from schedproof_spec.states.loop_runs import LoopArrival, LoopRun, claims_of_step
from schedproof_spec.theorems.loops import BLOCKS, BUDGET, FAILS, OVERSHOOT, OWN, SLOTS, VIEW


@dataclasses.dataclass(frozen=True, slots=True)
class LoopReplay:
    """What the loop does on numbers."""

    broken: frozenset[str]
    """The rules that the run breaks."""
    lines: tuple[str, ...]


def replay(run: LoopRun, loop: AskedLoop, rule: str | None = None) -> LoopReplay:
    """Run the loop on numbers; say what it does, up to where a rule breaks if one is named, and what breaks.

    Raises:
        ValueError: the loop does not start with these limits.
    """
    lines: list[str] = []
    broken: set[str] = set()
    try:
        if not loop.accepts(run.limits):
            raise ValueError("run.limits: `accepts` refuses these limits")
    except LoopFailedError as error:
        return LoopReplay(frozenset({FAILS}), (f"{FAILS} is broken: {error}",))
    steps = run.steps(loop)
    for number in range(1, run.num_steps + 1):
        lines += [arrival_line(each) for each in run.arrivals if each.before_step == number]
        try:
            step = next(steps, None)
            if step is None:
                break
            for text, found in step_lines(step, loop, run.limits):
                lines.append(f"step {number}: {text}")
                lines += [f"step {number}: {name} is broken: {why}" for name, why in found.items()]
                broken |= found.keys()
                if rule in broken:
                    return LoopReplay(frozenset(broken), tuple(lines))
        except LoopFailedError as error:
            lines.append(f"step {number}: {FAILS} is broken: {error}")
            return LoopReplay(frozenset({*broken, FAILS}), tuple(lines))
    return LoopReplay(frozenset(broken), tuple(lines))


def step_lines(step: LoopStep, loop: AskedLoop, limits: Any) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield a line for the opening and for each turn, with the rules that are broken there, and why."""
    broken: dict[int, dict[str, str]] = {}
    for number, (name, holds) in claims_of_step(step, loop, limits):
        taken = None if number == 0 else step.plan.turns[number - 1]
        moment = step.plan.opened if taken is None else taken.after
        try:
            if not holds():
                broken.setdefault(number, {})[name] = reason(name, taken, moment, loop, limits)
        except LoopFailedError as error:
            broken.setdefault(number, {}).update({FAILS: str(error), name: str(error)})
    opened = step.plan.opened
    ahead = opened.world.ahead
    found = f"{ahead.num_decodes} decodes, {ahead.num_prompts} prompts, {ahead.num_waiting} waiting"
    yield (
        f"opens with {found}, {opened.world.num_free_blocks} free blocks: {shown(opened.ledger)}",
        broken.get(0, {}),
    )
    for number, taken in enumerate(step.plan.turns, start=1):
        yield (
            turn_text(taken, step.names),
            broken.get(number, {}),
        )
    ended = f"; {', '.join(step.ended)} ended" if step.ended else ""
    yield f"runs {step.plan.moments[-1].world.num_tokens} tokens{ended}", {}


def arrival_line(arrival: LoopArrival) -> str:
    """Return an arrival in words."""
    more = f", {arrival.num_decode_tokens} tokens a decode" if arrival.num_decode_tokens > 1 else ""
    more += f", priority {arrival.priority}" if arrival.priority != 0 else ""
    sizes = f"{arrival.num_prompt_tokens} prompt tokens, {arrival.max_new_tokens} to generate"
    return f"{arrival.name} arrives: {sizes}{more}"


def turn_text(taken: TakenTurn, names: dict[int, str]) -> str:
    """Return a turn in words."""
    turn = taken.turn
    name = names.get(id(turn.request), "a request that is none of the step's")
    if isinstance(turn, Visit):
        words = {Lane.DECODE: "decodes", Lane.PROMPT: "prefills", Lane.WAITING: "is admitted"}
        done = words.get(taken.lane, "is visited once more" if taken.lane is Lane.SERVED else "is visited")
        text = f"{name} {done}: {turn.num_tokens} tokens, {turn.num_new_blocks} new blocks"
    else:
        text = f"{name} is {'preempted' if isinstance(turn, Preemption) else 'skipped'}"
    return f"{text}; {changes(taken.before.ledger, taken.after.ledger)}"


def changes(before: Any, after: Any) -> str:
    """Return what a turn changes in the ledger."""
    fields = [field.name for field in dataclasses.fields(before)]
    pairs = [(name, plain(getattr(before, name)), plain(getattr(after, name))) for name in fields]
    return (
        ", ".join(f"{name} {old} -> {new}" for name, old, new in pairs if old != new) or "the ledger stays as it is"
    )


def shown(ledger: Any) -> str:
    """Return a ledger in words."""
    fields = [field.name for field in dataclasses.fields(ledger)]
    return ", ".join(f"{name} {plain(getattr(ledger, name))}" for name in fields)


def plain(value: Any) -> str:
    """Return a number, bool or member of an enum as a person wrote it."""
    return value.name if isinstance(value, Enum) else str(value)


def reason(name: str, taken: TakenTurn | None, moment: Moment, loop: AskedLoop, limits: Any) -> str:
    """Return why a rule is broken at a point of a step, or by the turn before it."""
    world = moment.world
    if name in (VIEW, BUDGET):
        view = loop.view(moment.ledger, limits)
        if name == BUDGET:
            return f"the budget is {view.budget}"
        said = f"{view.num_tokens} tokens, {view.num_slots_used} slots used, {view.num_free_blocks} free blocks"
        true = f"{world.num_tokens}, {world.num_slots_used} and {world.num_free_blocks}"
        return f"the view says {said}; there are {true}"
    words = {
        OVERSHOOT: f"{world.num_tokens} tokens run, and max_num_batched_tokens is {limits.max_num_batched_tokens}",
        SLOTS: f"{world.num_slots_used} requests run, and max_num_seqs is {limits.max_num_seqs}",
        BLOCKS: f"{world.num_free_blocks} blocks are free",
        OWN: "`holds` is False",
    }
    if name in words:
        return words[name]
    assert taken is not None
    request, share = taken.turn.request, taken.share
    computed = f"{request.num_computed_tokens} tokens computed"
    return (
        f"the request has {computed} of {request.need_prefill_tokens} to prefill, {request.num_blocks} blocks of "
        f"{limits.block_size}, wants {request.num_wanted_tokens} tokens, and had got {share.num_tokens}"
    )
