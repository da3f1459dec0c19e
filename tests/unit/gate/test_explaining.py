import json
from pathlib import Path

import click
import pytest

from schedproof import NEWEST, POLICIES, REFERENCE
from schedproof_gate.errors import InputError
from schedproof_gate.explain.explaining import (
    explain,
    explanation_json,
    explanation_text,
    invariant_named,
    read_state,
    replay_text,
)
from schedproof_spec import INVARIANTS, RUN_INVARIANTS, Invariant, RunInvariant, Status

INVARIANT = INVARIANTS["message_fits"]
PROGRESS = RUN_INVARIANTS["progress"]


def test_an_explanation_has_the_fixed_entry_and_every_policy() -> None:
    text = click.unstyle(explanation_text(explain(INVARIANT, [NEWEST, REFERENCE])))
    flat = " ".join(text.split())
    assert text.startswith(f"message_fits  ({INVARIANT.family})\n")
    assert INVARIANT.sentence.rstrip(".") in flat
    assert INVARIANT.formula.splitlines()[0].strip() in flat
    assert f"{NEWEST.name} VIOLATED" in flat
    assert f"{REFERENCE.name} HELD" in flat
    assert f"schedproof explain message_fits --policy {NEWEST.name} --state" in flat


def test_an_explanation_as_json_has_the_witness_of_a_violation() -> None:
    document = json.loads(explanation_json(explain(INVARIANT, [NEWEST, REFERENCE])))
    assert [(p["policy"], p["status"], p["witness"] is None) for p in document["policies"]] == [
        (NEWEST.name, Status.VIOLATED, False),
        (REFERENCE.name, Status.HELD, True),
    ]


def test_the_witness_replays_from_text_and_from_a_file(tmp_path: Path) -> None:
    (verdict,) = explain(INVARIANT, [NEWEST]).verdicts
    assert verdict.witness is not None
    state = json.dumps(verdict.witness.to_json())
    path = tmp_path / "state.json"
    path.write_text(state)
    for given in (state, f"@{path}"):
        text, holds = replay_text(INVARIANT, POLICIES[verdict.policy], read_state(given, INVARIANT))
        assert not holds
        assert click.unstyle(text).startswith(f"VIOLATED  message_fits in this state, policy {verdict.policy}\n")


NO_STATES = [
    "",
    "x",
    "[]",
    "{}",
    "1",
    '{"config": 1}',
    '{"config": {"nothing": 1}}',
    '{"config": {"max_num_seqs": "8"}}',
    '{"config": {}, "queues": {"running": {}}}',
    '{"a": ' + "9" * 5000 + "}",
    "[" * 100_000,
]


@pytest.mark.parametrize("invariant", [INVARIANT, PROGRESS], ids=["step", "run"])
@pytest.mark.parametrize("state", NO_STATES, ids=lambda state: state[:20])
def test_what_is_no_state_is_refused_in_one_line(state: str, invariant: Invariant | RunInvariant) -> None:
    with pytest.raises(InputError) as caught:
        read_state(state, invariant)
    assert str(caught.value).startswith("command line")
    assert "\n" not in str(caught.value)


NO_RUNS = [
    '{"config": {"num_kv_blocks": 4}, "arrivals": {}, "num_accepted_drafts": []}',
    '{"config": {"num_kv_blocks": 4}, "arrivals": [], "num_accepted_drafts": [{"a": "b"}]}',
    '{"config": {"num_kv_blocks": 99999999999}, "arrivals": [], "num_accepted_drafts": []}',
    '{"config": {"num_kv_blocks": 4, "tensor_parallel_size": 9999999}, "arrivals": [], "num_accepted_drafts": []}',
    '{"config": {"num_kv_blocks": 4}, "arrivals": [], "num_accepted_drafts": '
    + f"[{', '.join(['{}'] * 5000)}]"
    + "}",
]


@pytest.mark.parametrize("state", NO_RUNS, ids=lambda state: state[:40])
def test_what_is_no_run_is_refused_in_one_line(state: str) -> None:
    with pytest.raises(InputError) as caught:
        read_state(state, PROGRESS)
    assert "\n" not in str(caught.value)


def test_the_shortest_run_is_shown_and_replays() -> None:
    explanation = explain(PROGRESS, [NEWEST, REFERENCE])
    text = " ".join(click.unstyle(explanation_text(explanation)).split())
    assert f"The smallest run in which {NEWEST.name} breaks it" in text
    assert "step 2: progress is broken" in text
    witness = explanation.verdicts[0].witness
    assert witness is not None
    state = read_state(json.dumps(witness.to_json()), PROGRESS)
    assert not replay_text(PROGRESS, NEWEST, state)[1]
    assert replay_text(PROGRESS, REFERENCE, state)[1]


def test_a_run_that_no_engine_starts_is_refused() -> None:
    state = '{"config": {"num_kv_blocks": 4, "max_num_seqs": 0}, "arrivals": [], "num_accepted_drafts": [{}]}'
    with pytest.raises(InputError, match="no engine gets into this state"):
        replay_text(PROGRESS, NEWEST, read_state(state, PROGRESS))


def test_a_state_that_no_engine_gets_into_is_refused() -> None:
    state = {
        "config": {"block_size": 0},
        "queues": {
            "waiting": [{"request_id": "a", "need_prefill_tokens": 4, "num_total_tokens": 4}],
            "num_free_blocks": 1,
        },
    }
    with pytest.raises(InputError, match="no engine gets into this state"):
        replay_text(
            INVARIANTS["no_overshoot"], REFERENCE, read_state(json.dumps(state), INVARIANTS["no_overshoot"])
        )


def test_an_unknown_invariant_is_named_with_a_likely_one() -> None:
    assert invariant_named("message_fits") is INVARIANT
    with pytest.raises(InputError, match="did you mean no_overshoot"):
        invariant_named("overshoot")
    with pytest.raises(InputError, match="give one of: budget_nonnegative, "):
        invariant_named("x")
