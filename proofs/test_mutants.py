"""Each proof refutes the changes of the code that its invariant names: a proof that cannot fail proves nothing."""

from __future__ import annotations

import pytest

from schedproof.engines.fastdeploy.policies import REFERENCE
from schedproof_spec import INVARIANTS, Status
from schedproof_spec.verdicts.decide import proof_alone
from schedproof_spec.verdicts.question import Question
from schedproof_spec.verdicts.verdict_cache import without_cache

MUTANTS = [(name, mutant) for name, invariant in INVARIANTS.items() for mutant in invariant.mutants]


def test_every_invariant_names_mutants():
    assert {name for name, _ in MUTANTS} == set(INVARIANTS)


@pytest.mark.parametrize(("name", "mutant"), MUTANTS, ids=[f"{n}: {m.name}" for n, m in MUTANTS])
def test_mutant_is_refuted(name, mutant, theorem):
    with mutant.applied(), without_cache():
        outcome = proof_alone(Question(INVARIANTS[name], REFERENCE))
    assert outcome.status is Status.VIOLATED, outcome.reason
    theorem(f"{name} with the mutant '{mutant.name}'", outcome, scope="every state of every configuration")
