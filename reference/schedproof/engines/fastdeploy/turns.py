"""The turns of FastDeploy's step loop: everything that a step does to its ledger.

A turn has a guard, what a request is given, and the ledger after it. `next_turn` says which turn comes next, and
that none does; the loop only repeats it. A property that holds when a step opens and that every turn preserves
therefore holds at every point of every step, with any number of requests.

Source: FastDeploy ``ResourceManagerV1.schedule``; everything in which its versions differ is a `Policy`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from schedproof.engines.fastdeploy.config import Role, ServingConfig
from schedproof.engines.fastdeploy.ledger import NOTHING, Grant, Ledger
from schedproof.engines.fastdeploy.rules import token_ratio
from schedproof.request import Request

if TYPE_CHECKING:
    from schedproof.engines.fastdeploy.policy import Policy


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
    num_reserved_blocks_after_preemption: int = 0
    """What that becomes with a preemption, at once; only a running prompt behind the victim meets it."""
    ratio_reserve: token_ratio.RatioReserve | None = None
    """What is left for it instead, where it is reserved by the tokens that each may still generate."""

    def last_decode(self, ledger: Ledger, config: ServingConfig) -> int:
        """Return the position of the last running request that is left and may be preempted."""
        position = ledger.num_running - 1
        while not has_decode_status(self.running[position], config):
            position -= 1
        return position

    def kept_prompt(self, ledger: Ledger, config: ServingConfig) -> Request:
        """Return the first prompt behind the last victim that had no turn."""
        behind = self.running[ledger.num_running :]
        kept = [request for request in behind if not has_decode_status(request, config)]
        return kept[ledger.num_visited - ledger.num_running]

    def remaining(self, ledger: Ledger, config: ServingConfig) -> list[Request]:
        """Return the running requests that were not preempted; where only decodes are."""
        before, behind = self.running[: ledger.num_running], self.running[ledger.num_running :]
        return [*before, *(request for request in behind if not has_decode_status(request, config))]

    def reserved_for_chunk(self, ledger: Ledger, config: ServingConfig) -> int:
        """Return what the token ratio reserves when a running prompt is visited, aborted decodes included."""
        if self.ratio_reserve is None:
            return 0
        reserve, remaining = self.ratio_reserve, self.remaining(ledger, config)
        if ledger.num_preempted > 0:
            reserve = token_ratio.after_preemption(reserve, remaining, config.block_size)
        return token_ratio.reserved_blocks(remaining, reserve, config.block_size)

    def reserved_for_admission(self, ledger: Ledger, config: ServingConfig) -> int:
        """Return what the token ratio reserves when a waiting request is asked; aborted decodes have left then."""
        if self.ratio_reserve is None:
            return 0
        visited = [one for one in self.running[: ledger.num_visited] if not (one.is_aborted and one.is_decoding)]
        left = (*visited, *self.running[ledger.num_visited :])
        num_reserved = token_ratio.reserved_blocks(left, self.ratio_reserve, config.block_size)
        return num_reserved + ledger.num_reserved_blocks

    def reserved_for(self, request: Request, config: ServingConfig) -> int:
        """Return what the token ratio reserves for one request."""
        if self.ratio_reserve is None:
            return 0
        return token_ratio.reserved_blocks((request,), self.ratio_reserve, config.block_size)


class Phase(StrEnum):
    """Why a request is visited."""

    DECODE = "decode"
    PREFILL = "prefill"
    ADMISSION = "admission"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A request gets its share of the step, which may be nothing."""

    request: Request
    phase: Phase
    grant: Grant
    before: Ledger
    after: Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Preemption:
    """A running request leaves the step, so that another one gets its blocks."""

    request: Request
    """Who leaves."""
    asking: Request
    """Who lacks blocks; the same request when it is the last."""
    before: Ledger
    after: Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Passing:
    """A prefill node goes past a request that waits for its hand-over."""

    request: Request
    before: Ledger
    after: Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Abort:
    """A decode that nobody waits for any more leaves the step; the worker holds its slot until it acknowledges."""

    request: Request
    before: Ledger
    after: Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """A waiting prompt that gets no chunk goes to the end of the queue."""

    request: Request
    before: Ledger
    after: Ledger


Turn = Visit | Preemption | Passing | Abort | Skip


def has_decode_status(request: Request, config: ServingConfig) -> bool:
    """Return whether a running request may be preempted where only decodes are; a decode node has nothing else."""
    return request.is_decoding or config.role == Role.DECODE


def count_decode(num_decoding: int, request: Request, config: ServingConfig) -> int:
    """Return the live decodes once a running request is counted too; a prefill node has none."""
    if request.is_decoding and config.runs_decode:
        return num_decoding + 1
    return num_decoding


