"""What people said about the engine's safety is decided: a claim by proof, a refuted one by its stored run.

A stored run is a golden, which breaks the rule when it is replayed; `tests/golden/test_found_runs.py` finds it
again.
"""

from __future__ import annotations

import pytest
from proofs.claims import CLAIMS
from proofs.stored import decide_with
from proofs.stored import golden as read_golden

from schedproof.engines.fastdeploy.policies import POLICIES
from schedproof_spec import INVARIANTS
from schedproof_spec.verdicts.question import Question


@pytest.mark.parametrize("name", CLAIMS)
def test_claim_about_an_invariant(name, theorem, golden, searches):
    claim = CLAIMS[name]
    policy = POLICIES[claim.policy]
    question = Question(INVARIANTS[claim.invariant], policy, condition=claim.where)
    known = {} if searches else read_golden(f"claims/{name}")
    verdict = decide_with(question, known.get("witness"))
    assert verdict.status is claim.verdict, verdict.message
    theorem(f"{claim.invariant} under {claim.policy}", verdict, scope=claim.scope)
    if verdict.witness is not None:
        replay = verdict.witness.replay(INVARIANTS[claim.invariant], policy)
        assert not replay.holds
        golden(f"claims/{name}", {"says": claim.says, "witness": verdict.witness.to_json(), "replay": replay.lines})
    else:
        assert verdict.reached


def test_claims_are_listed(golden_text):
    lines = [
        "# Claims about the engine's safety, decided",
        "",
        "`pytest proofs/test_claims.py --update-goldens` writes this page. A refuted claim has its smallest",
        "counterexample in `claims/NAME.json` beside it.",
        "",
        "| name | claim | said in | where | verdict |",
        "|:--|:--|:--|:--|:--|",
    ]
    for name, claim in sorted(CLAIMS.items()):
        lines.append(f"| {name} | {claim.says} | {claim.source} | {claim.scope} | {claim.verdict} |")
    golden_text("claims_about_safety.md", "\n".join(lines) + "\n")
