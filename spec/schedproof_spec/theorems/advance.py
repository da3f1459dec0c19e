"""How it is proved that the first request in the order of service advances in every step (see `progress`)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from schedproof.engines.fastdeploy.config import Role, ServingConfig, ceil_div
from schedproof.engines.fastdeploy.ledger import Ledger
from schedproof.engines.fastdeploy.life import request_events
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.engines.fastdeploy.turns import Preemption, Queues, Turn, Visit, next_turn, open_step
from schedproof.request import Request
from schedproof_spec.prover.context import Context
from schedproof_spec.rules.life import measure_falls
from schedproof_spec.states.domain import Configs
from schedproof_spec.states.life import any_living_request
from schedproof_spec.states.merged import merged_on_path


def any_pool_for(ctx: Context, config: ServingConfig) -> Any:
    """Return the size of the pool, or draw one in which every request fits."""
    if config.num_kv_blocks is not None:
        return config.num_kv_blocks
    num_kv_blocks = ctx.integer("num_kv_blocks", 1)
    ctx.assume(config.max_blocks_per_seq <= num_kv_blocks)
    return num_kv_blocks


def prove_head_advances(ctx: Context, configs: Configs, policy: Policy) -> None:
    """The first running request, or the first waiting one when none is running, with any others behind it.

    Preemption takes the others first, so that the pool is the first one's when it comes to that; but for the blocks
    of whoever may not be preempted (`others_of_decode`).
    """
    stage = ctx.one_of("stage", ("decodes", "prefills", "waits", "waits behind a cached prefix"))
    config = configs(ctx, policy)
    num_kv_blocks = any_pool_for(ctx, config)
    request, max_total_tokens = any_living_request(ctx, config, num_items=1)
    ctx.assume(request.num_blocks <= num_kv_blocks)
    role = any_role(ctx, config) if policy.preempts_only_decodes else None
    is_aborted = stage != "decodes" and policy.aborts_when_visited and ctx.boolean("request.is_aborted")
    request = replace(request, holds_slot=False, is_aborted=is_aborted)
    if stage == "decodes":
        ctx.assume(ctx.merged(lambda: request.is_decoding and config.runs_decode))
        others = others_of_decode(ctx, role, num_kv_blocks - request.num_blocks)
        prove_decode_advances(ctx, request, max_total_tokens, others, config, policy)
        return
    arrives = config.role == Role.DECODE and policy.prefills_on_arrival
    ctx.assume(ctx.merged(lambda: not request.is_decoding and (config.role != Role.DECODE or arrives)))
    if stage == "prefills":
        others = others_of_prompt(ctx, role, request, max_total_tokens, num_kv_blocks, config, policy)
        prove_chunk_advances(ctx, request, max_total_tokens, others, config, policy)
    else:
        ctx.assume(ctx.merged(lambda: config.role != Role.DECODE))
        if stage == "waits":
            ctx.assume(request.num_blocks == 0)
        ctx.assume(ctx.merged(lambda: request.num_blocks * config.block_size == request.num_computed_tokens))
        request = replace(request, num_free_cached_blocks=request.num_blocks)
        prove_admission_advances(ctx, request, max_total_tokens, num_kv_blocks, config, policy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Others:
    """What those who run beside the first request leave to it."""

    num_free_blocks: Any
    """With everybody gone that preemption takes first."""
    is_anybody_left: bool = False
    """Whether one of them may not be preempted."""
    num_decoding: Any = None
    """How many decode, or wait for their hand-over; None where any number may."""
    num_reserved_blocks: Any = 0
    """What the token ratio reserves for all that run."""
    num_reserved_blocks_per_seq: Any = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstInLine(Queues):
    """A list that begins with the first request, where a chunk leaves an output reserve."""

    num_reserved_for_chunk: Any = 0

    def reserved_for_chunk(self, ledger: Ledger, config: ServingConfig) -> Any:
        """Return what is reserved for all that run."""
        return self.num_reserved_for_chunk


def any_role(ctx: Context, config: ServingConfig) -> Role:
    """Return the role of the node, on a path of its own."""
    role = ctx.one_of("role_of_node", tuple(Role))
    ctx.assume(config.role == role)
    return role


def others_of_decode(ctx: Context, role: Role | None, num_blocks_of_others: Any) -> Others:
    """Return what is left to the first decode: on a mixed node one prompt in its middle may keep its blocks."""
    if role is not Role.MIXED or not ctx.one_of("a prompt runs beside it", (False, True)):
        return Others(num_free_blocks=num_blocks_of_others)
    num_free_blocks = ctx.integer("num_free_blocks", 0)
    ctx.assume(num_free_blocks <= num_blocks_of_others)
    return Others(num_free_blocks=num_free_blocks, is_anybody_left=True)


def others_of_prompt(
    ctx: Context,
    role: Role | None,
    request: Request,
    max_total_tokens: Any,
    num_kv_blocks: Any,
    config: ServingConfig,
    policy: Policy,
) -> Others:
    """Return what is left to the first prompt in its middle, where it may not have anybody preempted.

    On a mixed node it comes to be the first with no decode beside it, so that nobody else runs; it holds the blocks
    of what is computed (`prove_prompt_blocks`), and its own output is reserved: no more than it may still generate.
    On the nodes of a pair it holds what was preallocated for it, and anything may be taken and reserved for others;
    nothing is prefilled again there, but for the first token of what arrives on a decode node.
    """
    if role is None:
        return Others(num_free_blocks=num_kv_blocks - request.num_blocks)
    num_reserved = ctx.integer("num_reserved_blocks", 0) if policy.reserves_by_token_ratio else 0
    per_seq = 0 if policy.reserves_by_token_ratio else ctx.integer("num_reserved_blocks_per_seq", 0)
    if role is not Role.MIXED:
        least = ctx.merged(lambda: policy.preallocated_blocks(request.num_prompt_tokens, config))
        ctx.assume(request.num_blocks >= least)
        ctx.assume(request.num_resumed_tokens <= (1 if role is Role.DECODE else 0))
        return Others(
            num_free_blocks=ctx.integer("num_free_blocks", 0),
            num_reserved_blocks=num_reserved,
            num_reserved_blocks_per_seq=per_seq,
        )
    ctx.assume(ctx.merged(lambda: holds_what_is_computed(request, config)))
    num_left = max_total_tokens - request.num_total_tokens
    ctx.assume(ctx.merged(lambda: num_reserved <= ceil_div(num_left, config.block_size)))
    return Others(
        num_free_blocks=num_kv_blocks - request.num_blocks,
        num_decoding=0,
        num_reserved_blocks=num_reserved,
        num_reserved_blocks_per_seq=per_seq,
    )


def holds_what_is_computed(request: Request, config: ServingConfig) -> bool:
    """A prompt in its middle on a mixed node holds the blocks of its tokens, and one with a speculative method."""
    spare = 1 if config.speculates else 0
    return request.num_blocks <= ceil_div(request.num_computed_tokens, config.block_size) + spare


def turn_of_the_first(
    ctx: Context, request: Request, num_decoding: Any, others: Others, config: ServingConfig, policy: Policy
) -> Turn | None:
    """Return the turn that the loop takes when it begins with this request, with any others behind it.

    ``num_decoding`` requests decode; on a prefill node they wait for their hand-over.
    """
    num_live = ctx.merged(lambda: num_decoding if config.runs_decode else 0)
    num_reserved = ctx.merged(lambda: num_decoding if config.runs_decode or policy.counts_prefilled else 0)
    ledger = open_step(
        config,
        policy,
        num_decoding=num_live,
        num_reserved=num_reserved,
        num_free_blocks=others.num_free_blocks,
        num_slots_used=config.max_num_seqs,
        num_running=1,
    )
    queues = FirstInLine(
        running=(request,),
        waiting=(),
        num_free_blocks=others.num_free_blocks,
        num_reserved_blocks_per_seq=others.num_reserved_blocks_per_seq,
        num_reserved_for_chunk=others.num_reserved_blocks,
    )
    return next_turn(ledger, queues, config, policy)


def prove_decode_advances(
    ctx: Context, request: Request, max_total_tokens: Any, others: Others, config: ServingConfig, policy: Policy
) -> None:
    """The loop visits it first: it gets what it asks for and produces a token, or is preempted and starts over.

    Where a preempted request holds its slot, starting over is not enough: with everybody waiting, no slot is free.
    """
    num_decoding = ctx.integer("num_decoding", 1)
    ctx.assume(num_decoding <= config.max_num_seqs)
    turn = turn_of_the_first(ctx, request, num_decoding, others, config, policy)
    ctx.prove("decodes: the loop visits it", turn is not None)
    if isinstance(turn, Preemption):
        needs_no_slot = others.is_anybody_left or not policy.keeps_slot_of_preempted
        ctx.prove("decodes: it loses no slot that it needs", needs_no_slot)
        after = request_events.after_preemption(request, keeps_slot=False)
    else:
        assert isinstance(turn, Visit)
        num_accepted = ctx.integer("num_accepted_drafts", 0)
        ctx.assume(num_accepted < config.tokens_per_seq)
        running = request_events.after_growth(request, turn.grant.num_new_blocks)
        produced = merged_on_path(
            request_events.num_produced_tokens, running, num_accepted, max_total_tokens, config
        )
        after = request_events.after_tokens(running, produced)
    ctx.prove("decodes: its measure falls", ctx.merged(lambda: measure_falls(request, after, max_total_tokens)))


def prove_chunk_advances(
    ctx: Context, request: Request, max_total_tokens: Any, others: Others, config: ServingConfig, policy: Policy
) -> None:
    """The loop gets to it with all that the decodes leave: a chunk, for which the others' blocks are there."""
    num_decoding = others.num_decoding
    if num_decoding is None:
        num_decoding = ctx.integer("num_decoding", 0)
        ctx.assume(num_decoding < config.max_num_seqs)
    ctx.assume(ctx.merged(lambda: config.chunked_prefill))
    turn = turn_of_the_first(ctx, request, num_decoding, others, config, policy)
    ctx.prove("prefills: the loop visits it", turn is not None)
    ctx.prove("prefills: its blocks fit", isinstance(turn, Visit))
    assert isinstance(turn, Visit)
    ctx.prove("prefills: it gets a chunk", turn.grant.num_tokens > 0)
    prove_computed(ctx, "prefills", request, request_events.after_chunk(request, turn.grant), max_total_tokens)