def count_reserved(num_reserved: int, request: Request, config: ServingConfig, policy: Policy) -> int:
    """Return the requests that the budget reserves tokens for, once a running request is counted too."""
    if request.is_decoding and (config.runs_decode or policy.counts_prefilled):
        return num_reserved + 1
    return num_reserved


def open_step(
    config: ServingConfig,
    policy: Policy,
    *,
    num_decoding: int,
    num_reserved: int,
    num_free_blocks: int,
    num_slots_used: int,
    num_running: int = 0,
    num_waiting: int = 0,
) -> Ledger:
    """Return the ledger before the first turn; the budget reserves tokens for ``num_reserved`` requests."""
    return Ledger(
        budget=policy.initial_budget(config, num_reserved),
        num_decoding=num_decoding,
        prefill_tokens=0,
        num_free_blocks=num_free_blocks,
        num_slots_used=num_slots_used,
        num_preempted=0,
        num_running=num_running,
        num_waiting=num_waiting,
    )


def next_turn(ledger: Ledger, queues: Queues, config: ServingConfig, policy: Policy) -> Turn | None:
    """Return the next turn of the step, None when the step is over.

    Running requests come first, in list order, as long as the policy keeps visiting. A request that lacks KV blocks
    preempts the last running request, one a turn, until it has them or is the last itself. Where only decodes are
    preempted, it is the last decode, and a prompt that lacks them ends the step. Waiting requests are admitted in
    order, unless something was preempted; the first that cannot be admitted ends the step. Once a waiting request
    was asked, no running request is visited any more.
    """
    has_more = ledger.num_visited < ledger.num_running + ledger.num_kept
    if ledger.num_asked == 0 and has_more and policy.keeps_visiting(ledger.budget):
        return running_turn(ledger, queues, config, policy)
    return waiting_turn(ledger, queues, config, policy)


def running_turn(ledger: Ledger, queues: Queues, config: ServingConfig, policy: Policy) -> Turn | None:
    """Return the turn of the first running request that had none; None when its chunk may not start."""
    if policy.preempts_only_decodes and ledger.num_visited >= ledger.num_running:
        request = queues.kept_prompt(ledger, config)
    else:
        request = queues.running[ledger.num_visited]
    if request.is_decoding and not config.runs_decode:
        return Passing(request=request, before=ledger, after=replace(ledger, num_visited=ledger.num_visited + 1))
    if policy.aborts_when_visited and request.is_aborted and request.is_decoding:
        return Abort(request=request, before=ledger, after=end_decode(ledger, request))
    grant = ask(request, ledger.budget, config, policy)
    if policy.preempts_only_decodes and not request.is_decoding:
        if grant != NOTHING and not has_blocks_to_continue(ledger, request, grant, queues, config, policy):
            return None
    elif grant.num_new_blocks > ledger.num_free_blocks:
        if policy.preempts_only_decodes:
            return decode_preemption(ledger, request, queues, config)
        victim = queues.running[ledger.num_running - 1]
        return Preemption(request=victim, asking=request, before=ledger, after=preempt(ledger, victim, config))
    if request.is_decoding:
        after = run_decode(ledger, grant, config, policy)
        return Visit(request=request, phase=Phase.DECODE, grant=grant, before=ledger, after=after)
    after = run_prefill(ledger, grant)
    return Visit(request=request, phase=Phase.PREFILL, grant=grant, before=ledger, after=after)


def decode_preemption(ledger: Ledger, asking: Request, queues: Queues, config: ServingConfig) -> Preemption:
    """Return the turn in which the last decode leaves, for a decode that lacks blocks."""
    position = queues.last_decode(ledger, config)
    victim = queues.running[position]
    after = preempt_decode(ledger, position, victim, config)
    return Preemption(request=victim, asking=asking, before=ledger, after=after)


def waiting_turn(ledger: Ledger, queues: Queues, config: ServingConfig, policy: Policy) -> Turn | None:
    """Return the turn of the first waiting request that had none; None when it cannot be admitted."""
    if ledger.num_preempted > 0 or ledger.num_asked >= ledger.num_waiting:
        return None
    if ledger.budget <= 0 or ledger.num_slots_used >= config.max_num_seqs:
        return None
    request = queues.waiting[ledger.num_asked]
    if not policy.may_admit(request, ledger.budget, config):
        return None
    grant = ask(request, ledger.budget, config, policy)
    if grant == NOTHING:
        if not policy.skips_unfit_prompts:
            return None
        return Skip(request=request, before=ledger, after=replace(ledger, num_asked=ledger.num_asked + 1))
    if not has_blocks_to_admit(ledger, grant, queues, config, policy):
        return None
    after = admit(ledger, request, grant, queues.reserved_for(request, config))
    return Visit(request=request, phase=Phase.ADMISSION, grant=grant, before=ledger, after=after)


