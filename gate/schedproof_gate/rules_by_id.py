"""Every id that a report can print, whatever kind of rule stands behind it."""

from __future__ import annotations

from dataclasses import dataclass

from schedproof_gate.audit.checks import SLOTS_WITHIN_LIMIT
from schedproof_gate.check.startup import SENTENCE
from schedproof_gate.report.report import INPUT, INPUT_SENTENCE, STARTUP
from schedproof_spec import INVARIANTS, LOOP_RULES, Consequence


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedRule:
    """What an id stands for."""

    id: str
    family: str
    sentence: str
    consequence: Consequence | None
    """What happens to people when it breaks; None where the engine itself refuses, or it is not named."""
    origin: str
    """The real failure behind it, or who decides it."""


STARTUP_ORIGIN = (
    "`check` asks the engine version's own checks, and shows their message in your flags; an engine that refuses "
    "to start has no states, so nothing else is decided then"
)
INPUT_ORIGIN = "a file that cannot be read is not checked, so `check` ends with 2 whatever else it finds"
SLOTS_ORIGIN = (
    "FastDeploy PR 7141: requests entered the batch while aborted and preempted ones still held their slots; "
    "`audit` holds recorded steps against it, and each proof starts from it"
)

DEPLOYMENT_RULES: dict[str, ReportedRule] = {
    STARTUP: ReportedRule(
        id=STARTUP, family="start-up", sentence=SENTENCE, consequence=None, origin=STARTUP_ORIGIN
    ),
    **{
        name: ReportedRule(
            id=name,
            family=invariant.family,
            sentence=invariant.sentence,
            consequence=invariant.consequence,
            origin=invariant.origin,
        )
        for name, invariant in INVARIANTS.items()
    },
    SLOTS_WITHIN_LIMIT.name: ReportedRule(
        id=SLOTS_WITHIN_LIMIT.name,
        family="slots",
        sentence=SLOTS_WITHIN_LIMIT.sentence,
        consequence=SLOTS_WITHIN_LIMIT.consequence,
        origin=SLOTS_ORIGIN,
    ),
    **{
        name: ReportedRule(
            id=name, family=rule.family, sentence=rule.sentence, consequence=rule.consequence, origin=rule.origin
        )
        for name, rule in LOOP_RULES.items()
        if name not in INVARIANTS
    },
}
"""The rules that `check`, `prove`, `audit` and `replay` report on."""

INPUT_RULE = ReportedRule(id=INPUT, family="input", sentence=INPUT_SENTENCE, consequence=None, origin=INPUT_ORIGIN)


def rules_by_id() -> dict[str, ReportedRule]:
    """Return all of them, with the rules of the engine's work on tensors, which are not loaded before."""
    from schedproof_spec import WORK_RULES

    work = {
        name: ReportedRule(
            id=name, family=parts[0].family, sentence=parts[0].sentence, consequence=None, origin=parts[0].origin
        )
        for name, parts in WORK_RULES.items()
    }
    return {INPUT: INPUT_RULE} | DEPLOYMENT_RULES | work
