"""Every plan of a step is a chain of turns, and nothing else changes its ledger: what the theorems say is so of plans.

Here the queues are short and everything else is free; `tests/property/test_scheduler.py` has long ones of any numbers.
"""

from __future__ import annotations

import pytest
from proofs.mutants.mutant import Mutant
from proofs.plans import CHAINED, ENDED, LEFT, OPENED, OVER, SORTED, TAKEN, checks_of
from proofs.theorems import check_held, check_refuted

from schedproof.engines.fastdeploy.loop import schedule
from schedproof.engines.fastdeploy.policies import NEWEST, REFERENCE
from schedproof.engines.fastdeploy.turns import Queues
from schedproof_spec.states.domain import any_config
from schedproof_spec.states.ledger import any_running_request, any_waiting_request
from schedproof_spec.states.merged import MergedPolicy

LENGTHS = [(running, waiting) for running in range(4) for waiting in range(4) if running + waiting <= 3]
POLICIES = {policy.name: policy for policy in (REFERENCE, NEWEST)}


def plan_is_turns(policy, num_running, num_waiting):
    """Return the theorem about every plan of queues of these lengths."""

    def theorem(ctx):
        merged = MergedPolicy(policy)
        config = any_config(ctx, merged)
        queues = Queues(
            running=tuple(any_running_request(ctx, f"running[{i}]", config, merged) for i in range(num_running)),
            waiting=tuple(any_waiting_request(ctx, f"waiting[{i}]", config) for i in range(num_waiting)),
            num_free_blocks=ctx.integer("num_free_blocks", 0),
            num_held_slots=ctx.integer("num_held_slots", 0),
            num_reserved_blocks_per_seq=ctx.integer("num_reserved_blocks_per_seq", 0),
        )
        ctx.assume(num_running + queues.num_held_slots <= config.max_num_seqs)
        plan = schedule(queues, config, merged)
        for label, holds in checks_of(plan, config, merged):
            ctx.prove(label, ctx.merged(holds))

    return theorem


@pytest.mark.parametrize(("num_running", "num_waiting"), LENGTHS)
@pytest.mark.parametrize("policy_name", POLICIES)
def test_a_plan_is_its_turns(policy_name, num_running, num_waiting, theorem):
    outcome = check_held(
        f"a plan under {policy_name} is its turns",
        plan_is_turns(POLICIES[policy_name], num_running, num_waiting),
        theorem,
        scope=f"{num_running} running, {num_waiting} waiting",
    )
    has_turns = num_running + num_waiting > 0
    assert outcome.reached == {OPENED, CHAINED, ENDED, OVER, SORTED, LEFT} | ({TAKEN} if has_turns else set())
