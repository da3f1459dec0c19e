"""Decides a question with a run that an earlier search found, so that nothing is searched twice.

A run that breaks a rule when the engine itself runs it refutes the rule, whoever found it. That a search still
finds the same run is what `tests/golden/test_found_runs.py` looks at.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from schedproof_spec import RunWitness, Status, Verdict
from schedproof_spec.states.merged import MergedPolicy
from schedproof_spec.verdicts.decide import Decision, answer
from schedproof_spec.verdicts.find_run import breaks
from schedproof_spec.verdicts.proved import proved
from schedproof_spec.verdicts.question import Question

GOLDENS = Path(__file__).parent / "goldens"


def golden(name: str) -> Mapping[str, Any]:
    """Return a golden file; nothing where there is none yet."""
    path = GOLDENS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def decide_with(question: Question, witness: object) -> Verdict:
    """Decide a question: by proof, or by a stored run that breaks the rule; by a search where neither does."""
    if not isinstance(witness, dict) or "steps" not in witness:
        return answer(question)
    run = RunWitness.from_json(witness)
    proof = proved(question)
    if proof.outcome.status is not Status.VIOLATED or not is_about(question, run) or not breaks(run, question):
        return answer(question)
    decision = Decision(question, MergedPolicy(question.policy), proof.outcome)
    return decision.found(run, f"this does not hold: {proof.outcome.reason}")


def is_about(question: Question, run: RunWitness) -> bool:
    """Return whether a run is on a configuration that the question is about, and that the engine starts with."""
    config = run.config
    starts = not question.policy.problems(config)
    return starts and question.invariant.applies(config) and question.condition(config)
