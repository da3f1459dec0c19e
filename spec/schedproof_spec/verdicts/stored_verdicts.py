"""The verdicts that are shipped: what the proof run finds, so that nobody has to wait for it again.

``pytest proofs`` decides each of them anyway, and fails when a file in ``stored/`` says anything else;
``pytest proofs --update-goldens`` writes the files anew.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from schedproof.engines.fastdeploy.policies import POLICIES
from schedproof.engines.fastdeploy.policy import Policy
from schedproof_spec.invariant import Invariant
from schedproof_spec.prover.verdict import Status
from schedproof_spec.verdicts.decide import Verdict, decide
from schedproof_spec.verdicts.decide_work import WorkVerdict, decide_work
from schedproof_spec.verdicts.question import Question
from schedproof_spec.verdicts.witness import Witness, read_witness
from schedproof_spec.work_rule import Version, WorkRule

FOLDER = "stored"


class StoredVerdictError(Exception):
    """A file of stored verdicts is damaged: it says what none of them says. The message names the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is known about an invariant under a policy in every configuration, decided now or before."""

    invariant: str
    policy: str
    status: Status
    scope: str
    """The states that the status speaks of."""
    message: str
    witness: Witness | None
    is_stored: bool
    """Whether it was decided before this version was shipped."""


def answer_of(verdict: Verdict) -> Answer:
    """Return what was just decided."""
    return Answer(
        invariant=verdict.invariant,
        policy=verdict.policy,
        status=verdict.status,
        scope=verdict.scope,
        message=verdict.message,
        witness=verdict.witness,
        is_stored=False,
    )


def entry_of(verdict: Verdict) -> dict[str, Any]:
    """Return what is stored of a verdict."""
    entry: dict[str, Any] = {"status": verdict.status.value}
    if verdict.settled_by:
        entry |= {"message": verdict.message}
    if verdict.witness is not None:
        entry |= {"message": verdict.message, "witness": verdict.witness.to_json()}
    return entry


def stored_answer(invariant: Invariant, policy: Policy) -> Answer | None:
    """Return the answer that is shipped; None for a policy or an invariant without one.

    Raises:
        StoredVerdictError: what is shipped is no verdict, or its witness no state of an engine that starts.
    """
    file = f"policy_{policy.name}"
    entry = read_stored(file).get(invariant.name)
    if entry is None or POLICIES.get(policy.name) is not policy:
        return None
    scope = Question(invariant, policy).scope
    try:
        witness = read_witness(entry["witness"], invariant) if "witness" in entry else None
        problems = [] if witness is None else policy.problems(witness.config)
        if problems:
            raise ValueError(problems[0])
        return Answer(
            invariant=invariant.name,
            policy=policy.name,
            status=Status(entry["status"]),
            scope=scope,
            message=str(entry.get("message", scope)),
            witness=witness,
            is_stored=True,
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise StoredVerdictError(f"{file}.json: {invariant.name}: no verdict stands there ({error})") from None


@cache
def read_stored(name: str) -> dict[str, Any]:
    """Return what is stored under a name; nothing where there is no such file.

    Raises:
        StoredVerdictError: the file holds no table of verdicts.
    """
    file = resources.files("schedproof_spec.verdicts").joinpath(FOLDER, f"{name}.json")
    if not file.is_file():
        return {}
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise StoredVerdictError(f"{name}.json: not valid JSON ({error})") from None
    if not isinstance(found, dict):
        raise StoredVerdictError(f"{name}.json: no table of verdicts")
    return found


def known_answer(invariant: Invariant, policy: Policy) -> Answer:
    """Return the shipped answer, or decide where there is none."""
    return stored_answer(invariant, policy) or answer_of(decide(invariant, policy))


def new_answer(invariant: Invariant, policy: Policy) -> Answer:
    """Decide, whatever is shipped."""
    return answer_of(decide(invariant, policy))


def known_work(rule: WorkRule) -> tuple[WorkVerdict, ...]:
    """Return the shipped verdicts of all versions of the work on tensors, or decide where one is missing.

    The proof run fails unless every version that keeps a rule is proved to.
    """
    kept = [
        WorkVerdict(rule=rule, version=version, status=Status.HELD, message="", smallest=None, is_stored=True)
        for version in rule.kept_by
    ]
    broken = []
    for version in rule.broken_by:
        entry = read_stored(work_name(rule, version))
        if not entry:
            return decide_work(rule)
        if not isinstance(entry.get("broken"), str) or not isinstance(entry.get("smallest"), dict):
            raise StoredVerdictError(f"{work_name(rule, version)}.json: no verdict stands there")
        broken.append(
            WorkVerdict(
                rule=rule,
                version=version,
                status=Status.VIOLATED,
                message=entry["broken"],
                smallest=entry["smallest"],
                is_stored=True,
            )
        )
    return (*kept, *broken)


def work_name(rule: WorkRule, version: Version) -> str:
    """Return the name under which a version that breaks a rule is stored."""
    return f"{rule.name}_{version.name}".replace(" ", "-").replace(",", "")
