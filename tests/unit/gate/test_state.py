"""What ``--state`` takes: a run, or the numbers of a configuration; anything else is one line."""

import json
from pathlib import Path

import click
import pytest

from schedproof import NEWEST, POLICIES, REFERENCE, Policy
from schedproof_gate.errors import InputError
from schedproof_gate.explain.state import read_state, replay_text
from schedproof_spec import INVARIANTS, ConfigWitness, Invariant, RunWitness, decide

ORIGINAL = POLICIES["original"]
OF_RUNS = INVARIANTS["no_overshoot"]
OF_NUMBERS = INVARIANTS["charge_follows_method"]


def state_of(invariant: Invariant, policy: Policy = ORIGINAL) -> str:
    witness = decide(invariant, policy).witness
    assert witness is not None
    return json.dumps(witness.to_json())


@pytest.mark.parametrize(
    ("invariant", "kind", "what"),
    [(OF_RUNS, RunWitness, "run"), (OF_NUMBERS, ConfigWitness, "configuration")],
    ids=["run", "numbers"],
)
def test_a_witness_replays_from_text_and_from_a_file(
    tmp_path: Path, invariant: Invariant, kind: type, what: str
) -> None:
    state = state_of(invariant)
    path = tmp_path / "state.json"
    path.write_text(state)
    for given in (state, f"@{path}"):
        witness = read_state(given, invariant)
        assert isinstance(witness, kind)
        text, holds = replay_text(invariant, ORIGINAL, witness)
        assert not holds
        assert click.unstyle(text).startswith(f"VIOLATED  {invariant.name} in this {what}, policy original\n")


DRAFTS = {"method": "ngram", "num_speculative_tokens": 2}


@pytest.mark.parametrize(
    ("invariant", "state"),
    [
        (
            OF_RUNS,
            {
                "config": {"num_kv_blocks": 999, "speculation": DRAFTS},
                "arrivals": [{"request_id": "a", "num_prompt_tokens": 9, "max_new_tokens": 9}],
                "steps": [{"times": 2}],
            },
        ),
        (OF_NUMBERS, {"config": {"speculation": DRAFTS}, "numbers": {"num_decoding": 1}}),
    ],
    ids=["run", "numbers"],
)
def test_a_state_holds_under_the_reference(invariant: Invariant, state: dict[str, object]) -> None:
    text, holds = replay_text(invariant, REFERENCE, read_state(json.dumps(state), invariant))
    assert holds
    assert click.unstyle(text).startswith(f"HELD  {invariant.name} in this ")


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
    '{"config": {}, "numbers": {"num_decoding": "a"}}',
    '{"a": ' + "9" * 5000 + "}",
    "[" * 100_000,
]


@pytest.mark.parametrize("invariant", [OF_RUNS, OF_NUMBERS], ids=["run", "numbers"])
@pytest.mark.parametrize("state", NO_STATES, ids=lambda state: state[:20])
def test_what_is_no_state_is_refused_in_one_line(state: str, invariant: Invariant) -> None:
    with pytest.raises(InputError) as caught:
        read_state(state, invariant)
    assert str(caught.value).startswith("command line")
    assert "\n" not in str(caught.value)


NO_RUNS = [
    '{"config": {"num_kv_blocks": 4}, "arrivals": {}, "steps": []}',
    '{"config": {"num_kv_blocks": 4}, "arrivals": [], "steps": [{"accepted": {"a": "b"}}]}',
    '{"config": {"num_kv_blocks": 4}, "arrivals": [], "steps": [{"times": 100000}]}',
    '{"config": {"num_kv_blocks": 4}, "arrivals": [], "steps": [{"times": -1}]}',
    '{"config": {"num_kv_blocks": 99999999999}, "arrivals": [], "steps": []}',
    '{"config": {"num_kv_blocks": 4, "max_num_seqs": 0}, "arrivals": [], "steps": [{}]}',
    '{"config": {"num_kv_blocks": 4, "block_size": 0}, "arrivals": [], "steps": [{}]}',
    '{"config": {"num_kv_blocks": 4, "tensor_parallel_size": 9999999}, "arrivals": [], "steps": []}',
]


@pytest.mark.parametrize("state", NO_RUNS, ids=lambda state: state[:60])
def test_what_is_no_run_is_refused_in_one_line(state: str) -> None:
    with pytest.raises(InputError) as caught:
        read_state(state, OF_RUNS)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("state", "problem"),
    [
        ({}, "no number is given for num_decoding"),
        ({"numbers": {"num_decoding": 8}}, "the rule says nothing about such numbers"),
        ({"numbers": {"num_decoding": -1}}, "the rule says nothing about such numbers"),
        ({"config": {"max_num_seqs": 4096}, "numbers": {"num_decoding": 0}}, "max_num_seqs"),
    ],
)
def test_numbers_about_which_the_rule_says_nothing_are_not_held(state: dict[str, object], problem: str) -> None:
    witness = read_state(json.dumps({"config": {"max_num_seqs": 8}} | state), OF_NUMBERS)
    with pytest.raises(InputError, match=f"policy reference has no such configuration: .*{problem}"):
        replay_text(OF_NUMBERS, REFERENCE, witness)


def test_a_configuration_is_refused_where_the_rule_speaks_of_runs() -> None:
    with pytest.raises(InputError, match="no_overshoot speaks of runs, and there are no `arrivals`"):
        read_state('{"config": {}}', OF_RUNS)


def test_a_bound_that_no_step_attains_is_proved_again() -> None:
    invariant = INVARIANTS["chunk_capacity_covers_step"]
    state = read_state('{"config": {"role": "decode", "platform": "xpu"}, "note": "no step"}', invariant)
    text, holds = replay_text(invariant, NEWEST, state)
    assert "proved again: no step reaches it" in text
    assert not holds


def test_a_run_is_refused_where_the_rule_speaks_of_the_configuration_alone() -> None:
    with pytest.raises(InputError, match="charge_follows_method speaks of the configuration, and of no run"):
        read_state(state_of(OF_RUNS), OF_NUMBERS)


@pytest.mark.parametrize(
    ("invariant", "state", "what"),
    [
        (OF_RUNS, '{"config": {"num_kv_blocks": 4, "max_num_seqs": 4096}, "arrivals": [], "steps": [{}]}', "run"),
        (
            OF_RUNS,
            '{"config": {"num_kv_blocks": 4, "max_num_batched_tokens": 1}, "arrivals": [], "steps": [{}]}',
            "run",
        ),
        (OF_RUNS, '{"config": {}, "arrivals": [], "steps": [{}]}', "run"),
    ],
)
def test_what_no_engine_does_is_refused(invariant: Invariant, state: str, what: str) -> None:
    with pytest.raises(InputError, match=f"policy {NEWEST.name} has no such {what}: ") as caught:
        replay_text(invariant, NEWEST, read_state(state, invariant))
    assert "\n" not in str(caught.value)
