"""How a rule of the work on tensors is decided: kept by the reference, broken by upstream and by its mutants."""

from __future__ import annotations

from collections.abc import Callable

from proofs.mutants.mutant import Mutant
from proofs.theorems import check_held

from schedproof_spec.prover.prove import prove
from schedproof_spec.prover.verdict import Status
from schedproof_spec.verdicts.decide_work import decide_version
from schedproof_spec.verdicts.stored_verdicts import work_name
from schedproof_spec.work_rule import Version, WorkRule


def check_kept(rule: WorkRule, version: Version, theorem: Callable[..., None]) -> None:
    """Assert that an implementation keeps the rule, by Z3 alone, and that the proof reaches what it claims."""
    name = f"{rule.title}: {version.name}"
    outcome = check_held(name, lambda ctx: rule.theorem(ctx, version.function), theorem, scope=rule.scope)
    assert outcome.reached == rule.reached
    assert not outcome.settled_by, "what is shipped of it would have to name the second solver"


def check_smallest(
    rule: WorkRule, version: Version, theorem: Callable[..., None], stored: Callable[..., None]
) -> None:
    """Assert that an implementation breaks the rule, and compare the smallest state with the stored one."""
    outcome = decide_version(rule, version)
    assert outcome.status is Status.VIOLATED, outcome.reason
    found = {"rule": rule.name, "version": version.name, "source": version.source}
    stored(work_name(rule, version), {**found, "broken": outcome.message, "smallest": outcome.values})
    theorem(f"{rule.title}: {version.name}", outcome, scope=rule.scope)


def check_mutant(rule: WorkRule, mutant: Mutant, theorem: Callable[..., None]) -> None:
    """Assert that with the mutant one of the reference's functions breaks the rule."""
    with mutant.applied():
        outcomes = [prove(lambda ctx, v=version: rule.theorem(ctx, v.function)) for version in rule.kept_by]
    refuted = [outcome for outcome in outcomes if outcome.status is Status.VIOLATED]
    assert refuted, [outcome.reason for outcome in outcomes]
    theorem(f"{rule.title} with the mutant '{mutant.name}'", refuted[0], scope=rule.scope)
