"""A witness is stored and read without loss, refused with its place, and replayed by the real engine."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from schedproof import (
    POLICIES,
    REFERENCE,
    MultimodalItem,
    Platform,
    Role,
    ServingConfig,
    SpeculativeConfig,
    SpeculativeMethod,
)
from schedproof.engines.fastdeploy.reference_policy import ReferencePolicy
from schedproof_spec import INVARIANTS, ConfigWitness, RunWitness
from schedproof_spec.states.not_drawn import NotDrawn
from schedproof_spec.states.runs import Arrival
from schedproof_spec.verdicts.witness import (
    EVERYONE,
    MAX_KV_BLOCKS,
    MAX_RANKS,
    MAX_REQUESTS,
    MAX_STEPS,
    Steps,
    plain_config,
    read_witness,
    with_equal_steps_together,
)

MTP = SpeculativeConfig(method=SpeculativeMethod.MTP, num_speculative_tokens=2)
CONFIG = ServingConfig(
    max_num_seqs=4,
    max_num_batched_tokens=64,
    max_model_len=64,
    block_size=4,
    num_kv_blocks=100,
    speculation=MTP,
    max_multimodal_item_tokens=4,
)
RUN = RunWitness(
    config=CONFIG,
    arrivals=(
        Arrival(request_id="a", num_prompt_tokens=9, max_new_tokens=5, items=(MultimodalItem(start=2, end=6),)),
        Arrival(request_id="b", num_prompt_tokens=3, max_new_tokens=8, before_step=2, times=3),
    ),
    steps=(Steps(), Steps(accepted={"a": 2, EVERYONE: 1}, times=2)),
)
NUMBERS = ConfigWitness(config=ServingConfig(max_num_seqs=300), numbers={"num_decoding": 7})
BUDGET = INVARIANTS["no_overshoot"]


def stored(witness: RunWitness | ConfigWitness) -> Any:
    """Return what comes back from a file."""
    return json.loads(json.dumps(witness.to_json()))


# Storing


def test_a_run_is_read_as_it_was_written() -> None:
    assert RunWitness.from_json(stored(RUN)) == RUN
    assert read_witness(stored(RUN), BUDGET) == RUN


def test_numbers_are_read_as_they_were_written() -> None:
    assert ConfigWitness.from_json(stored(NUMBERS)) == NUMBERS
    assert read_witness(stored(NUMBERS), INVARIANTS["message_fits"]) == NUMBERS


def test_only_what_differs_from_a_default_is_written() -> None:
    assert NUMBERS.to_json() == {"config": {"max_num_seqs": 300}, "numbers": {"num_decoding": 7}}
    assert RUN.to_json()["steps"] == [{}, {"accepted": {"a": 2, "*": 1}, "times": 2}]
    assert RUN.to_json()["config"]["speculation"] == {"method": "mtp", "num_speculative_tokens": 2}


def changed(data: Any, path: tuple[str | int, ...], value: object) -> Any:
    """Return the data with one value changed or added."""
    data = json.loads(json.dumps(data))
    inner = data
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return data


UNKNOWN = {
    ("seed",): "run has no field seed",
    ("config", "max_num_seq"): "run.config has no field max_num_seq",
    ("config", "speculation", "k"): "run.config.speculation has no field k",
    ("arrivals", 1, "prompt"): r"run.arrivals\[1\] has no field prompt",
    ("arrivals", 0, "items", 0, "length"): r"run.arrivals\[0\].items\[0\] has no field length",
    ("steps", 1, "drafts"): r"run.steps\[1\] has no field drafts",
}


@pytest.mark.parametrize(("path", "words"), UNKNOWN.items(), ids=[".".join(map(str, path)) for path in UNKNOWN])
def test_an_unknown_field_is_refused_with_its_place(path: tuple[str | int, ...], words: str) -> None:
    with pytest.raises(ValueError, match=f"^{words}$"):
        RunWitness.from_json(changed(stored(RUN), path, 1))


def test_an_unknown_field_of_numbers_is_refused_with_its_place() -> None:
    with pytest.raises(ValueError, match=r"^state\.config has no field max_num_seq$"):
        ConfigWitness.from_json(changed(stored(NUMBERS), ("config", "max_num_seq"), 1))


WRONG = {
    ("config", "max_num_seqs"): ("four", "run.config.max_num_seqs"),
    ("config", "role"): ("router", "run.config.role"),
    ("arrivals", 1, "times"): (1.5, "run.arrivals[1].times"),
    ("arrivals", 0, "items", 0, "end"): (None, "run.arrivals[0].items[0].end"),
    ("steps", 1, "accepted", "a"): ("2", "run.steps[1].accepted"),
    ("steps",): ({}, "run.steps"),
}


@pytest.mark.parametrize("path", WRONG, ids=[".".join(map(str, path)) for path in WRONG])
def test_a_value_of_the_wrong_kind_is_refused_with_its_place(path: tuple[str | int, ...]) -> None:
    value, place = WRONG[path]
    with pytest.raises(ValueError) as caught:
        RunWitness.from_json(changed(stored(RUN), path, value))
    assert f"`{place}" in str(caught.value)


@pytest.mark.parametrize("data", [None, [], 3, "run", {}, {"config": {}}])
def test_what_is_no_run_is_refused(data: object) -> None:
    with pytest.raises(ValueError, match=r".+"):
        RunWitness.from_json(data)


LARGEST = {
    "steps": (("steps",), [{"times": MAX_STEPS}], [{"times": MAX_STEPS}, {}], MAX_STEPS),
    "arrivals": (("arrivals", 1, "times"), MAX_REQUESTS - 1, MAX_REQUESTS, MAX_REQUESTS),
    "config.num_kv_blocks": (("config", "num_kv_blocks"), MAX_KV_BLOCKS, MAX_KV_BLOCKS + 1, MAX_KV_BLOCKS),
    "config.tensor_parallel_size": (("config", "tensor_parallel_size"), MAX_RANKS, MAX_RANKS + 1, MAX_RANKS),
}


@pytest.mark.parametrize("place", LARGEST)
def test_a_run_is_replayed_up_to_a_size(place: str) -> None:
    path, largest, too_large, most = LARGEST[place]
    RunWitness.from_json(changed(stored(RUN), path, largest))
    with pytest.raises(ValueError, match=rf"^run\.{place}: expected at most {most}, got {most + 1}$"):
        RunWitness.from_json(changed(stored(RUN), path, too_large))


@pytest.mark.parametrize("times", [0, -5])
@pytest.mark.parametrize("path", [("steps", 1, "times"), ("arrivals", 1, "times")])
def test_a_number_of_times_is_at_least_one(path: tuple[str | int, ...], times: int) -> None:
    with pytest.raises(ValueError, match=rf"^run\.{path[0]}: expected `times` of 1 or more, got {times}$"):
        RunWitness.from_json(changed(stored(RUN), path, times))


def test_a_rule_about_configurations_is_broken_by_no_run() -> None:
    with pytest.raises(ValueError, match=r"^message_fits speaks of the configuration, and of no run$"):
        read_witness(stored(RUN), INVARIANTS["message_fits"])


# Replay


def test_the_engine_runs_what_is_stored() -> None:
    steps = list(RUN.run(REFERENCE))
    assert len(steps) == RUN.num_steps == 3
    assert list(steps[0].before) == ["a"]
    assert list(steps[1].before) == ["a", "b[1]", "b[2]", "b[3]"]
    assert steps[0].outcome.num_produced == {"a": 1}
    assert steps[1].outcome.num_produced == {"a": 3, "b[1]": 1, "b[2]": 1, "b[3]": 1}
    assert steps[2].outcome.num_produced == {"a": 1, "b[1]": 2, "b[2]": 2, "b[3]": 2}, "a ends, the others accept 1"


OVERSHOT = RunWitness(
    config=replace(CONFIG, max_num_seqs=2, max_num_batched_tokens=8, max_multimodal_item_tokens=0),
    arrivals=(
        Arrival(request_id="a", num_prompt_tokens=1, max_new_tokens=30),
        Arrival(request_id="b", num_prompt_tokens=40, max_new_tokens=1),
    ),
    steps=(Steps(times=2),),
)
"""Beside a decode of 3 tokens that is charged 1, a chunk of 7 is run: 10 tokens in a limit of 8."""


def test_a_replay_says_which_step_breaks_the_rule_and_how() -> None:
    replay = OVERSHOT.replay(BUDGET, POLICIES["original"])
    assert not replay.holds
    assert replay.lines[:2] == [
        "a arrives: 1 prompt tokens, 30 to generate",
        "b arrives: 40 prompt tokens, 1 to generate",
    ]
    assert "step 2: runs 10 tokens" in replay.lines
    assert replay.lines[-1] == "step 2: no_overshoot is broken"
    assert not any(line.startswith("step 1: no_overshoot") for line in replay.lines)


def test_the_reference_keeps_the_rule_in_the_same_run() -> None:
    replay = OVERSHOT.replay(BUDGET, REFERENCE)
    assert replay.holds
    assert "step 2: runs 8 tokens" in replay.lines
    assert not any("broken" in line for line in replay.lines)


class AtMostOneDecode(ReferencePolicy):
    name = "at-most-one-decode"

    def initial_budget(self, config: ServingConfig, num_decoding: int) -> int:
        if num_decoding > 1:
            raise ValueError("one at a time")
        return super().initial_budget(config, num_decoding)


def test_a_rule_that_raises_ends_the_replay_there_and_breaks_what_is_claimed() -> None:
    arrival = Arrival(request_id="a", num_prompt_tokens=1, max_new_tokens=30, times=2)
    run = replace(OVERSHOT, arrivals=(arrival,), steps=(Steps(times=3),))
    replay = run.replay(BUDGET, AtMostOneDecode())
    assert not replay.holds
    assert replay.lines[-1].startswith("step 2: test_witness.py, line ")
    assert replay.lines[-1].endswith(", in initial_budget: one at a time (ValueError)")
    assert any(line.startswith("step 1: runs ") for line in replay.lines)
    assert run.replay(BUDGET, REFERENCE).holds


class NoAnswer(ReferencePolicy):
    name = "no-answer"

    def initial_budget(self, config: ServingConfig, num_decoding: int) -> int:
        return None  # type: ignore[return-value]


def test_an_answer_of_another_type_breaks_what_is_claimed() -> None:
    replay = OVERSHOT.replay(BUDGET, NoAnswer())
    assert not replay.holds
    assert replay.lines[-1].startswith("step 1: turns.py, line ")
    assert replay.lines[-1].endswith("not supported between instances of 'NoneType' and 'int' (TypeError)")


def test_what_the_engine_refuses_is_not_a_rule_that_raises() -> None:
    run = replace(OVERSHOT, config=replace(OVERSHOT.config, num_kv_blocks=None))
    with pytest.raises(ValueError, match="num_kv_blocks"):
        run.replay(BUDGET, AtMostOneDecode())


def test_the_middle_of_a_long_run_is_left_out() -> None:
    long = replace(RUN, steps=(Steps(times=12),), arrivals=(replace(RUN.arrivals[1], before_step=1, times=1),))
    lines = long.replay(BUDGET, REFERENCE).lines
    shown = {line.split(":")[0] for line in lines if line.startswith("step ")}
    assert shown == {"step 1", "step 2", "step 11", "step 12"}
    assert lines.count("…") == 1


def test_an_engine_that_does_not_start_replays_nothing() -> None:
    refused = replace(RUN, config=replace(CONFIG, max_num_batched_tokens=8))
    with pytest.raises(ValueError, match="refuses to start"):
        list(refused.run(REFERENCE))


def test_numbers_are_asked_again() -> None:
    invariant = INVARIANTS["charge_follows_method"]
    idle = SpeculativeConfig(method=SpeculativeMethod.NONE, num_speculative_tokens=4)
    witness = ConfigWitness(config=replace(CONFIG, speculation=idle), numbers={"num_decoding": 0})
    replay = witness.replay(invariant, POLICIES["7499"])
    assert not replay.holds
    assert replay.lines == [
        "num_decoding is 0",
        "max_num_seqs * tokens_per_seq is 4 * 1",
        "does not hold: charge_follows_method",
    ]
    assert witness.replay(invariant, REFERENCE).holds


def test_a_capacity_that_no_step_reaches_is_proved_again() -> None:
    config = replace(CONFIG, role=Role.DECODE, max_multimodal_item_tokens=0, platform=Platform.XPU)
    witness = ConfigWitness(config=config, note="no step reaches what the engine plans for")
    replay = witness.replay(INVARIANTS["chunk_capacity_covers_step"], POLICIES["7756"])
    assert not replay.holds
    assert replay.lines[-1] == "max_chunk_tokens is 64; proved again: no step reaches it"


# What a run is made of


def test_neighbours_with_the_same_drafts_are_one() -> None:
    accepted = [{"a": 1}, {"a": 1}, {}, {"a": 1}]
    assert with_equal_steps_together(accepted) == (
        Steps(accepted={"a": 1}, times=2),
        Steps(),
        Steps(accepted={"a": 1}),
    )


def test_an_arrival_of_several_names_each() -> None:
    assert RUN.arrivals[0].names == ("a",)
    assert RUN.arrivals[1].names == ("b[1]", "b[2]", "b[3]")


def test_a_field_that_was_not_drawn_is_absent() -> None:
    drawn = replace(CONFIG, num_max_dispatch_tokens_per_rank=NotDrawn("num_max_dispatch_tokens_per_rank"))
    assert plain_config(drawn) == CONFIG


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("config", "block_size"), -1, "config.block_size: expected 1 or more, got -1"),
        (("config", "data_parallel_size"), 0, "config.data_parallel_size: expected 1 or more, got 0"),
        (("config", "num_experts"), -8, "config.num_experts: expected 0 or more, got -8"),
        (
            ("config", "num_max_dispatch_tokens_per_rank"),
            -1,
            "config.num_max_dispatch_tokens_per_rank: expected 0 or more, got -1",
        ),
        (
            ("config", "speculation", "num_speculative_tokens"),
            -2,
            "config.num_speculative_tokens: expected 0 or more, got -2",
        ),
    ],
)
def test_a_configuration_that_no_theorem_is_about_is_refused(path: Any, value: int, words: str) -> None:
    with pytest.raises(ValueError, match=f"^{words}$"):
        RunWitness.from_json(changed(stored(RUN), path, value))
    numbers = stored(ConfigWitness(config=CONFIG))
    with pytest.raises(ValueError, match=f"^{words}$"):
        ConfigWitness.from_json(changed(numbers, path, value))


def test_two_requests_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^run\.arrivals: two requests have the same `request_id`$"):
        RunWitness.from_json(changed(stored(RUN), ("arrivals", 0, "request_id"), "b[2]"))
