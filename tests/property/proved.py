"""What the prover found for each policy, and the rules that it found for one step."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from schedproof import Policy, ServingConfig, StepPlan
from schedproof_spec import INVARIANTS
from schedproof_spec.states.runs import RunStep
from schedproof_spec.verdicts.stored_verdicts import read_stored

PLAN_RULES = [
    name
    for name, invariant in INVARIANTS.items()
    if invariant.family in ("budget", "chunk") and invariant.on_run is not None
]
"""The rules that speak of one step; what they read of it is its plan and its configuration."""


def keeps(name: str, plan: StepPlan, config: ServingConfig, policy: Policy) -> bool:
    """Return whether a planned step keeps a rule."""
    on_run = INVARIANTS[name].on_run
    assert on_run is not None
    return on_run(cast(RunStep, SimpleNamespace(plan=plan, config=config)), policy)


def proved(policy_name: str) -> dict[str, Any]:
    """Return what the prover found for a policy, by invariant."""
    return read_stored(f"policy_{policy_name}")
