"""Every invariant under every policy: the reference keeps them all, and each upstream version breaks some.

The stored verdicts hold what the solver finds: the verdict, and what breaks the rule, replayed on the engine.
They are shipped, so that `schedproof policies` and `schedproof explain` need not decide them again.
"""

from __future__ import annotations

import json

import pytest
from proofs.stored import decide_with

from schedproof.engines.fastdeploy.policies import POLICIES, REFERENCE
from schedproof_spec import INVARIANTS, RunWitness, Status, decide
from schedproof_spec.prover.prove import prove
from schedproof_spec.states.ledger import nothing
from schedproof_spec.states.merged import MergedPolicy
from schedproof_spec.verdicts.decide import proof_alone
from schedproof_spec.verdicts.question import Question
from schedproof_spec.verdicts.stored_verdicts import entry_of, read_stored, work_name
from schedproof_spec.verdicts.witness import read_witness
from schedproof_spec.work_registry import WORK_PARTS


@pytest.mark.parametrize("name", INVARIANTS)
def test_reference_keeps(name, theorem):
    invariant = INVARIANTS[name]
    verdict = decide(invariant, REFERENCE)
    assert verdict.status is Status.HELD, verdict.message
    assert invariant.covers
    assert invariant.covers <= verdict.reached
    assert not verdict.unreached
    theorem(f"{name} under reference", verdict, scope=verdict.scope)


UPSTREAM = [name for name in POLICIES if name != REFERENCE.name]


@pytest.mark.parametrize("policy_name", UPSTREAM)
def test_upstream_is_decided(policy_name, theorem, stored, searches):
    policy = POLICIES[policy_name]
    known = {} if searches else read_stored(f"policy_{policy_name}")
    found = {}
    for name, invariant in INVARIANTS.items():
        verdict = decide_with(Question(invariant, policy), known.get(name, {}).get("witness"))
        assert verdict.status in (Status.HELD, Status.VIOLATED), f"{name}: {verdict.message}"
        entry = entry_of(verdict)
        if verdict.witness is not None:
            witness = read_witness(json.loads(json.dumps(entry["witness"])), invariant)
            assert witness == verdict.witness
            replay = witness.replay(invariant, policy)
            assert not replay.holds
            entry |= {"replay": replay.lines}
            if isinstance(witness, RunWitness) and not REFERENCE.problems(witness.config):
                assert witness.replay(invariant, REFERENCE).holds, f"{name}: the reference breaks it too"
        else:
            assert verdict.status is Status.HELD
            assert not verdict.unreached
        found[name] = entry
        theorem(f"{name} under {policy_name}", verdict, scope=verdict.scope)
    stored(f"policy_{policy_name}", found)


def test_the_reference_is_stored_as_it_is_proved(stored):
    """`test_reference_keeps` proves each of them."""
    stored(f"policy_{REFERENCE.name}", {name: {"status": Status.HELD.value} for name in INVARIANTS})


def test_every_stored_verdict_is_of_a_policy_or_of_a_version_of_the_work(stored_names):
    work = {work_name(rule, version) for rule in WORK_PARTS for version in rule.broken_by}
    assert stored_names == {f"policy_{name}" for name in POLICIES} | work


def has_usual_chunks(config):
    """Prompts of text may be cut anywhere, take no spare block, and a decode gets at least one block at a time."""
    is_cut_anywhere = config.max_multimodal_item_tokens == 0 and config.chunked_prefill and not config.deterministic
    return is_cut_anywhere and not config.speculates and config.enc_dec_block_num >= 1


def releasing_slots(policy):
    """Return the policy as it would be if a preempted request gave up its slot."""
    return type("ReleasingSlots", (type(policy),), {"keeps_slot_of_preempted": False})()


USUAL = "text, chunked prefill, blocks granted, no speculation"
PROGRESS = INVARIANTS["progress"]


@pytest.mark.parametrize("policy_name", UPSTREAM)
def test_a_preempted_request_that_keeps_its_slot_stops_progress(policy_name, theorem):
    """With no other request left to preempt, a decode goes back to wait, and no slot is free for it."""
    outcome = proof_alone(Question(PROGRESS, POLICIES[policy_name], condition=has_usual_chunks))
    assert outcome.status is Status.VIOLATED, outcome.reason
    theorem(f"progress under {policy_name}, usual chunks", outcome, scope=USUAL)


@pytest.mark.parametrize("policy_name", ["original", "7438-draft", "7438", "7438-block-floor"])
def test_some_budget_is_enough_for_progress(policy_name, theorem):
    """A budget that is never 0 serves the first request; but for the slots, these versions keep progress."""
    outcome = proof_alone(Question(PROGRESS, releasing_slots(POLICIES[policy_name]), condition=has_usual_chunks))
    assert outcome.status is Status.HELD, outcome.reason
    theorem(f"progress under {policy_name} without held slots, usual chunks", outcome, scope=USUAL)


@pytest.mark.parametrize("policy_name", ["7438-clamp", "7438-assert", "7499", "7623", "7756"])
def test_a_budget_of_nothing_stops_progress(policy_name, theorem):
    """Decodes that use up the budget exactly are not visited, and stand still once their blocks are full."""
    outcome = proof_alone(Question(PROGRESS, releasing_slots(POLICIES[policy_name]), condition=has_usual_chunks))
    assert outcome.status is Status.VIOLATED, outcome.reason
    assert outcome.reason == "decodes: the loop visits it"
    theorem(f"progress under {policy_name} without held slots, usual chunks", outcome, scope=USUAL)


BROKEN = [(invariant, version) for invariant in INVARIANTS.values() for version in invariant.broken_by]


@pytest.mark.parametrize(("invariant", "version"), BROKEN, ids=[f"{i.name}: {v.name}" for i, v in BROKEN])
def test_published_code_breaks(invariant, version, theorem):
    outcome = prove(lambda ctx: version.proof(ctx, invariant.configs, MergedPolicy(REFERENCE), nothing))
    assert outcome.status is Status.VIOLATED, outcome.reason
    theorem(f"{invariant.name}: {version.name} ({version.source})", outcome, scope=invariant.scope)
