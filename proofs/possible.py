"""The theorem that all others about a step start from: every step `is_possible`, at every point."""

from __future__ import annotations

from dataclasses import replace

from schedproof.engines.fastdeploy.policies import REFERENCE
from schedproof.engines.fastdeploy.policy import Policy
from schedproof_spec.prover.context import Context
from schedproof_spec.states.domain import Configs
from schedproof_spec.states.ledger import Claim, by_induction, nothing
from schedproof_spec.theorems.budget import BUDGET_NONNEGATIVE
from schedproof_spec.verdicts.question import Question


def prove_possible(ctx: Context, configs: Configs, policy: Policy, given: Claim) -> None:
    """By induction over the turns of a step, with no other claim."""
    by_induction(ctx, configs, policy, nothing, nothing)


POSSIBLE = replace(
    BUDGET_NONNEGATIVE,
    name="possible",
    sentence="A step looks at every point like what the other proofs start from.",
    proof=prove_possible,
    at_every_moment=nothing,
)


def possible(policy: Policy) -> Question:
    """Return whether every step is possible under a policy; for the reference with the sign of its budget."""
    return Question(BUDGET_NONNEGATIVE if policy is REFERENCE else POSSIBLE, policy)
