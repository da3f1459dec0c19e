"""How it is proved that every request that fits is served in a finite number of steps.

The argument. Requests are served in one order: the running list, then what was preempted, then the waiting queue.
No event lets a request overtake another (`prove_order`), so the first in this order stays first until it ends. In
every step its measure falls (`prove_head_advances`): the tokens that it has left to generate; for equal numbers of
these, a decode before a prefill; and then the tokens that it has left to prefill. Three natural numbers, compared
in this order, cannot fall for ever, so the first request ends; then the next is first. An end to all work follows
for any number of requests. A decode that preempts itself falls too: its prefill ends with a new token.

What no node takes is in no queue: an empty node of a pair takes a request (`prove_door`).

It needs that the worker acknowledges what left the batch before the next step, and that a prefill node's finished
prompts are handed over. On a decode node a request that loses its blocks is dropped, and so has ended.

Where only decodes are preempted nobody stays first on a mixed node; `decode_victims` has the argument.
"""

from __future__ import annotations

from collections.abc import Mapping

from schedproof.engines.fastdeploy.policy import Policy
from schedproof.request import Request
from schedproof_spec.invariant import Consequence, Invariant
from schedproof_spec.prover.context import Context
from schedproof_spec.rules.life import measure_falls
from schedproof_spec.states.domain import Configs
from schedproof_spec.states.ledger import Claim
from schedproof_spec.states.runs import RunStep
from schedproof_spec.theorems.advance import prove_head_advances
from schedproof_spec.theorems.budget import BUDGET_FIELDS
from schedproof_spec.theorems.decode_victims import prove_decode_victims
from schedproof_spec.theorems.order_of_service import DOOR, ORDER_EVENTS, prove_door, prove_order


def prove_progress(ctx: Context, configs: Configs, policy: Policy, given: Claim) -> None:
    """The order of service stands, the first request advances in every step, and an empty node is not shut."""
    parts = ("head", "order", "door", "victims") if policy.preempts_only_decodes else ("head", "order", "door")
    part = ctx.one_of("part_of_progress", parts)
    if part == "victims":
        prove_decode_victims(ctx, configs, policy)
    elif part == "head":
        prove_head_advances(ctx, configs, policy)
    elif part == "order":
        prove_order(ctx, configs, policy)
    else:
        prove_door(ctx, policy)


def run_moves_on(step: RunStep, policy: Policy) -> bool:
    """While requests are left, a step changes something; one that does not is followed by its like for ever."""
    if len(step.before) == 0:
        return True
    return len(step.outcome.launch.plan.preempted) > 0 or not same_requests(step.before, step.after)


def same_requests(before: Mapping[str, Request], after: Mapping[str, Request]) -> bool:
    """Return whether nothing about any request has changed."""
    return before.keys() == after.keys() and all(before[name] == after[name] for name in before)


PROGRESS = Invariant(
    name="progress",
    family="life",
    consequence=Consequence.STALL,
    sentence="While a request that fits has not ended, every step brings the first one nearer to its end.",
    statement=measure_falls,
    fields=("num_kv_blocks", *BUDGET_FIELDS, "enc_dec_block_num"),
    origin="With every token reserved for decodes the budget is 0, the loop visits nobody, and nobody gets blocks.",
    scope="a pool for the longest request and its reserve, any number of requests",
    proof=prove_progress,
    needs_pool=True,
    on_run=run_moves_on,
    covers=frozenset(
        {
            "arrival: a new request is behind all others",
            DOOR,
            *(f"{event}: nobody overtakes" for event in ORDER_EVENTS),
            "decodes: the loop visits it",
            "decodes: its measure falls",
            "prefills: the loop visits it",
            "prefills: its blocks fit",
            "prefills: it gets a chunk",
            "prefills: its measure falls",
            "waits: it is admitted with a chunk",
            "waits: its measure falls",
        }
    ),
)
