"""The ledger of one step and the only five ways in which it changes.

Every scheduling loop is a composition of these functions, so a property that all of them preserve holds for any
number of requests.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.request import Request

if TYPE_CHECKING:
    from schedproof.engines.fastdeploy.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What the scheduling loops carry."""

    budget: int
    """Tokens that the policy still hands out."""
    num_decoding: int
    """Live decoding slots; the worker runs all of them, visited or not."""
    prefill_tokens: int
    """Tokens of the chunks handed out so far."""
    num_free_blocks: int
    num_slots_used: int
    """Slots of running requests and of preempted ones that the worker still holds."""
    num_preempted: int

    def num_tokens(self, config: ServingConfig) -> int:
        """Return the tokens that the worker really runs if the step ends here."""
        return self.num_decoding * config.tokens_per_seq + self.prefill_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What one request gets in a step."""

    num_tokens: int
    num_new_blocks: int


NOTHING = Grant(num_tokens=0, num_new_blocks=0)


def open_step(
    config: ServingConfig, policy: Policy, *, num_decoding: int, num_free_blocks: int, num_slots_used: int
) -> Step:
    """Return the ledger before the first request is visited."""
    return Step(
        budget=policy.initial_budget(config, num_decoding),
        num_decoding=num_decoding,
        prefill_tokens=0,
        num_free_blocks=num_free_blocks,
        num_slots_used=num_slots_used,
        num_preempted=0,
    )


def ask(request: Request, budget: int, config: ServingConfig, policy: Policy) -> Grant:
    """Return what the request would run with this budget, and the KV blocks that it needs first."""
    if request.is_decoding:
        return Grant(num_tokens=config.tokens_per_seq, num_new_blocks=policy.decode_blocks(request, config))
    chunk = policy.next_chunk(request, budget, config)
    if chunk == 0:
        return NOTHING
    return Grant(num_tokens=chunk, num_new_blocks=policy.prefill_blocks(request, chunk, config))


def run_decode(step: Step, grant: Grant, config: ServingConfig, policy: Policy) -> Step:
    """Visit a decoding request: charge it and give it its blocks; the worker runs it in any case."""
    return replace(
        step,
        budget=step.budget - policy.decode_charge(config),
        num_free_blocks=step.num_free_blocks - grant.num_new_blocks,
    )


def run_prefill(step: Step, grant: Grant) -> Step:
    """Hand a chunk to a running request."""
    return replace(
        step,
        budget=step.budget - grant.num_tokens,
        prefill_tokens=step.prefill_tokens + grant.num_tokens,
        num_free_blocks=step.num_free_blocks - grant.num_new_blocks,
    )


def admit(step: Step, grant: Grant) -> Step:
    """Move a waiting request into a slot with its first chunk."""
    return replace(run_prefill(step, grant), num_slots_used=step.num_slots_used + 1)


def preempt(step: Step, victim: Request, config: ServingConfig) -> Step:
    """Take a running request out of the step; its slot stays occupied until the worker acknowledges."""
    freed = replace(
        step,
        num_free_blocks=step.num_free_blocks + victim.num_blocks - victim.num_shared_blocks,
        num_preempted=step.num_preempted + 1,
    )
    if victim.is_decoding and config.runs_decode:
        return replace(freed, num_decoding=step.num_decoding - 1)
    return freed
