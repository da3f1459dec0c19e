"""What is so in a step, whatever a loop's ledger says: the driver and the proofs keep it by the same function."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any

from schedproof.step_loop.queues import Ahead
from schedproof.step_loop.turns import Preemption, Turn, Visit
from schedproof.view import StepView


class Lane(Enum):
    """Where a turn finds its request."""

    DECODE = auto()
    """Running, decoding, without a turn so far."""
    PROMPT = auto()
    """Running, in the middle of its prompt, without a turn so far."""
    WAITING = auto()
    SERVED = auto()
    """Running, and it had its turn."""
    NOWHERE = auto()
    """It is none of the step's requests, or it left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What a request got in this step so far."""

    num_tokens: int = 0
    num_new_blocks: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One point of a step as it really is."""

    ahead: Ahead
    num_tokens: int
    """Tokens that were given and not taken back."""
    num_free_blocks: int

    @property
    def num_slots_used(self) -> int:
        """Requests that run."""
        return self.ahead.num_decodes + self.ahead.num_prompts + self.ahead.num_served

    @property
    def num_turns_left(self) -> int:
        """What each turn makes smaller: requests without a turn count twice, served ones once."""
        ahead = self.ahead
        return 2 * (ahead.num_decodes + ahead.num_prompts + ahead.num_waiting) + ahead.num_served

    def view(self, budget: int) -> StepView:
        """Return the view that is true, with what a loop still hands out."""
        return StepView(
            num_tokens=self.num_tokens,
            budget=budget,
            num_slots_used=self.num_slots_used,
            num_free_blocks=self.num_free_blocks,
        )


def is_about_its_kind(turn: Turn[Any], lane: Lane) -> bool:
    """Return whether a turn is about one of the step's requests, and preempts only one that runs."""
    if isinstance(turn, Preemption):
        return lane not in (Lane.NOWHERE, Lane.WAITING)
    return lane is not Lane.NOWHERE


def world_after(world: World, turn: Turn[Any], lane: Lane, share: Share) -> World:
    """Return what is so after a turn of its kind; ``share`` is what the request had got before."""
    ahead = without(world.ahead, lane)
    if isinstance(turn, Preemption):
        return World(
            ahead=ahead,
            num_tokens=world.num_tokens - share.num_tokens,
            num_free_blocks=world.num_free_blocks + turn.request.num_blocks + share.num_new_blocks,
        )
    if isinstance(turn, Visit):
        return World(
            ahead=replace(ahead, num_served=ahead.num_served + 1),
            num_tokens=world.num_tokens + turn.num_tokens,
            num_free_blocks=world.num_free_blocks - turn.num_new_blocks,
        )
    if lane is not Lane.WAITING:
        ahead = replace(ahead, num_served=ahead.num_served + 1)
    return replace(world, ahead=ahead)


def without(ahead: Ahead, lane: Lane) -> Ahead:
    """Return the numbers with one request less in a lane."""
    field = {
        Lane.DECODE: "num_decodes",
        Lane.PROMPT: "num_prompts",
        Lane.WAITING: "num_waiting",
        Lane.SERVED: "num_served",
    }[lane]
    changed: Ahead = replace(ahead, **{field: getattr(ahead, field) - 1})
    return changed
