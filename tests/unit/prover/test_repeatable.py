"""A verdict does not depend on the hash seed, the clock or what was decided before."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from schedproof import POLICIES, REFERENCE
from schedproof_spec import INVARIANTS, decide
from schedproof_spec.verdicts.decide import Verdict
from schedproof_spec.verdicts.verdict_cache import without_cache

PROGRAM = """
import json
from schedproof import POLICIES
from schedproof_spec import INVARIANTS
from schedproof_spec import decide

found = []
questions = ("original", "budget_nonnegative"), ("7756", "charge_follows_method"), ("7756", "chunk_within_prompt")
for policy, name in questions:
    verdict = decide(INVARIANTS[name], POLICIES[policy])
    found.append(
        [verdict.status, verdict.message, sorted(verdict.reached), sorted(verdict.rules), verdict.num_paths]
        + [None if verdict.witness is None else verdict.witness.to_json()]
    )
print(json.dumps(found))
"""


def under_seed(seed: int) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, check=True, capture_output=True, text=True, timeout=300
    )
    return done.stdout


def test_verdicts_and_witnesses_are_the_same_under_three_hash_seeds() -> None:
    first, *others = (under_seed(seed) for seed in (0, 1, 7438))
    assert others == [first, first]
    assert [row[0] for row in json.loads(first)] == ["violated", "violated", "held"]


def facts(verdict: Verdict) -> tuple[object, ...]:
    return verdict.status, verdict.message, verdict.witness, verdict.reached, verdict.unreached, verdict.rules


def test_a_remembered_verdict_is_the_one_that_is_found_anew() -> None:
    """Versions that share the rules behind a verdict share the verdict; it is the one that each would get."""
    invariant = INVARIANTS["charge_follows_method"]
    with without_cache():
        remembered = {name: facts(decide(invariant, POLICIES[name])) for name in ("7623", "7756", "7499")}
    for name, known in remembered.items():
        with without_cache():
            assert facts(decide(invariant, POLICIES[name])) == known
    assert remembered["7623"] == remembered["7756"]


def test_forgetting_is_only_for_a_while() -> None:
    known = decide(INVARIANTS["message_fits"], REFERENCE)
    with without_cache():
        assert decide(INVARIANTS["message_fits"], REFERENCE) is not known
    assert facts(decide(INVARIANTS["message_fits"], REFERENCE)) == facts(known)
    assert decide(INVARIANTS["message_fits"], REFERENCE).solver_ms == known.solver_ms
