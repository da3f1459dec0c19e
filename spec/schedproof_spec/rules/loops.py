"""The rules of a step loop of one's own; those of the view are the ones that every engine shares."""

from __future__ import annotations

from schedproof.step_loop import LoopLimits, QueuedRequest, StepView
from schedproof.step_loop.world import Lane, Share, World
from schedproof.view import Limits


def view_is_true(view: StepView, world: World) -> bool:
    """The view says what is so."""
    return (
        (view.num_tokens == world.num_tokens)
        & (view.num_slots_used == world.num_slots_used)
        & (view.num_free_blocks == world.num_free_blocks)
    )


def slots_are_enough(view: StepView, limits: Limits) -> bool:
    """No more requests run than there are slots."""
    return view.num_slots_used <= limits.max_num_seqs


def blocks_are_enough(view: StepView) -> bool:
    """No block is given that is not free."""
    return view.num_free_blocks >= 0


def had_no_turn(lane: Lane) -> bool:
    """A request that is visited or skipped had no turn in this step."""
    return lane is not Lane.SERVED


def comes_nearer(before: World, after: World) -> bool:
    """Fewer turns are left after a turn than before it."""
    return after.num_turns_left < before.num_turns_left


def grant_is_within_need(request: QueuedRequest, share: Share, new: Share) -> bool:
    """A visit gives no more tokens than the request can run in a step, and none back."""
    return (new.num_tokens >= 0) & (share.num_tokens + new.num_tokens <= request.num_wanted_tokens)


def blocks_are_kept(new: Share) -> bool:
    """A visit takes no block away."""
    return new.num_new_blocks >= 0


def blocks_cover_tokens(request: QueuedRequest, share: Share, limits: LoopLimits) -> bool:
    """What a request has computed, and what it runs in this step, has a slot in one of its blocks."""
    num_tokens = request.num_computed_tokens + share.num_tokens
    return num_tokens <= (request.num_blocks + share.num_new_blocks) * limits.block_size
