"""What a turn makes of a moment, and what may be asked of every turn."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from schedproof.engines.fastdeploy.config import Role, ServingConfig
from schedproof.engines.fastdeploy.ledger import Ledger
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.engines.fastdeploy.turns import (
    Abort,
    Passing,
    Phase,
    Preemption,
    Queues,
    Skip,
    Turn,
    Visit,
    count_decode,
)
from schedproof_spec.prover.context import Context
from schedproof_spec.states.logic import all_of

if TYPE_CHECKING:
    from schedproof_spec.states.ledger import Moment


def moment_after(ctx: Context, before: Moment, turn: Turn, config: ServingConfig) -> Moment:
    """Return the point of the step after a turn: the ledger as the turn left it, and what is so."""
    world, request = before.world, turn.request
    if isinstance(turn, Passing | Skip):
        return replace(before, ledger=turn.after)
    if isinstance(turn, Preemption | Abort):
        num_live = ctx.merged(lambda: count_decode(0, request, config))
        world = replace(
            world,
            num_decoding=world.num_decoding - num_live,
            num_free_blocks=world.num_free_blocks + request.num_blocks - request.num_shared_blocks,
        )
        return replace(before, ledger=turn.after, world=world, num_unvisited=before.num_unvisited - num_live)
    world = replace(world, num_free_blocks=world.num_free_blocks - turn.grant.num_new_blocks)
    if turn.phase is Phase.DECODE:
        return replace(before, ledger=turn.after, world=world, num_unvisited=before.num_unvisited - 1)
    world = replace(world, prefill_tokens=world.prefill_tokens + turn.grant.num_tokens)
    if turn.phase is Phase.ADMISSION:
        num_new_slots = ctx.merged(lambda: 0 if request.holds_slot else 1)
        world = replace(world, num_slots_used=world.num_slots_used + num_new_slots)
    finished = ctx.merged(lambda: before.all_finished and turn.grant.num_tokens == request.num_prefill_tokens_left)
    seen = True if turn.phase is Phase.PREFILL else before.prompt_seen
    return replace(before, ledger=turn.after, world=world, prompt_seen=seen, all_finished=finished)


def label_of(turn: Turn) -> str:
    """Return the kind of a turn in a word."""
    return turn.phase.value if isinstance(turn, Visit) else type(turn).__name__.lower()


TURNS = ("decode", "prefill", "admission", "preemption")
"""The kinds of turn that change what a step hands out."""


def is_in_order(turn: Turn, queues: Queues, config: ServingConfig, policy: Policy) -> bool:
    """Return whether the loop comes nearer to its end, and whoever is preempted is the last that may be."""
    comes_nearer = num_turns_left(turn.after) < num_turns_left(turn.before)
    if not isinstance(turn, Preemption):
        return comes_nearer
    position = queues.running.position_of(turn.request)  # type: ignore[attr-defined]
    may_leave = not policy.preempts_only_decodes or turn.request.is_decoding or config.role == Role.DECODE
    in_order: bool = all_of(comes_nearer, position is not None and position == turn.after.num_running, may_leave)
    return in_order


def num_turns_left(ledger: Ledger) -> int:
    """Return how many requests the loop may still come to."""
    num_running = ledger.num_running + ledger.num_kept - ledger.num_visited
    return num_running + ledger.num_waiting - ledger.num_asked
