"""Which flag to change, in the person's own spelling, and whether the engine's rules are at fault."""

from __future__ import annotations

from collections.abc import Iterable

from schedproof import REFERENCE, Policy, ServingConfig
from schedproof_gate.check.startup import mentioned_fields, refused
from schedproof_gate.deployment.deployment import Deployment
from schedproof_gate.report.report import STARTUP, FlagChange, Repair, Result
from schedproof_gate.report.wording import listed
from schedproof_spec import (
    INVARIANTS,
    Change,
    Status,
    Verdict,
    find_repairs,
    find_repairs_of,
    find_repairs_of_startup,
)
from schedproof_spec.verdicts.decide import is_held
from schedproof_spec.verdicts.question import Question


def refusal(deployment: Deployment, policy: Policy, problems: list[str]) -> Result:
    """Return the result for a configuration that is refused: what makes it start, and what makes all else hold."""
    fields = changeable(mentioned_fields(problems, deployment), deployment)
    return refused(
        problems,
        deployment,
        repairs=in_own_spelling(find_repairs(policy, deployment.config, [], fields), deployment),
        own_repairs=in_own_spelling(find_repairs_of_startup(policy, deployment.config, fields), deployment),
    )


def repairs_of_all(deployment: Deployment, policy: Policy, verdicts: list[Verdict]) -> tuple[Repair, ...]:
    """Return what makes everything hold."""
    violated = [verdict for verdict in verdicts if verdict.status is Status.VIOLATED]
    fields = changeable((field for verdict in violated for field in fields_of(verdict)), deployment)
    return in_own_spelling(find_repairs(policy, deployment.config, verdicts, fields), deployment)


def repairs_of_one(
    deployment: Deployment, policy: Policy, verdict: Verdict, verdicts: list[Verdict]
) -> tuple[Repair, ...]:
    """Return what makes one violated invariant hold when nothing makes everything hold; nothing if it is alone."""
    others = [other for other in verdicts if other.status is not Status.HELD and other is not verdict]
    if verdict.status is not Status.VIOLATED or not others:
        return ()
    fields = changeable(fields_of(verdict), deployment)
    return in_own_spelling(find_repairs_of(policy, deployment.config, verdict, verdicts, fields), deployment)


def fields_of(verdict: Verdict) -> tuple[str, ...]:
    """Return the fields whose change can repair an invariant."""
    return INVARIANTS[verdict.invariant].fields


def changeable(fields: Iterable[str], deployment: Deployment) -> list[str]:
    """Return those of the fields that a person can change, in the engine's order."""
    wanted = set(fields)
    return [field for field in deployment.engine.repairable if field in wanted]


def in_own_spelling(alternatives: Iterable[tuple[Change, ...]], deployment: Deployment) -> tuple[Repair, ...]:
    """Return changes of the configuration as changes of the person's flags."""
    return tuple(
        tuple(
            FlagChange(flag=deployment.spelling(change.field), old=change.old, new=change.new)
            for change in alternative
        )
        for alternative in alternatives
    )


def advice_on(results: list[Result], config: ServingConfig) -> str:
    """Return whether a flag helps where something is violated, and whether the engine's rules are at fault."""
    violated = [result for result in results if result.status is Status.VIOLATED]
    if not violated:
        return ""
    helps = any(result.repairs for result in violated)
    if any(result.invariant == STARTUP for result in violated):
        return "" if helps else "The rest is checked once the engine starts."
    sentences = [] if helps else ["No single flag makes everything hold."]
    if not REFERENCE.problems(config):
        kept = [result.invariant for result in violated if reference_keeps(result.invariant, config)]
        if kept:
            at_fault = "" if helps else ": it is the engine's rule that has to change"
            sentences.append(f"The reference policy keeps {listed(kept)} with the same flags{at_fault}.")
    return " ".join(sentences)


def reference_keeps(invariant: str, config: ServingConfig) -> bool:
    """Return whether an invariant is proved for the reference policy with this configuration."""
    return is_held(Question(INVARIANTS[invariant], REFERENCE, config))
