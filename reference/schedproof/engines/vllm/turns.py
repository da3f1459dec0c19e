"""The turns of vLLM's step loop: everything that a step does to its ledger.

Each function named after a turn is its guard, its grant and its effect: it returns the turn with the ledger after
it, or None when the turn is not taken. `next_turn` says which comes next, and that none does; the loop only repeats
it. A property that holds when a step opens and that every turn preserves therefore holds at every point of every
step, with any number of requests.

Source: ``Scheduler.schedule`` (vllm/v1/core/sched/scheduler.py), release 0.33.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from schedproof.engines.vllm.config import ServingConfig
from schedproof.engines.vllm.encoder import EncoderCache, Encoding, encode
from schedproof.engines.vllm.grants import (
    admission_grant,
    admission_tokens,
    blocks_of_all_tokens,
    has_budget,
    is_sure_to_end,
    outside_lookahead,
    running_grant,
    running_tokens,
)
from schedproof.engines.vllm.ledger import NOTHING, Grant, Ledger
from schedproof.engines.vllm.queues import Queues
from schedproof.engines.vllm.request import Request, with_cached_prefix


class EngineDiedError(RuntimeError):
    """A step in which vLLM's scheduler itself ends the engine; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A running request gets its share of the step."""

    request: Request
    grant: Grant
    before: Ledger
    after: Ledger
    cache: EncoderCache
    """The encoder cache after the turn; so in every turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """A waiting request starts to run, with its first tokens."""

    request: Request
    grant: Grant
    before: Ledger
    after: Ledger
    cache: EncoderCache


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """A running request gets nothing in the step, and the loop goes on behind it."""

    request: Request
    before: Ledger
    after: Ledger
    cache: EncoderCache


@dataclass(frozen=True, slots=True, kw_only=True)
class Passing:
    """A waiting request is passed over; it keeps its place in the queue."""

    request: Request
    before: Ledger
    after: Ledger
    cache: EncoderCache


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A waiting request lacks blocks, which ends the step; room that was made for its items stays."""

    request: Request
    before: Ledger
    after: Ledger
    cache: EncoderCache


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
    cache: EncoderCache
    asked: Encoding
    """What the asking request wants; it is not asked anew when the others have left."""


Turn = Visit | Admission | Skip | Passing | Refusal | Preemption


