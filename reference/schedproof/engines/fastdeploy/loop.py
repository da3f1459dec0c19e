"""FastDeploy's step loop, and the plan that comes out of it: who runs, how many tokens, with which KV blocks."""

from __future__ import annotations

from dataclasses import dataclass

from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.engines.fastdeploy.ledger import Ledger
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.engines.fastdeploy.rules import token_ratio
from schedproof.engines.fastdeploy.turns import (
    Abort,
    Phase,
    Preemption,
    Queues,
    Skip,
    Turn,
    Visit,
    count_decode,
    count_reserved,
    next_turn,
    open_step,
)
from schedproof.request import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledRequest:
    """A request of the step's batch."""

    request_id: str
    phase: Phase
    num_tokens: int
    num_new_blocks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPlan:
    """The outcome of one call of `schedule`."""

    queues: Queues
    """What it found."""
    opened: Ledger
    turns: tuple[Turn, ...]
    visits: tuple[Visit, ...]
    """The turns in which a request got its share."""
    preempted: tuple[Request, ...]
    """In the order in which they left."""
    aborted: tuple[Request, ...]
    skipped: tuple[Request, ...]
    unvisited_decodes: tuple[Request, ...]
    """Decoding requests that the loop did not reach; the worker runs them with the blocks they have."""
    final: Ledger

    @property
    def ledgers(self) -> tuple[Ledger, ...]:
        """The ledger at every point of the step, in order."""
        return (self.opened, *(turn.after for turn in self.turns))

    @property
    def num_chunks(self) -> int:
        """How many prompts the step visits, with or without tokens for them."""
        return sum(1 for visit in self.visits if visit.phase is not Phase.DECODE)

    @property
    def has_tasks(self) -> bool:
        """Whether the worker is sent anything: a chunk, new blocks, or that a request leaves."""
        has_chunk = any(visit.phase is not Phase.DECODE and visit.grant.num_tokens > 0 for visit in self.visits)
        has_blocks = any(visit.grant.num_new_blocks > 0 for visit in self.visits)
        return has_chunk or has_blocks or bool(self.preempted or self.aborted)

    def ratio_reserve_after(self, config: ServingConfig) -> token_ratio.RatioReserve | None:
        """Return the token ratio's reserve after the step; None where output is not reserved by it."""
        reserve = self.queues.ratio_reserve
        if reserve is None:
            return None
        if self.preempted:
            remaining = self.queues.remaining(self.final, config)
            reserve = token_ratio.after_preemption(reserve, remaining, config.block_size)
        return token_ratio.after_step(reserve, self.has_tasks)

    def num_tokens(self, config: ServingConfig) -> int:
        """Return the tokens that the worker really runs."""
        return self.final.num_tokens(config)

    def batch(self, config: ServingConfig) -> tuple[ScheduledRequest, ...]:
        """Return what the worker runs, request by request; the tokens add up to `num_tokens`."""
        visited = tuple(
            ScheduledRequest(
                request_id=visit.request.request_id,
                phase=visit.phase,
                num_tokens=visit.grant.num_tokens,
                num_new_blocks=visit.grant.num_new_blocks,
            )
            for visit in self.visits
            if visit.grant.num_tokens != 0
        )
        unvisited = tuple(
            ScheduledRequest(
                request_id=request.request_id,
                phase=Phase.DECODE,
                num_tokens=config.tokens_per_seq,
                num_new_blocks=0,
            )
            for request in self.unvisited_decodes
        )
        return visited + unvisited


def schedule(queues: Queues, config: ServingConfig, policy: Policy) -> StepPlan:
    """Schedule one step: take turns until none is left (`next_turn` says in which order)."""
    num_decoding, num_reserved = 0, 0
    for request in queues.running:
        num_decoding = count_decode(num_decoding, request, config)
        num_reserved = count_reserved(num_reserved, request, config, policy)
    opened = open_step(
        config,
        policy,
        num_decoding=num_decoding,
        num_reserved=num_reserved,
        num_free_blocks=queues.num_free_blocks,
        num_slots_used=len(queues.running) + queues.num_held_slots,
        num_running=len(queues.running),
        num_waiting=len(queues.waiting),
    )
    ledger, turns = opened, []
    while (turn := next_turn(ledger, queues, config, policy)) is not None:
        turns.append(turn)
        ledger = turn.after
    unvisited = queues.running[ledger.num_visited : ledger.num_running] if config.runs_decode else ()
    return StepPlan(
        queues=queues,
        opened=opened,
        turns=tuple(turns),
        visits=tuple(turn for turn in turns if isinstance(turn, Visit)),
        preempted=tuple(turn.request for turn in turns if isinstance(turn, Preemption)),
        aborted=tuple(turn.request for turn in turns if isinstance(turn, Abort)),
        skipped=tuple(turn.request for turn in turns if isinstance(turn, Skip)),
        unvisited_decodes=tuple(request for request in unvisited if request.is_decoding),
        final=ledger,
    )
