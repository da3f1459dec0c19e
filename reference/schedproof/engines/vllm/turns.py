"""The turns of vLLM's step loop: everything that a step does to its ledger.

Each function named after a turn is its guard, its grant and its effect: it returns the turn with the ledger after
it, or None when the turn is not taken. `next_turn` says which comes next, and that none does; the loop only repeats
it. A property that holds when a step opens and that every turn preserves therefore holds at every point of every
step, with any number of requests.

Source: ``Scheduler.schedule`` (vllm/v1/core/sched/scheduler.py), release 0.33.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from schedproof.engines.vllm.config import SchedulingPolicy, ServingConfig
from schedproof.engines.vllm.grants import (
    admission_grant,
    admission_tokens,
    blocks_of_all_tokens,
    has_budget,
    is_sure_to_end,
    running_grant,
    running_tokens,
)
from schedproof.engines.vllm.ledger import NOTHING, Grant, Ledger
from schedproof.engines.vllm.request import Request


class EngineDiedError(RuntimeError):
    """A step in which vLLM's scheduler itself ends the engine; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queues:
    """Who runs and who waits, at one point of a step."""

    running: tuple[Request, ...]
    """In order of admission; those who were preempted in the step are gone."""
    waiting: tuple[Request, ...]
    """In the order in which they are asked; those who were asked in the step are still listed."""
    num_free_blocks: int
    """KV blocks that were free when the step opened."""
    grants: tuple[Grant, ...] = ()
    """What the first running requests got in the step, one for each that had its turn."""

    def victim(self, config: ServingConfig) -> int:
        """Return the position of the running request that is preempted next.

        It is the last, or where priorities count the first in the list of those with the highest priority number
        and the latest arrival among them.
        """
        position = len(self.running) - 1
        if config.policy == SchedulingPolicy.FCFS:
            return position
        for other in reversed(range(position)):
            if not comes_before(self.running[other], self.running[position]):
                position = other
        return position


