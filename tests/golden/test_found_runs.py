"""The search finds the stored runs again: from nothing but the rule and the version, the same run byte for byte."""

from __future__ import annotations

import pytest
from proofs.claims import CLAIMS
from proofs.stored import golden

from schedproof.engines.fastdeploy.policies import POLICIES, REFERENCE
from schedproof_spec import INVARIANTS, Status
from schedproof_spec.verdicts.decide import decide, decide_where
from schedproof_spec.verdicts.stored_verdicts import entry_of, read_stored


@pytest.mark.parametrize("policy_name", [name for name in POLICIES if name != REFERENCE.name])
def test_every_run_of_a_version_is_found(policy_name: str) -> None:
    known = read_stored(f"policy_{policy_name}")
    assert list(known) == sorted(INVARIANTS)
    for name, invariant in INVARIANTS.items():
        found = entry_of(decide(invariant, POLICIES[policy_name]))
        assert found == {field: known[name][field] for field in found}


@pytest.mark.parametrize("name", [name for name, claim in CLAIMS.items() if claim.verdict is not Status.HELD])
def test_what_refutes_a_claim_is_found(name: str) -> None:
    claim = CLAIMS[name]
    verdict = decide_where(INVARIANTS[claim.invariant], POLICIES[claim.policy], claim.where)
    assert verdict.status is claim.verdict
    assert (verdict.witness and verdict.witness.to_json()) == golden(f"claims/{name}").get("witness")
