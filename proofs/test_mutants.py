"""Each proof refutes the named changes of the code: a proof that cannot fail proves nothing."""

from __future__ import annotations

import pytest
from proofs.mutants import MUTANTS, WORK_MUTANTS

from schedproof.engines.fastdeploy.policies import REFERENCE
from schedproof_spec import INVARIANTS, Status
from schedproof_spec.verdicts.decide import proof_alone
from schedproof_spec.verdicts.question import Question
from schedproof_spec.verdicts.verdict_cache import without_cache
from schedproof_spec.work_registry import WORK_PARTS

CASES = [(name, mutant) for name, mutants in MUTANTS.items() for mutant in mutants]


def test_every_invariant_has_mutants():
    assert MUTANTS.keys() == INVARIANTS.keys()
    assert all(MUTANTS.values())


def test_every_part_of_the_work_on_tensors_has_mutants():
    titles = [rule.title for rule in WORK_PARTS]
    assert len(set(titles)) == len(titles)
    assert WORK_MUTANTS.keys() == set(titles)
    assert all(WORK_MUTANTS.values())


@pytest.mark.parametrize(("name", "mutant"), CASES, ids=[f"{n}: {m.name}" for n, m in CASES])
def test_mutant_is_refuted(name, mutant, theorem):
    with mutant.applied(), without_cache():
        outcome = proof_alone(Question(INVARIANTS[name], REFERENCE))
    assert outcome.status is Status.VIOLATED, outcome.reason
    theorem(f"{name} with the mutant '{mutant.name}'", outcome, scope="every state of every configuration")
