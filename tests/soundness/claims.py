"""One cheap claim about a rule: the budget that a step is opened with is never more than the limit."""

from __future__ import annotations

from collections.abc import Callable

from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.engines.fastdeploy.reference_policy import ReferencePolicy
from schedproof_spec import Status
from schedproof_spec.prover.context import Context
from schedproof_spec.prover.prove import prove
from schedproof_spec.prover.subset.policies import policy_problem
from schedproof_spec.prover.verdict import Outcome, refused
from schedproof_spec.states.domain import draw_config
from schedproof_spec.states.merged import MergedPolicy

Budget = Callable[[ReferencePolicy, ServingConfig, int], int]


def policy_with(budget: Budget) -> ReferencePolicy:
    """Return the reference with another budget."""
    made: ReferencePolicy = type("Tried", (ReferencePolicy,), {"initial_budget": budget, "name": "tried"})()
    return made


def within_the_limit(policy: Policy) -> Outcome:
    """Decide whether a policy's budget is at most the limit, for every configuration and number of decodes."""
    problem = policy_problem(policy)
    if problem is not None:
        return refused(problem)
    merged = MergedPolicy(policy)

    def theorem(ctx: Context) -> None:
        config = draw_config(ctx)
        budget = merged.initial_budget(config, ctx.integer("num_decoding", 0))
        ctx.prove("within the limit", budget <= config.max_num_batched_tokens)

    return prove(theorem)


def assert_refused(policy: Policy, words: str) -> None:
    """Assert that a policy is not decided, and that the reason names the place and the construct."""
    outcome = within_the_limit(policy)
    assert outcome.status is Status.UNDECIDED, outcome
    for word in words.split(" ... "):
        assert word in outcome.reason
