"""One scheduling step: who runs, how many tokens, with which KV blocks.

Source: FastDeploy ``ResourceManagerV1.schedule``; everything in which its versions differ is a `Policy`.
"""

from dataclasses import dataclass
from enum import StrEnum

from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.engines.fastdeploy.ledger import (
    NOTHING,
    Grant,
    Step,
    admit,
    ask,
    open_step,
    preempt,
    run_decode,
    run_prefill,
)
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.engines.fastdeploy.rules.blocks import leaves_reserve
from schedproof.request import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Queues:
    """What the scheduler finds at the beginning of a step."""

    running: tuple[Request, ...]
    waiting: tuple[Request, ...]
    num_free_blocks: int
    num_held_slots: int = 0
    """Slots of requests that are neither running nor waiting: preempted or aborted, not yet acknowledged."""
    num_reserved_blocks_per_seq: int = 0
    """Free blocks that an admission must leave for the output of each running request."""


class Phase(StrEnum):
    """Which loop visited a request."""

    DECODE = "decode"
    PREFILL = "prefill"
    ADMISSION = "admission"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One turn of a loop: the request, what it got, and the ledger on both sides."""

    request: Request
    phase: Phase
    grant: Grant
    before: Step
    after: Step


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

    opened: Step
    visits: tuple[Visit, ...]
    preempted: tuple[Request, ...]
    unvisited_decodes: tuple[Request, ...]
    """Decoding requests that the loop did not reach; the worker runs them with the blocks they have."""
    final: Step

    @property
    def ledgers(self) -> tuple[Step, ...]:
        """The ledger at every point of the step, in order."""
        return (self.opened, *(visit.after for visit in self.visits), self.final)

    @property
    def num_chunks(self) -> int:
        """How many prompts the step visits, with or without tokens for them."""
        return sum(1 for visit in self.visits if visit.phase is not Phase.DECODE)

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
    """Schedule one step.

    Running requests come first, in list order. A request that lacks KV blocks preempts the last running request
    until it has them or is the last itself. Waiting requests are admitted in order, unless something was
    preempted; the first that cannot be admitted ends the step.
    """
    running = list(queues.running)
    opened = open_step(
        config,
        policy,
        num_decoding=sum(1 for request in running if request.is_decoding) if config.runs_decode else 0,
        num_free_blocks=queues.num_free_blocks,
        num_slots_used=len(running) + queues.num_held_slots,
    )
    step, visits, preempted = visit_running(opened, running, config, policy)
    decodes = [request for request in running if request.is_decoding] if config.runs_decode else []
    visited = {visit.request.request_id for visit in visits}
    if not preempted:
        step, admissions = visit_waiting(step, queues, config, policy)
        visits = visits + admissions
    return StepPlan(
        opened=opened,
        visits=visits,
        preempted=preempted,
        unvisited_decodes=tuple(request for request in decodes if request.request_id not in visited),
        final=step,
    )


def visit_running(
    step: Step, running: list[Request], config: ServingConfig, policy: Policy
) -> tuple[Step, tuple[Visit, ...], tuple[Request, ...]]:
    """Visit the running list in order; preempted requests are removed from it.

    Returns the ledger, the visits, and the preempted requests in the order in which they left.
    """
    visits: list[Visit] = []
    preempted: list[Request] = []
    index = 0
    while index < len(running) and policy.keeps_visiting(step.budget):
        request = running[index]
        index += 1
        if request.is_decoding and not config.runs_decode:
            continue
        grant = ask(request, step.budget, config, policy)
        while index <= len(running) and grant.num_new_blocks > step.num_free_blocks:
            victim = running.pop()
            step = preempt(step, victim, config)
            preempted.append(victim)
        if index > len(running):
            break
        phase = Phase.DECODE if request.is_decoding else Phase.PREFILL
        after = run_decode(step, grant, config, policy) if phase is Phase.DECODE else run_prefill(step, grant)
        visits.append(Visit(request=request, phase=phase, grant=grant, before=step, after=after))
        step = after
    return step, tuple(visits), tuple(preempted)


def visit_waiting(
    step: Step, queues: Queues, config: ServingConfig, policy: Policy
) -> tuple[Step, tuple[Visit, ...]]:
    """Admit waiting requests in order until one does not fit."""
    visits: list[Visit] = []
    for request in queues.waiting:
        if step.budget <= 0 or step.num_slots_used >= config.max_num_seqs:
            break
        grant = ask(request, step.budget, config, policy)
        if grant == NOTHING or not has_blocks_to_admit(step, grant, queues):
            break
        after = admit(step, grant)
        visits.append(Visit(request=request, phase=Phase.ADMISSION, grant=grant, before=step, after=after))
        step = after
    return step, tuple(visits)


def has_blocks_to_admit(step: Step, grant: Grant, queues: Queues) -> bool:
    """Return whether an admission leaves the output reserve of the running requests untouched."""
    reserve = step.num_slots_used * queues.num_reserved_blocks_per_seq
    return leaves_reserve(grant.num_new_blocks, reserve, step.num_free_blocks)
