"""Every invariant over many steps under every policy: proved event by event, or broken by a short run.

The golden files hold what the solver finds: the verdict, and the run that breaks the rule, replayed by the engine.
"""

from __future__ import annotations

import json

import pytest
from proofs.theorems import check_refuted
from schedproof_spec.invariants.progress import prove_progress_where

from schedproof.engines.fastdeploy.policies import POLICIES, REFERENCE
from schedproof_spec import RUN_INVARIANTS, RunWitness, Status, decide_run
from schedproof_spec.prover.prove import prove
from schedproof_spec.states.merged import MergedPolicy


@pytest.mark.parametrize("name", RUN_INVARIANTS)
def test_reference_keeps(name, theorem):
    invariant = RUN_INVARIANTS[name]
    verdict = decide_run(invariant, REFERENCE)
    assert verdict.status is Status.HELD, verdict.message
    assert invariant.reached
    assert verdict.reached == invariant.reached
    assert not verdict.unreached
    theorem(f"{name} under reference", verdict, scope=verdict.scope)


UPSTREAM = [name for name in POLICIES if name != REFERENCE.name]


@pytest.mark.parametrize("policy_name", UPSTREAM)
def test_upstream_is_decided(policy_name, theorem, golden):
    policy = POLICIES[policy_name]
    found = {}
    for name, invariant in RUN_INVARIANTS.items():
        verdict = decide_run(invariant, policy)
        assert verdict.status in (Status.HELD, Status.VIOLATED), f"{name}: {verdict.message}"
        entry: dict[str, object] = {"status": verdict.status.value}
        if verdict.witness is not None:
            stored = verdict.witness.to_json()
            replay = RunWitness.from_json(json.loads(json.dumps(stored))).replay(invariant, policy)
            assert not replay.holds
            if not REFERENCE.problems(verdict.witness.config):
                assert verdict.witness.replay(invariant, REFERENCE).holds
            entry |= {"run": stored, "replay": replay.lines}
        else:
            assert verdict.status is Status.HELD
            assert verdict.reached == invariant.reached
            assert not verdict.unreached
        found[name] = entry
        theorem(f"{name} under {policy_name}", verdict, scope=verdict.scope)
    golden(f"runs_{policy_name}", found)


def has_usual_chunks(config):
    """Prompts may be cut anywhere, and a decode gets at least one block at a time."""
    return config.chunked_prefill and not config.deterministic and config.enc_dec_block_num >= 1


BEFORE_7499 = ("original", "7438-draft", "7438", "7438-block-floor")


@pytest.mark.parametrize("policy_name", BEFORE_7499)
def test_some_budget_is_enough_for_progress(policy_name, theorem):
    """A budget that is never 0 serves the first request: what these versions break is not progress."""
    policy = MergedPolicy(POLICIES[policy_name])
    outcome = prove(lambda ctx: prove_progress_where(ctx, policy, has_usual_chunks))
    assert outcome.status is Status.HELD, outcome.reason
    theorem(f"progress under {policy_name}, usual chunks", outcome, scope="text, chunked prefill, blocks granted")


@pytest.mark.parametrize("policy_name", ["7438-clamp", "7438-assert", "7499", "7623", "7756"])
def test_a_budget_of_nothing_stops_progress(policy_name, theorem):
    """Decodes that use up the budget exactly are not visited, and stand still once their blocks are full."""
    policy = MergedPolicy(POLICIES[policy_name])
    outcome = prove(lambda ctx: prove_progress_where(ctx, policy, has_usual_chunks))
    assert outcome.status is Status.VIOLATED, outcome.reason
    assert outcome.reason == "decodes: the loop visits it"
    theorem(f"progress under {policy_name}, usual chunks", outcome, scope="text, chunked prefill, blocks granted")


BROKEN = [(invariant, version) for invariant in RUN_INVARIANTS.values() for version in invariant.broken_by]


@pytest.mark.parametrize(("invariant", "version"), BROKEN, ids=[f"{i.name}: {v.name}" for i, v in BROKEN])
def test_published_code_breaks(invariant, version, theorem):
    outcome = prove(lambda ctx: version.proof(ctx, MergedPolicy(REFERENCE)))
    assert outcome.status is Status.VIOLATED, outcome.reason
    theorem(f"{invariant.name}: {version.name} ({version.source})", outcome, scope=invariant.scope)


MUTANTS = [(invariant, mutant) for invariant in RUN_INVARIANTS.values() for mutant in invariant.mutants]


def test_every_invariant_names_mutants():
    assert {invariant.name for invariant, _ in MUTANTS} == set(RUN_INVARIANTS)


@pytest.mark.parametrize(("invariant", "mutant"), MUTANTS, ids=[f"{i.name}: {m.name}" for i, m in MUTANTS])
def test_mutant_is_refuted(invariant, mutant, theorem):
    def proof(ctx):
        invariant.proof(ctx, MergedPolicy(REFERENCE))

    check_refuted(invariant.name, proof, mutant, theorem, scope=invariant.scope)
