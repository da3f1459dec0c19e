import json

import click
import pytest

from schedproof import POLICIES, REFERENCE
from schedproof.engines.fastdeploy.releases import VERSIONS
from schedproof_gate.errors import InputError
from schedproof_gate.explain.explaining import explain, explanation_json, explanation_text, invariant_named
from schedproof_spec import INVARIANTS, Status

ORIGINAL = POLICIES["original"]
OF_RUNS = INVARIANTS["no_overshoot"]
OF_NUMBERS = INVARIANTS["charge_follows_method"]


@pytest.mark.parametrize("invariant", [OF_RUNS, OF_NUMBERS], ids=lambda each: each.name)
def test_an_explanation_has_the_fixed_entry_and_every_policy(invariant) -> None:  # type: ignore[no-untyped-def]
    text = click.unstyle(explanation_text(explain(invariant, [ORIGINAL, REFERENCE])))
    flat = " ".join(text.split())
    head = f"{invariant.name}  ({invariant.family}; when it breaks: {invariant.consequence.value})"
    assert text.startswith(f"{head}\n")
    assert invariant.sentence.rstrip(".") in flat
    assert invariant.formula.splitlines()[0].strip() in flat
    assert f"{ORIGINAL.name} VIOLATED" in flat
    assert f"{REFERENCE.name} HELD" in flat
    assert f"schedproof explain {invariant.name} --policy {ORIGINAL.name} --state" in flat


def test_a_run_is_shown_step_by_step_below_the_configuration() -> None:
    text = click.unstyle(explanation_text(explain(OF_RUNS, [ORIGINAL])))
    marks = (
        "A run in which original breaks it:",
        "    config ",
        "    run ",
        " no_overshoot is broken",
        "    replay ",
    )
    places = [text.index(mark) for mark in marks]
    assert places == sorted(places)
    assert "max_num_batched_tokens: " in text
    assert "    state " not in text


def test_numbers_are_shown_as_such() -> None:
    text = click.unstyle(explanation_text(explain(OF_NUMBERS, [ORIGINAL])))
    assert "  A configuration in which original breaks it:" in text
    assert "    state     num_decoding is 0" in text
    assert "    run " not in text


def test_the_newest_violation_is_shown_whatever_the_version_s_name() -> None:
    release = VERSIONS["release-2.5"]
    text = click.unstyle(explanation_text(explain(OF_NUMBERS, [ORIGINAL, release, REFERENCE])))
    assert f"in which {release.name} breaks it" in text
    assert f"--policy {release.name} --state" in text


def test_where_nobody_breaks_it_there_is_no_run() -> None:
    text = click.unstyle(explanation_text(explain(OF_RUNS, [REFERENCE])))
    assert "breaks it:" not in text
    assert "replay" not in text


def test_an_explanation_as_json_has_the_witness_of_a_violation() -> None:
    document = json.loads(explanation_json(explain(OF_RUNS, [ORIGINAL, REFERENCE])))
    assert (document["schema"], document["consequence"]) == ("schedproof/explanation/2", "crash")
    assert [(p["policy"], p["status"], p["witness"] is None) for p in document["policies"]] == [
        (ORIGINAL.name, Status.VIOLATED, False),
        (REFERENCE.name, Status.HELD, True),
    ]
    assert set(document["policies"][0]["witness"]) == {"config", "arrivals", "steps"}


def test_an_unknown_invariant_is_named_with_a_likely_one() -> None:
    assert invariant_named("no_overshoot") is OF_RUNS
    with pytest.raises(InputError, match="did you mean no_overshoot"):
        invariant_named("overshoot")
    with pytest.raises(InputError, match="give one of: budget_nonnegative, "):
        invariant_named("x")
