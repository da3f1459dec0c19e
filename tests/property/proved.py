"""What the prover found for each policy, and the rules that it found for one step."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from schedproof import REFERENCE, Policy, ServingConfig, StepPlan
from schedproof_spec import INVARIANTS
from schedproof_spec.states.runs import RunStep

GOLDENS = Path(__file__).parents[2] / "proofs" / "goldens"


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
    """Return what the prover found for a policy, by invariant; the reference keeps everything."""
    if policy_name == REFERENCE.name:
        return {name: {"status": "held"} for name in INVARIANTS}
    found: dict[str, Any] = json.loads((GOLDENS / f"policy_{policy_name}.json").read_text(encoding="utf-8"))
    return found
