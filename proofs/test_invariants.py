"""Every invariant under every policy: the reference keeps them all, and each upstream version breaks some.

The golden files hold what the solver finds: the verdict, and the smallest state that breaks the rule.
"""

from __future__ import annotations

import json

import pytest

from schedproof.engines.fastdeploy.policies import POLICIES, REFERENCE
from schedproof_spec import INVARIANTS, Status, Witness, decide

COVERS = {
    "budget_nonnegative": ("open", "decode", "prefill", "admission", "preemption"),
    "no_overshoot": ("open", "decode", "prefill", "admission", "preemption"),
    "budget_tight": (
        "open",
        "decode",
        "prefill",
        "admission",
        "preemption",
        "decode leaves no more budget",
        "prefill leaves no more budget",
        "admission leaves no more budget",
        "preemption leaves no more budget",
        "the loop stops with nothing left",
        "a visited request could not use the rest",
        "a refused request could not use the rest",
    ),
    "every_decode_served": ("a decode is visited, or served without", "a visited decode is served"),
    "charge_follows_method": ("charge_follows_method",),
    "chunk_within_prompt": ("chunk_within_prompt", "a chunk ends its prompt", "a prompt that is tiled decodes"),
    "chunk_respects_items": ("chunk_respects_items", "the budget ends inside an item"),
    "chunk_capacity_covers_step": (
        "open",
        "decode",
        "prefill",
        "admission",
        "preemption",
        "every slot decodes",
        "an empty step can be filled",
        "an admission keeps it so",
        "a filled step reaches it",
    ),
    "decode_fits_budget": ("decode_fits_budget",),
    "dispatch_capacity_covers_step": ("dispatch_capacity_covers_step",),
    "message_fits": ("message_fits",),
}
"""Claims and covers that some state of the reference must get to, so that no proof is empty."""


def test_every_invariant_has_its_covers():
    assert COVERS.keys() == INVARIANTS.keys()


@pytest.mark.parametrize("name", INVARIANTS)
def test_reference_keeps(name, theorem):
    verdict = decide(INVARIANTS[name], REFERENCE)
    assert verdict.status is Status.HELD, verdict.message
    assert set(COVERS[name]) <= verdict.reached
    assert not verdict.unreached
    theorem(f"{name} under reference", verdict, scope=verdict.scope)


UPSTREAM = [name for name in POLICIES if name != REFERENCE.name]


@pytest.mark.parametrize("policy_name", UPSTREAM)
def test_upstream_is_decided(policy_name, theorem, golden):
    policy = POLICIES[policy_name]
    found = {}
    for name, invariant in INVARIANTS.items():
        verdict = decide(invariant, policy)
        assert verdict.status in (Status.HELD, Status.VIOLATED), f"{name}: {verdict.message}"
        entry: dict[str, object] = {"status": verdict.status.value}
        if verdict.witness is not None:
            stored = verdict.witness.to_json()
            replay = Witness.from_json(json.loads(json.dumps(stored))).replay(invariant, policy)
            assert not replay.holds
            entry |= {"witness": stored, "replay": replay.lines}
        else:
            assert verdict.status is Status.HELD
            assert not verdict.unreached
        found[name] = entry
        theorem(f"{name} under {policy_name}", verdict, scope=verdict.scope)
    golden(f"policy_{policy_name}", found)