def comes_before(one: Request, other: Request) -> bool:
    """Return whether one request is preferred over another by priority and arrival."""
    if one.priority != other.priority:
        return one.priority < other.priority
    return one.arrival < other.arrival


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A running request gets its share of the step."""

    request: Request
    grant: Grant
    before: Ledger
    after: Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """A waiting request starts to run, with its first tokens."""

    request: Request
    grant: Grant
    before: Ledger
    after: Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """A running request gets nothing in the step, and the loop goes on behind it."""

    request: Request
    before: Ledger
    after: Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Passing:
    """A waiting request is passed over; it keeps its place in the queue."""

    request: Request
    before: Ledger
    after: Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Preemption:
    """A running request leaves the step, so that another one gets its blocks."""

    request: Request
    """Who leaves."""
    position: int
    """Where it ran in the list."""
    asking: Request
    """Who lacks blocks; the same request when nobody is left to preempt."""
    returned: Grant
    """What it was given before in the same step, and gives back."""
    before: Ledger
    after: Ledger


Turn = Visit | Admission | Skip | Passing | Preemption


def open_step(config: ServingConfig, *, num_running: int, num_waiting: int, num_free_blocks: int) -> Ledger:
    """Return the ledger before the first turn."""
    return Ledger(
        token_budget=config.token_limit,
        input_budget=config.max_num_batched_tokens,
        num_free_blocks=num_free_blocks,
        num_listed=num_running,
        num_waiting=num_waiting,
        long_prefill_threshold=long_prefill_threshold(config, num_running + num_waiting),
    )


def long_prefill_threshold(config: ServingConfig, num_requests: int) -> int:
    """Return the most that one of so many requests gets in a step; 0 for no bound, as where it is alone."""
    threshold = config.long_prefill_token_threshold
    if threshold == 0 or num_requests <= 1:
        return 0
    if config.long_prefill_token_threshold_adaptive:
        return max(threshold, config.max_num_batched_tokens // num_requests)
    return threshold


def next_turn(ledger: Ledger, queues: Queues, config: ServingConfig) -> Turn | None:
    """Return the next turn of the step, None when the step is over.

    Running requests come first, in list order, while both budgets last. One that lacks KV blocks preempts others,
    one a turn, until it has them or has left itself. Waiting requests are admitted in order, unless something was
    preempted; the first that has to wait ends the step.
    """
    if ledger.num_visited < ledger.num_listed:
        if not has_budget(ledger, config):
            return None
        request = queues.running[ledger.num_visited]
        skipped = skip(ledger, request, config)
        if skipped is not None:
            return skipped
        visited = visit(ledger, request, config)
        if visited is not None:
            return visited
        return preempt(ledger, request, queues, config)
    if ledger.num_preempted > 0 or ledger.num_asked >= ledger.num_waiting:
        return None
    request = queues.waiting[ledger.num_asked]
    passed = pass_over(ledger, request, config)
    if passed is not None:
        return passed
    return admit(ledger, request, config)


def asked_tokens(ledger: Ledger, request: Request, config: ServingConfig) -> int:
    """Return what the next listed request runs; what it asked for first still counts once others gave way."""
    if ledger.num_asked_tokens > 0:
        return ledger.num_asked_tokens
    return running_tokens(request, ledger, config)


def skip(ledger: Ledger, request: Request, config: ServingConfig) -> Skip | None:
    """Go past a running request that is sure to end, or for which there is no token."""
    if not is_sure_to_end(request) and asked_tokens(ledger, request, config) != 0:
        return None
    return Skip(request=request, before=ledger, after=replace(ledger, num_visited=ledger.num_visited + 1))


def visit(ledger: Ledger, request: Request, config: ServingConfig) -> Visit | None:
    """Give a running request its tokens and blocks, and charge both budgets; not taken where blocks are lacking."""
    grant = running_grant(request, asked_tokens(ledger, request, config), config)
    if grant.num_new_blocks > ledger.num_free_blocks:
        return None
    after = replace(
        charged(ledger, grant, config),
        num_visited=ledger.num_visited + 1,
        has_prefill=ledger.has_prefill or request.is_prefill_chunk,
        num_asked_tokens=0,
    )
    return Visit(request=request, grant=grant, before=ledger, after=after)


def preempt(ledger: Ledger, asking: Request, queues: Queues, config: ServingConfig) -> Preemption:
    """Take a running request out of the step, with its blocks and all that it was given."""
    position = queues.victim(config)
    victim = queues.running[position]
    was_visited = position < ledger.num_visited
    returned = queues.grants[position] if was_visited else NOTHING
    num_asked_tokens = 0 if position == ledger.num_visited else asked_tokens(ledger, asking, config)
    after = replace(
        refunded(ledger, returned, config),
        num_free_blocks=ledger.num_free_blocks + victim.num_blocks + returned.num_new_blocks,
        num_listed=ledger.num_listed - 1,
        num_visited=ledger.num_visited - 1 if was_visited else ledger.num_visited,
        num_asked_tokens=num_asked_tokens,
        num_preempted=ledger.num_preempted + 1,
    )
    return Preemption(
        request=victim, position=position, asking=asking, returned=returned, before=ledger, after=after
    )


def pass_over(ledger: Ledger, request: Request, config: ServingConfig) -> Passing | None:
    """Go past a waiting request with old results under way, or whose chunk would leave too little behind it."""
    if not has_room(ledger, config):
        return None
    if request.num_stale_tokens == 0 and admission_tokens(request, ledger, config) != 0:
        return None
    return Passing(request=request, before=ledger, after=replace(ledger, num_asked=ledger.num_asked + 1))


def admit(ledger: Ledger, request: Request, config: ServingConfig) -> Admission | None:
    """Let a waiting request run; not taken where it has to wait, and then the step ends."""
    if not has_room(ledger, config):
        return None
    num_tokens = admission_tokens(request, ledger, config)
    if num_tokens is None:
        return None
    grant = admission_grant(request, num_tokens, ledger, config)
    if grant.num_drafts > 0 and num_tokens != config.tokens_per_seq:
        raise EngineDiedError(
            f"long_prefill_token_threshold {ledger.long_prefill_threshold} cuts the {config.tokens_per_seq} tokens "
            "of an admission with drafts; vLLM ends by an assertion"
        )
    if not has_blocks_to_admit(ledger, request, grant, config):
        return None
    after = replace(
        charged(ledger, grant, config),
        num_asked=ledger.num_asked + 1,
        num_admitted=ledger.num_admitted + 1,
    )
    return Admission(request=request, grant=grant, before=ledger, after=after)


def has_room(ledger: Ledger, config: ServingConfig) -> bool:
    """Return whether another request could be admitted, whichever it is."""
    return has_budget(ledger, config) and ledger.num_running < config.active_limit


def has_blocks_to_admit(ledger: Ledger, request: Request, grant: Grant, config: ServingConfig) -> bool:
    """Return whether there are blocks for an admission, and those that it must leave free beside others."""
    num_left_free = config.watermark_blocks if ledger.num_running > 0 else 0
    num_free = ledger.num_free_blocks - num_left_free
    if config.scheduler_reserve_full_isl and blocks_of_all_tokens(request, config) > num_free:
        return False
    return grant.num_new_blocks <= num_free


def charged(ledger: Ledger, grant: Grant, config: ServingConfig) -> Ledger:
    """Return the ledger once a request runs with its grant; the drafter's rows are paid from the input alone."""
    return replace(
        ledger,
        token_budget=ledger.token_budget - grant.num_tokens,
        input_budget=ledger.input_budget - grant.num_tokens - config.draft_slots,
        num_free_blocks=ledger.num_free_blocks - grant.num_new_blocks,
        num_scheduled=ledger.num_scheduled + 1,
        num_tokens=ledger.num_tokens + grant.num_tokens,
    )


def refunded(ledger: Ledger, returned: Grant, config: ServingConfig) -> Ledger:
    """Return the ledger once a request that ran in the step does not any more; its blocks are the caller's."""
    if returned.num_tokens == 0:
        return ledger
    return replace(
        ledger,
        token_budget=ledger.token_budget + returned.num_tokens,
        input_budget=ledger.input_budget + returned.num_tokens + config.draft_slots,
        num_scheduled=ledger.num_scheduled - 1,
        num_tokens=ledger.num_tokens - returned.num_tokens,
    )
