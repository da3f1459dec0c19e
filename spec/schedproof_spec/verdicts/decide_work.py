"""Decides a rule of the work on tensors for each of its versions, with the smallest state where one breaks it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from schedproof_spec.prover.context import RecordingContext
from schedproof_spec.prover.prove import failures_in, search
from schedproof_spec.prover.verdict import Outcome, Status
from schedproof_spec.work_rule import Version, WorkRule


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkVerdict:
    """How one version fares with a rule."""

    rule: WorkRule
    version: Version
    status: Status
    message: str
    """What is broken, or why nothing was decided; empty when held."""
    smallest: dict[str, int] | None
    """The smallest state that breaks the rule, by what it names."""
    is_stored: bool = False
    """Whether it was decided before this version was shipped."""


def decide_version(rule: WorkRule, version: Version) -> Outcome:
    """Return what is found of a version; a state holds only the numbers that are looked at."""
    outcome = search(lambda ctx: rule.theorem(ctx, version.function))
    if outcome.values is None:
        return outcome
    seen = RecordingContext(outcome.values)
    failures_in(lambda ctx: rule.theorem(ctx, version.function), seen)
    return replace(outcome, values={name: outcome.values[name] for name in seen.drawn})


def decide_work(rule: WorkRule) -> tuple[WorkVerdict, ...]:
    """Return the verdicts of all versions; one that does not reach what it claims is vacuous."""
    verdicts = []
    for version in (*rule.kept_by, *rule.broken_by):
        outcome = decide_version(rule, version)
        status, message = outcome.status, outcome.message
        missed = (rule.reached - outcome.reached) | outcome.unreached
        if status is Status.HELD and missed:
            status, message = Status.VACUOUS, f"no state gets to: {', '.join(sorted(missed))}"
        verdicts.append(
            WorkVerdict(rule=rule, version=version, status=status, message=message, smallest=outcome.values)
        )
    return tuple(verdicts)
