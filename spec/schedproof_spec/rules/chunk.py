"""The chunk family: how prompts are cut, and the largest step that the engine plans for."""

from __future__ import annotations

from collections.abc import Callable

from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.engines.fastdeploy.ledger import NOTHING
from schedproof.engines.fastdeploy.loop import StepPlan
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.engines.fastdeploy.rules.chunk import item_cut_by
from schedproof.engines.fastdeploy.turns import Phase
from schedproof.request import Request
from schedproof.view import StepView


def chunk_advances_within_prompt(request: Request, chunk: int) -> bool:
    """A chunk that runs is positive and not longer than what is left of the prompt."""
    return (chunk > 0) & (chunk <= request.num_prefill_tokens_left)


def chunk_leaves_items_whole(request: Request, chunk: int, budget: int) -> bool:
    """A chunk ends outside every item, and within the budget."""
    return item_cut_by(request.items, request.num_computed_tokens + chunk) is None and chunk <= budget


def visited_chunks_hold(plan: StepPlan, statement: Callable[[Request, int, int], bool]) -> bool:
    """Every chunk that the plan runs satisfies a statement about request, chunk and budget before."""
    return all(
        statement(visit.request, visit.grant.num_tokens, visit.before.budget)
        for visit in plan.visits
        if visit.phase is not Phase.DECODE and visit.grant != NOTHING
    )


def capacity_covers(view: StepView, config: ServingConfig, policy: Policy) -> bool:
    """The engine plans for at least the tokens that the step runs."""
    return view.num_tokens <= policy.max_chunk_tokens(config)


def capacity_is_reached(view: StepView, config: ServingConfig, policy: Policy) -> bool:
    """The step runs as many tokens as the engine plans for."""
    return view.num_tokens == policy.max_chunk_tokens(config)
