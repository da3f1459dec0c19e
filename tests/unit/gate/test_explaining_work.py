import json
from dataclasses import replace

import click
import pytest

from schedproof_gate.errors import InputError
from schedproof_gate.explain.command import refuse_policy_and_state
from schedproof_gate.explain.explaining import invariant_named
from schedproof_gate.explain.explaining_work import explain_work, work_json, work_text
from schedproof_spec import INVARIANTS, WORK_RULES, Status

SENDER = WORK_RULES["one_sender"]


def test_every_rule_of_the_work_has_a_name_of_its_own() -> None:
    assert set(WORK_RULES) == {
        "one_sender",
        "cleanup_on_every_rank",
        "message_faithful",
        "message_in_bounds",
        "dispatch_conserves",
        "dispatch_in_bounds",
        "combine_inverts",
    }
    assert not WORK_RULES.keys() & INVARIANTS.keys()
    for name, parts in WORK_RULES.items():
        assert {part.name for part in parts} == {name}


@pytest.mark.parametrize("name", [name for name in WORK_RULES if name != "message_faithful"])
def test_an_explanation_has_the_fixed_entry_and_every_version(name: str) -> None:
    explanation = explain_work(WORK_RULES[name])
    text = click.unstyle(work_text(explanation))
    flat = " ".join(text.split())
    assert text.startswith(f"{name}  ({WORK_RULES[name][0].family})\n")
    for rule in WORK_RULES[name]:
        assert rule.sentence.rstrip(".") in flat
        assert rule.origin.rstrip(".") in flat
        assert rule.formula.splitlines()[-1].strip() in flat
        assert rule.scope[1:] in flat
        for version in rule.kept_by:
            assert f"HELD {version.name} ({version.source})" in flat
        for version in rule.broken_by:
            assert f"VIOLATED {version.name} ({version.source})" in flat
            assert f"The smallest state in which '{version.name}' breaks it:" in flat


def test_an_explanation_as_json_has_the_smallest_state() -> None:
    document = json.loads(work_json(explain_work(SENDER)))
    (part,) = document["parts"]
    assert document["invariant"] == "one_sender"
    held = [(version["status"], version["smallest"]) for version in part["versions"][:-1]]
    assert held == [("held", None)] * 3
    assert part["versions"][-1]["status"] == "violated"
    assert part["versions"][-1]["smallest"]["other_rank"] == 1


def test_a_part_that_reaches_less_than_it_claims_is_not_held() -> None:
    (rule,) = SENDER
    explanation = explain_work((replace(rule, broken_by=(), reached=rule.reached | {"something else"}),))
    assert {verdict.status for verdict in explanation.verdicts} == {Status.VACUOUS}
    assert "no state gets to: something else" in work_text(explanation)


@pytest.mark.parametrize(("policy", "state", "key"), [("7756", None, "--policy"), (None, "{}", "--state")])
def test_options_of_policies_are_refused(policy: str | None, state: str | None, key: str) -> None:
    with pytest.raises(InputError, match=f"{key}: one_sender is a rule of functions, not of a policy"):
        refuse_policy_and_state("one_sender", policy, state)
    refuse_policy_and_state("one_sender", None, None)


def test_names_that_are_nearly_right_are_suggested() -> None:
    with pytest.raises(InputError, match="did you mean message_faithful"):
        invariant_named("message_faithfull")
