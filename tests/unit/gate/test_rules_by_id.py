"""Every id that a report prints is listed and explained."""

import json

import click

from schedproof_gate.audit.checks import REQUEST_CHECKS, STEP_CHECKS
from schedproof_gate.explain.listing import listing_json, listing_text, rule_text
from schedproof_gate.report.report import INPUT, STARTUP
from schedproof_gate.rules_by_id import DEPLOYMENT_RULES, rules_by_id
from schedproof_spec import INVARIANTS, LOOP_RULES, WORK_RULES


def test_all_ids_of_reports_are_known() -> None:
    printed = {STARTUP, *INVARIANTS, *LOOP_RULES, *(check.rule.name for check in (*STEP_CHECKS, *REQUEST_CHECKS))}
    assert printed == set(DEPLOYMENT_RULES)
    assert set(rules_by_id()) == printed | {INPUT} | set(WORK_RULES)


def test_the_list_has_each_once_with_its_sentence() -> None:
    text = " ".join(listing_text().split())
    lines = [line.strip().partition(":")[0] for line in listing_text().splitlines()]
    for rule in rules_by_id().values():
        assert lines.count(rule.id) == 1
        assert rule.sentence.rstrip(".")[1:] in text
    listed = json.loads(listing_json())["rules"]
    assert [rule["id"] for rule in listed] == list(rules_by_id())


def test_each_says_where_it_comes_from() -> None:
    assert all(rule.origin for rule in rules_by_id().values())
    assert "PR 7141" in rule_text(rules_by_id()["slots_within_limit"])
    assert click.unstyle(rule_text(rules_by_id()[STARTUP])).startswith("startup  (start-up)\n")