def prove_admission_advances(
    ctx: Context, request: Request, max_total_tokens: Any, num_kv_blocks: Any, config: ServingConfig, policy: Policy
) -> None:
    """With nothing running and all blocks free it is admitted with a chunk, behind a cached prefix or none.

    With all blocks free, those of its prefix are free too.
    Slots may be held by preempted requests that wait; all but one, since the first in line was not preempted.
    """
    num_held = ctx.integer("num_held_slots", 0)
    ctx.assume(num_held < config.max_num_seqs)
    if not policy.keeps_slot_of_preempted:
        ctx.assume(num_held == 0)
    ledger = open_step(
        config,
        policy,
        num_decoding=0,
        num_reserved=0,
        num_free_blocks=num_kv_blocks,
        num_slots_used=num_held,
        num_waiting=1,
    )
    queues = Queues(
        running=(),
        waiting=(request,),
        num_free_blocks=num_kv_blocks,
        num_reserved_blocks_per_seq=ctx.integer("num_reserved_blocks_per_seq", 0),
    )
    turn = next_turn(ledger, queues, config, policy)
    ctx.prove("waits: it is admitted with a chunk", isinstance(turn, Visit))
    assert isinstance(turn, Visit)
    prove_computed(ctx, "waits", request, request_events.after_chunk(request, turn.grant), max_total_tokens)


def prove_computed(ctx: Context, label: str, before: Request, after: Request, max_total_tokens: Any) -> None:
    """A chunk that ends the prompt brings the first token."""
    if after.is_decoding:
        after = request_events.after_tokens(after, 1)
    ctx.prove(f"{label}: its measure falls", ctx.merged(lambda: measure_falls(before, after, max_total_tokens)))