def open_step(config: ServingConfig, *, num_running: int, num_waiting: int, num_free_blocks: int) -> Ledger:
    """Return the ledger before the first turn."""
    return Ledger(
        token_budget=config.token_limit,
        input_budget=config.max_num_batched_tokens,
        encoder_budget=config.encoder_budget,
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
        asked = ask(ledger, request, queues, config)
        skipped = skip(ledger, request, asked)
        if skipped is not None:
            return skipped
        visited = visit(ledger, request, asked, config)
        if visited is not None:
            return visited
        return preempt(ledger, request, asked, queues, config)
    if not may_admit(ledger, config):
        return None
    request = with_cached_prefix(queues.waiting[ledger.num_asked], config)
    wanted = want(ledger, request, queues, config)
    if wanted is None:
        return None
    passed = pass_over(ledger, request, wanted)
    if passed is not None:
        return passed
    admitted = admit(ledger, request, wanted, config)
    if admitted is not None:
        return admitted
    return refuse(ledger, request, wanted)


def ask(ledger: Ledger, request: Request, queues: Queues, config: ServingConfig) -> Encoding:
    """Return what the next listed request runs; what it wanted first still counts once others gave way to it."""
    if is_sure_to_end(request):
        return Encoding(num_tokens=0, items=(), cache=queues.cache)
    if ledger.num_asked_tokens > 0:
        return Encoding(num_tokens=ledger.num_asked_tokens, items=queues.asked_items, cache=queues.cache)
    return encoded(request, running_tokens(request, ledger, config), ledger, queues, config)


def may_admit(ledger: Ledger, config: ServingConfig) -> bool:
    """Return whether another waiting request is asked, whichever it is."""
    if ledger.is_closed or ledger.num_preempted > 0 or ledger.num_asked >= ledger.num_waiting:
        return False
    return has_budget(ledger, config) and ledger.num_running < config.active_limit


def want(ledger: Ledger, request: Request, queues: Queues, config: ServingConfig) -> Encoding | None:
    """Return what the next waiting request would run; None where it has to wait, and all behind it.

    A request whose old results are under way runs nothing.
    """
    if request.num_stale_tokens > 0:
        return Encoding(num_tokens=0, items=(), cache=queues.cache)
    num_tokens = admission_tokens(request, ledger, config)
    if num_tokens is None:
        return None
    return encoded(request, num_tokens, ledger, queues, config)


def encoded(request: Request, num_tokens: int, ledger: Ledger, queues: Queues, config: ServingConfig) -> Encoding:
    """Return what is left of a chunk by the items under it, and by what the drafter reads ahead."""
    if request.items == ():
        left = outside_lookahead(request, num_tokens, config)
        return Encoding(num_tokens=left, items=(), cache=queues.cache)
    encoding = encode(request, num_tokens, ledger.encoder_budget, queues.cache, config)
    return replace(encoding, num_tokens=outside_lookahead(request, encoding.num_tokens, config))


def skip(ledger: Ledger, request: Request, asked: Encoding) -> Skip | None:
    """Go past a running request that is sure to end, or for which there is no token; not taken for the others."""
    if asked.num_tokens != 0:
        return None
    after = replace(ledger, num_visited=ledger.num_visited + 1)
    return Skip(request=request, before=ledger, after=after, cache=asked.cache)


def visit(ledger: Ledger, request: Request, asked: Encoding, config: ServingConfig) -> Visit | None:
    """Give a running request its tokens and blocks, and charge both budgets; not taken where blocks are lacking."""
    grant = replace(running_grant(request, asked.num_tokens, config), items=asked.items)
    if grant.num_new_blocks > ledger.num_free_blocks:
        return None
    budget_when_asked = ledger.asked_encoder_budget if ledger.num_asked_tokens > 0 else ledger.encoder_budget
    after = replace(
        charged(ledger, grant, config),
        num_visited=ledger.num_visited + 1,
        has_prefill=ledger.has_prefill or request.is_prefill_chunk,
        num_asked_tokens=0,
        asked_encoder_budget=0,
        encoder_budget=budget_after(ledger.encoder_budget, budget_when_asked, grant),
    )
    return Visit(
        request=request, grant=grant, before=ledger, after=after, cache=asked.cache.with_items(asked.items)
    )


def budget_after(encoder_budget: int, budget_when_asked: int, grant: Grant) -> int:
    """Return the encoder budget once a request has its items; what others returned since it asked is lost."""
    if grant.num_encoder_tokens == 0:
        return encoder_budget
    return budget_when_asked - grant.num_encoder_tokens


def preempt(ledger: Ledger, asking: Request, asked: Encoding, queues: Queues, config: ServingConfig) -> Preemption:
    """Take a running request out of the step, with its blocks and all that it was given."""
    position = queues.victim(config)
    victim = queues.running[position]
    was_visited = position < ledger.num_visited
    returned = queues.grants[position] if was_visited else NOTHING
    keeps_asking = position != ledger.num_visited
    budget_when_asked = ledger.asked_encoder_budget if ledger.num_asked_tokens > 0 else ledger.encoder_budget
    after = replace(
        refunded(ledger, returned, config),
        num_free_blocks=ledger.num_free_blocks
        + victim.num_blocks
        - victim.num_shared_blocks
        + returned.num_new_blocks,
        num_listed=ledger.num_listed - 1,
        num_visited=ledger.num_visited - 1 if was_visited else ledger.num_visited,
        num_asked_tokens=asked.num_tokens if keeps_asking else 0,
        asked_encoder_budget=budget_when_asked if keeps_asking else 0,
        num_preempted=ledger.num_preempted + 1,
    )
    return Preemption(
        request=victim,
        position=position,
        asking=asking,
        returned=returned,
        before=ledger,
        after=after,
        cache=asked.cache.without_use_of(victim.items),
        asked=asked,
    )


def pass_over(ledger: Ledger, request: Request, wanted: Encoding) -> Passing | None:
    """Go past a waiting request of which nothing may run now; not taken for the others."""
    if wanted.num_tokens != 0:
        return None
    after = replace(ledger, num_asked=ledger.num_asked + 1)
    return Passing(request=request, before=ledger, after=after, cache=wanted.cache)


def admit(ledger: Ledger, request: Request, wanted: Encoding, config: ServingConfig) -> Admission | None:
    """Let a waiting request run; not taken where blocks are lacking."""
    grant = replace(admission_grant(request, wanted.num_tokens, ledger, config), items=wanted.items)
    if not has_blocks_to_admit(ledger, request, grant, config):
        return None
    if grant.num_drafts > 0 and grant.num_tokens != config.tokens_per_seq:
        raise EngineDiedError(
            f"long_prefill_token_threshold {ledger.long_prefill_threshold} cuts the {config.tokens_per_seq} tokens "
            "of an admission with drafts; vLLM ends by an assertion"
        )
    after = replace(
        charged(ledger, grant, config),
        num_free_blocks=ledger.num_free_blocks - grant.num_new_blocks - request.num_free_cached_blocks,
        num_asked=ledger.num_asked + 1,
        num_admitted=ledger.num_admitted + 1,
        encoder_budget=ledger.encoder_budget - grant.num_encoder_tokens,
    )
    cache = wanted.cache.with_items(wanted.items)
    return Admission(request=request, grant=grant, before=ledger, after=after, cache=cache)


def refuse(ledger: Ledger, request: Request, wanted: Encoding) -> Refusal:
    """End the step at a waiting request that lacks blocks; it needs no cached item before it is asked again."""
    cache = wanted.cache.without_use_of(request.items)
    return Refusal(request=request, before=ledger, after=replace(ledger, is_closed=True), cache=cache)


def has_blocks_to_admit(ledger: Ledger, request: Request, grant: Grant, config: ServingConfig) -> bool:
    """Return whether there are blocks for an admission, and those that it must leave free beside others."""
    num_left_free = config.watermark_blocks if ledger.num_running > 0 else 0
    num_free = ledger.num_free_blocks - num_left_free - request.num_free_cached_blocks
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
        encoder_budget=ledger.encoder_budget + returned.num_encoder_tokens,
        num_scheduled=ledger.num_scheduled - 1,
        num_tokens=ledger.num_tokens - returned.num_tokens,
    )
