"""vLLM's step loop, and the plan that comes out of it: who runs, how many tokens, with which KV blocks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

from schedproof.engines.vllm.config import ServingConfig
from schedproof.engines.vllm.encoder import EncoderCache
from schedproof.engines.vllm.ledger import NOTHING, Grant, Ledger
from schedproof.engines.vllm.queues import Queues
from schedproof.engines.vllm.request import Request
from schedproof.engines.vllm.turns import (
    Admission,
    Passing,
    Preemption,
    Refusal,
    Skip,
    Turn,
    Visit,
    next_turn,
    open_step,
)

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledRequest:
    """A request of the step's batch, as it was when the step opened."""

    request: Request
    grant: Grant


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPlan:
    """The outcome of one call of `schedule`."""

    queues: Queues
    """What it found."""
    opened: Ledger
    turns: tuple[Turn, ...]
    batch: tuple[ScheduledRequest, ...]
    """Who runs: those who ran before in their order, then the admitted ones."""
    running: tuple[Request, ...]
    """The running list after the step, with those who got nothing."""
    waiting: tuple[Request, ...]
    """Who still waits; preempted requests are not among them."""
    preempted: tuple[Request, ...]
    """In the order in which they left."""
    final: Ledger
    cache: EncoderCache
    """The encoder cache after the step."""

    @property
    def ledgers(self) -> tuple[Ledger, ...]:
        """The ledger at every point of the step, in order."""
        return (self.opened, *(turn.after for turn in self.turns))

    @property
    def unserved(self) -> tuple[Request, ...]:
        """Running requests that the loop did not come to."""
        return self.running[self.final.num_visited : self.final.num_listed]


def schedule(queues: Queues, config: ServingConfig) -> StepPlan:
    """Schedule one step: take turns until none is left (`next_turn` says in which order)."""
    opened = open_step(
        config,
        num_running=len(queues.running),
        num_waiting=len(queues.waiting),
        num_free_blocks=queues.num_free_blocks,
    )
    ledger, left, turns = opened, queues, list[Turn]()
    while (turn := next_turn(ledger, left, config)) is not None:
        turns.append(turn)
        ledger, left = turn.after, queues_after(left, turn)
    admissions = [turn for turn in turns if isinstance(turn, Admission)]
    admitted = [turn.request.request_id for turn in admissions]
    visits = zip(left.running, left.grants, strict=False)
    batch = [ScheduledRequest(request=request, grant=grant) for request, grant in visits if grant.num_tokens > 0]
    batch += [ScheduledRequest(request=turn.request, grant=turn.grant) for turn in admissions]
    return StepPlan(
        queues=queues,
        opened=opened,
        turns=tuple(turns),
        batch=tuple(batch),
        running=(*left.running, *(turn.request for turn in admissions)),
        waiting=tuple(request for request in queues.waiting if request.request_id not in admitted),
        preempted=tuple(turn.request for turn in turns if isinstance(turn, Preemption)),
        final=ledger,
        cache=left.cache,
    )


def queues_after(queues: Queues, turn: Turn) -> Queues:
    """Return who runs and waits, and what the encoder has run, once a turn is taken."""
    left = replace(queues, cache=turn.cache)
    if isinstance(turn, Visit):
        return replace(left, grants=(*queues.grants, turn.grant), asked_items=())
    if isinstance(turn, Skip):
        return replace(left, grants=(*queues.grants, NOTHING))
    if isinstance(turn, Preemption):
        return replace(
            left,
            running=without(queues.running, turn.position),
            grants=without(queues.grants, turn.position),
            asked_items=() if turn.request is turn.asking else turn.asked.items,
        )
    assert isinstance(turn, Admission | Passing | Refusal)
    return left


def without(items: tuple[Item, ...], position: int) -> tuple[Item, ...]:
    """Return a tuple without the item at a position, which may lie behind its end."""
    return items[:position] + items[position + 1 :]