def ask(request: Request, budget: int, config: ServingConfig, policy: Policy) -> Grant:
    """Return what the request would run with this budget, and the KV blocks that it needs first."""
    if request.is_decoding:
        return Grant(num_tokens=config.tokens_per_seq, num_new_blocks=policy.decode_blocks(request, config))
    chunk = policy.next_chunk(request, budget, config)
    if chunk == 0:
        return NOTHING
    return Grant(num_tokens=chunk, num_new_blocks=policy.prefill_blocks(request, chunk, config))


def run_decode(ledger: Ledger, grant: Grant, config: ServingConfig, policy: Policy) -> Ledger:
    """Visit a decoding request: charge it and give it its blocks; the worker runs it in any case."""
    return replace(
        ledger,
        budget=ledger.budget - policy.decode_charge(config),
        num_free_blocks=ledger.num_free_blocks - grant.num_new_blocks,
        num_visited=ledger.num_visited + 1,
    )


def run_prefill(ledger: Ledger, grant: Grant) -> Ledger:
    """Hand a chunk to a running request."""
    return replace(
        ledger,
        budget=ledger.budget - grant.num_tokens,
        prefill_tokens=ledger.prefill_tokens + grant.num_tokens,
        num_free_blocks=ledger.num_free_blocks - grant.num_new_blocks,
        num_visited=ledger.num_visited + 1,
    )


def admit(ledger: Ledger, request: Request, grant: Grant, num_reserved_blocks: int) -> Ledger:
    """Move a waiting request into a slot, which it may hold already, with its first chunk."""
    return replace(
        ledger,
        budget=ledger.budget - grant.num_tokens,
        prefill_tokens=ledger.prefill_tokens + grant.num_tokens,
        num_free_blocks=ledger.num_free_blocks - grant.num_new_blocks,
        num_slots_used=ledger.num_slots_used if request.holds_slot else ledger.num_slots_used + 1,
        num_asked=ledger.num_asked + 1,
        num_admitted=ledger.num_admitted + 1,
        num_reserved_blocks=ledger.num_reserved_blocks + num_reserved_blocks,
    )


def has_blocks_to_admit(
    ledger: Ledger, grant: Grant, queues: Queues, config: ServingConfig, policy: Policy
) -> bool:
    """Return whether an admission leaves the output reserve of the running requests untouched."""
    num_needed = policy.blocks_to_admit(
        grant.num_new_blocks,
        ledger.num_running - ledger.num_aborted + ledger.num_admitted,
        ledger.num_slots_used,
        queues.num_reserved_blocks_per_seq,
        queues.reserved_for_admission(ledger, config),
        config,
    )
    return num_needed <= ledger.num_free_blocks and grant.num_new_blocks <= ledger.num_free_blocks


def has_blocks_to_continue(
    ledger: Ledger, request: Request, grant: Grant, queues: Queues, config: ServingConfig, policy: Policy
) -> bool:
    """Return whether the chunk of a running prompt may start, where it preempts nobody."""
    per_seq = queues.num_reserved_blocks_per_seq
    if ledger.num_preempted > 0:
        per_seq = queues.num_reserved_blocks_after_preemption
    num_needed = policy.blocks_to_continue(
        request,
        grant.num_tokens,
        ledger.num_running + ledger.num_kept,
        per_seq,
        queues.reserved_for_chunk(ledger, config),
        config,
    )
    return num_needed <= ledger.num_free_blocks and grant.num_new_blocks <= ledger.num_free_blocks


def end_decode(ledger: Ledger, request: Request) -> Ledger:
    """Take an aborted decode out of the step with its blocks."""
    return replace(
        ledger,
        num_decoding=ledger.num_decoding - 1,
        num_free_blocks=ledger.num_free_blocks + request.num_blocks - request.num_shared_blocks,
        num_visited=ledger.num_visited + 1,
        num_aborted=ledger.num_aborted + 1,
    )


def preempt(ledger: Ledger, victim: Request, config: ServingConfig) -> Ledger:
    """Take the last running request out of the step; its slot stays occupied until the worker acknowledges."""
    num_decoding = ledger.num_decoding
    if victim.is_decoding and config.runs_decode:
        num_decoding = num_decoding - 1
    return replace(
        ledger,
        num_decoding=num_decoding,
        num_free_blocks=ledger.num_free_blocks + victim.num_blocks - victim.num_shared_blocks,
        num_preempted=ledger.num_preempted + 1,
        num_running=ledger.num_running - 1,
    )


def preempt_decode(ledger: Ledger, position: int, victim: Request, config: ServingConfig) -> Ledger:
    """Take the last decode out of the step; the loop comes to the prompts behind it unless it asked itself."""
    after = preempt(ledger, victim, config)
    if position == ledger.num_visited:
        return replace(after, num_running=position, num_kept=0)
    num_between = ledger.num_running - 1 - position
    return replace(after, num_running=position, num_kept=ledger.num_kept + num_between)
