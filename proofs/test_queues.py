"""The order of the running list between steps, which theorems about a step start from, is kept by everything."""

from __future__ import annotations

import pytest
from proofs.mutants.mutant import Mutant
from proofs.theorems import check_held, check_refuted

from schedproof.engines.fastdeploy.policies import POLICIES, REFERENCE
from schedproof_spec.states.domain import any_config
from schedproof_spec.states.merged import MergedPolicy
from schedproof_spec.theorems.queues import prove_order_kept

SCOPE = "every configuration in which chunks use up the budget, any number of requests"
COVERS = {
    "turn: whoever comes next stands in order",
    "turn: a decode stays one",
    "turn: a prompt ends after all before it",
    "turn: nobody decodes behind a prompt",
    "turn: the first that is admitted stands behind a list that was visited",
    "a decode generates: it stays one",
    "a prompt ends: it decodes",
    "a request arrives: it stands in order",
    "a request arrives: it has at most a token left",
}


@pytest.mark.parametrize("policy_name", POLICIES)
def test_every_event_keeps_the_order(policy_name, theorem):
    policy = MergedPolicy(POLICIES[policy_name])
    outcome = check_held(
        f"order of the running list under {policy_name}",
        lambda ctx: prove_order_kept(ctx, any_config, policy),
        theorem,
        scope=SCOPE,
    )
    assert outcome.reached >= COVERS


def change(name, module, function, old, new):
    return Mutant(name=name, module=f"schedproof.engines.fastdeploy.{module}", function=function, old=old, new=new)


MUTANTS = (
    change(
        "cut a prompt and keep budget", "rules.chunk", "reachable_end", "end = computed + budget", "end = computed"
    ),
    change(
        "admit before everybody was visited",
        "turns",
        "next_turn",
        "policy.keeps_visiting(ledger.budget)",
        "ledger.budget > 9",
    ),
    change("a decode that generates is a prompt again", "life.request_events", "after_tokens", "- 1", "- 2"),
    change(
        "the cache arrives with a token missing",
        "life.request_events",
        "after_arrival_of_cache",
        "num_computed_tokens=request.need_prefill_tokens",
        "num_computed_tokens=request.need_prefill_tokens - 1",
    ),
)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_mutant_is_refuted(mutant, theorem):
    check_refuted(
        "order of the running list",
        lambda ctx: prove_order_kept(ctx, any_config, MergedPolicy(REFERENCE)),
        mutant,
        theorem,
        scope=SCOPE,
    )
