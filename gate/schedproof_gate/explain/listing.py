"""Lists every id that a report prints, and tells of those that are no rules of a policy."""

from __future__ import annotations

import itertools
import json
from typing import Any

import click

from schedproof_gate.report.renderers.text import sentence, wrapped
from schedproof_gate.rules_by_id import ReportedRule, rules_by_id

SCHEMA = "schedproof/rules/1"
HOW_TO_GO_ON = "`schedproof explain NAME` shows the predicate of one, who broke it, and the shortest run that does."


def listing_text() -> str:
    """Return all rules for a person, by family."""
    lines = []
    for family, rules in itertools.groupby(rules_by_id().values(), lambda rule: rule.family):
        lines.append(click.style(family, bold=True))
        for rule in rules:
            lines.append(f"  {headline(rule)}")
            lines += wrapped(sentence(rule.sentence), 4)
        lines.append("")
    return "\n".join([*lines, *wrapped(HOW_TO_GO_ON, 0)]) + "\n"


def headline(rule: ReportedRule) -> str:
    """Return the id, with what a violation does to people."""
    return rule.id if rule.consequence is None else f"{rule.id}: {rule.consequence.value}"


def listing_json() -> str:
    """Return all rules as JSON."""
    return text_of({"schema": SCHEMA, "rules": [entry(rule) for rule in rules_by_id().values()]})


def rule_text(rule: ReportedRule) -> str:
    """Return what is known about a rule for a person."""
    consequence = "" if rule.consequence is None else f"; when it breaks: {rule.consequence.value}"
    lines = [
        f"{click.style(rule.id, bold=True)}  ({rule.family}{consequence})",
        *wrapped(sentence(rule.sentence), 2),
        "",
        *wrapped(sentence(rule.origin), 2),
    ]
    return "\n".join(lines) + "\n"


def rule_json(rule: ReportedRule) -> str:
    """Return what is known about a rule as JSON."""
    return text_of({"schema": SCHEMA, "rules": [entry(rule)]})


def entry(rule: ReportedRule) -> dict[str, Any]:
    """Return a rule as plain data."""
    return {
        "id": rule.id,
        "family": rule.family,
        "consequence": None if rule.consequence is None else rule.consequence.value,
        "sentence": rule.sentence,
        "origin": rule.origin,
    }


def text_of(document: dict[str, Any]) -> str:
    """Return plain data as JSON text."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
