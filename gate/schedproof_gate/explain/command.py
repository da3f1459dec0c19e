"""The command ``schedproof explain``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from schedproof import NEWEST, POLICIES
from schedproof_gate.completion import complete_rule
from schedproof_gate.deployment.engines import named_policy
from schedproof_gate.errors import COMMAND_LINE, InputError
from schedproof_gate.explain.explaining import explain as explain_invariant
from schedproof_gate.explain.explaining import explanation_json, explanation_text, invariant_named
from schedproof_gate.explain.explaining_work import explain_work, work_json, work_text
from schedproof_gate.explain.listing import listing_json, listing_text, rule_json, rule_text
from schedproof_gate.explain.state import read_state, replay_text
from schedproof_gate.policies.stored import shipped_answer, shipped_work
from schedproof_gate.report.options import colour_option, output_option, policy_option, verify_option
from schedproof_gate.report.output import emit
from schedproof_gate.report.progress import progress
from schedproof_gate.rules_by_id import rules_by_id
from schedproof_spec import (
    INVARIANTS,
    LOOP_RULES,
    WORK_RULES,
    WorkRule,
    WorkVerdict,
    decide_work,
    new_answer,
)


@click.command()
@click.argument("name", required=False, shell_complete=complete_rule)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@output_option
@colour_option
@policy_option
@click.option("--state", metavar="JSON|@FILE", help="Run this state through the real functions; 1 if it violates.")
@verify_option
def explain(
    name: str | None, form: str, output: Path | None, policy_name: str | None, state: str | None, verify: bool
) -> int:
    """Explain an invariant: sentence, predicate, who broke it, and a run or configuration that does.

    NAME is any id that a report prints; without one, all of them are listed.
    """
    if name is None or (name in rules_by_id() and name not in INVARIANTS):
        refuse_policy_and_state(name, policy_name, state)
        emit(text_without_policy(name, form, decide_work if verify else shipped_work), output)
        return 0
    invariant = invariant_named(name)
    policy = None if policy_name is None else named_policy(policy_name)
    if state is not None:
        text, holds = replay_text(invariant, policy or NEWEST, read_state(state, invariant))
        emit(text, output)
        return 0 if holds else 1
    with progress() as tell:
        explanation = explain_invariant(
            invariant,
            POLICIES.values() if policy is None else [policy],
            new_answer if verify else shipped_answer,
            tell,
        )
    emit(explanation_json(explanation) if form == "json" else explanation_text(explanation), output)
    return 0


def text_without_policy(name: str | None, form: str, answer: Callable[[WorkRule], tuple[WorkVerdict, ...]]) -> str:
    """Return the list of all rules, or what is known about one that is no rule of a policy."""
    if name is None:
        return listing_json() if form == "json" else listing_text()
    if name in WORK_RULES:
        with progress() as tell:
            tell(name)
            work = explain_work(WORK_RULES[name], answer)
        return work_json(work) if form == "json" else work_text(work)
    return rule_json(rules_by_id()[name]) if form == "json" else rule_text(rules_by_id()[name])


def refuse_policy_and_state(name: str | None, policy_name: str | None, state: str | None) -> None:
    """Refuse the options that go with rules of a policy.

    Raises:
        InputError: one of them is given.
    """
    for key, value in (("--policy", policy_name), ("--state", state)):
        if value is None:
            continue
        if name is None:
            raise InputError(
                "needs the invariant that it speaks of",
                source=COMMAND_LINE,
                key=key,
                advice=f"give its name: schedproof explain NAME {key} …",
            )
        what = (
            "functions" if name in WORK_RULES else "a step loop" if name in LOOP_RULES else "the deployment itself"
        )
        raise InputError(
            f"{name} is a rule of {what}, not of a policy",
            source=COMMAND_LINE,
            key=key,
            advice=f"leave {key} away",
        )
