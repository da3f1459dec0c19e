"""Requests that lose their blocks, wait, and resume; and requests that nobody waits for any more."""

from __future__ import annotations

import pytest
from small_engines import batch, counts, preempted, queue, run_until_idle, small_engine

from schedproof import Ending, Engine, Phase
from schedproof.engines.fastdeploy.life.places import Place
from schedproof.engines.fastdeploy.rules.output_reserve import OutputReserve


def crowded_engine() -> Engine:
    """Two requests of 12 tokens in 8 blocks: at 17 tokens each, the first needs a ninth block."""
    engine = small_engine(max_num_batched_tokens=32, max_model_len=32, num_kv_blocks=8)
    for name in ("a", "b"):
        engine.add_request(name, num_prompt_tokens=12, max_new_tokens=20)
    for _ in range(5):
        assert preempted(engine.step()) == []
    assert counts(engine, "a") == counts(engine, "b") == (17, 16, 4)
    assert engine.pool.num_free_blocks == 0
    return engine


def engine_that_preempts_three() -> Engine:
    """A first request of 16 tokens beside three of 4; each asks for two blocks, and one is free."""
    engine = small_engine(max_num_batched_tokens=32, max_model_len=32, num_kv_blocks=8, enc_dec_block_num=2)
    for name, num_prompt_tokens in (("a", 16), ("b", 4), ("c", 4), ("d", 4)):
        engine.add_request(name, num_prompt_tokens=num_prompt_tokens, max_new_tokens=8)
    engine.step()
    return engine


def test_the_last_running_request_gives_its_blocks_to_the_first() -> None:
    engine = crowded_engine()
    launch = engine.schedule()
    assert [request.request_id for request in launch.plan.preempted] == ["b"]
    assert queue(engine, Place.PREEMPTED) == ["b"]
    assert counts(engine, "a") == (17, 16, 5)
    assert counts(engine, "b") == (17, 0, 0)
    assert engine.pool.num_free_blocks == 3 == launch.plan.final.num_free_blocks
    outcome = engine.complete()
    assert outcome.num_produced == {"a": 1}
    assert batch(outcome, engine) == {"a": 1}
    assert engine.acknowledge() == {}
    assert queue(engine, Place.WAITING) == ["b"]


def test_a_preempted_request_prefills_its_prompt_and_its_output_again() -> None:
    engine = crowded_engine()
    outcomes = run_until_idle(engine)
    resumption = next(outcome for outcome in outcomes if "b" in batch(outcome, engine))
    assert batch(resumption, engine) == {"b": 17}
    assert resumption.num_produced == {"b": 1}
    assert resumption.launch.plan.visits[0].request.need_prefill_tokens == 17
    assert [list(outcome.ended) for outcome in outcomes if outcome.ended] == [["a"], ["b"]]
    assert sum(outcome.num_produced.get("b", 0) for outcome in outcomes) == 32 - 17


def test_who_asks_is_preempted_itself_when_it_is_the_last() -> None:
    """The first gets one block of the last, the second takes the third's, and that is not enough for it."""
    engine = engine_that_preempts_three()
    outcome = engine.step()
    assert preempted(outcome) == ["d", "c", "b"]
    assert batch(outcome, engine) == {"a": 1}


def test_the_oldest_of_several_preempted_requests_is_served_first() -> None:
    engine = engine_that_preempts_three()
    engine.add_request("e", num_prompt_tokens=4, max_new_tokens=8)
    engine.step()
    assert queue(engine, Place.WAITING) == ["b", "c", "d", "e"]


def test_a_slot_is_occupied_until_the_worker_acknowledges() -> None:
    engine = engine_that_preempts_three()
    engine.schedule()
    engine.complete()
    queues = engine.queues()
    assert (len(queues.running), queues.num_held_slots) == (1, 3)
    engine.acknowledge()
    assert (len(engine.queues().running), engine.queues().num_held_slots) == (1, 0)


def test_nobody_overtakes_a_preempted_request_that_is_not_acknowledged_yet() -> None:
    """`c` would fit at once, and would then run before the older `b`, which is preempted whenever blocks lack."""
    engine = crowded_engine()
    engine.add_request("c", num_prompt_tokens=4, max_new_tokens=1)
    engine.schedule()
    engine.complete()
    assert batch_without_acknowledgement(engine) == {"a": 1}
    engine.acknowledge()
    assert queue(engine, Place.WAITING) == ["b", "c"]


def batch_without_acknowledgement(engine: Engine) -> dict[str, int]:
    engine.schedule()
    return batch(engine.complete(), engine)


def test_requests_of_different_steps_are_acknowledged_together() -> None:
    """In blocks of four, three requests of 9 tokens need nine of eight, and two of 17 need ten."""
    engine = small_engine(max_num_batched_tokens=32, max_model_len=32, num_kv_blocks=8)
    for name in ("a", "b", "c"):
        engine.add_request(name, num_prompt_tokens=8, max_new_tokens=20)
    steps = []
    while len(engine.places[Place.PREEMPTED]) < 2:
        engine.schedule()
        steps.append(preempted(engine.complete()))
    assert [names for names in steps if names] == [["c"], ["b"]]
    engine.acknowledge()
    assert queue(engine, Place.WAITING) == ["b", "c"]


def test_a_preemption_starts_the_output_reserve_anew() -> None:
    reserve = OutputReserve(initial_blocks=1, steps_per_block=1)
    engine = Engine(crowded_engine().config, reserve=reserve)
    for name in ("a", "b"):
        engine.add_request(name, num_prompt_tokens=12, max_new_tokens=20)
    assert engine.num_reserved_blocks_per_seq == 1
    reserved = [(preempted(engine.step()), engine.num_reserved_blocks_per_seq) for _ in range(7)]
    assert reserved == [([], 0)] * 5 + [(["b"], 1), ([], 0)]


@pytest.mark.parametrize("acknowledges", [True, False])
def test_the_first_request_gives_way_only_to_blocks_that_it_cannot_take(
    acknowledges: bool,
) -> None:
    engine = crowded_engine()
    engine.abort("b")
    if acknowledges:
        engine.acknowledge()
    outcome = engine.step()
    assert preempted(outcome) == ([] if acknowledges else ["a"])
    assert [list(step.ended) for step in run_until_idle(engine)][-1] == ["a"]


# Aborts


def test_a_waiting_request_ends_at_once() -> None:
    engine = small_engine()
    engine.add_request("a", num_prompt_tokens=4, max_new_tokens=4)
    engine.abort("a")
    assert not engine.has_work
    assert engine.pool.tables == engine.requests == engine.jobs == {}


def test_a_running_request_keeps_its_slot_and_its_blocks_until_the_worker_acknowledges() -> None:
    engine = small_engine(max_num_seqs=1)
    engine.add_request("a", num_prompt_tokens=8, max_new_tokens=4)
    engine.add_request("b", num_prompt_tokens=8, max_new_tokens=4)
    engine.step()
    engine.abort("a")
    assert queue(engine, Place.ABORTING) == ["a"]
    assert engine.pool.tables["a"] == [0, 1]
    engine.schedule()
    outcome = engine.complete()
    assert (batch(outcome, engine), outcome.num_produced, outcome.ended) == ({}, {}, {})
    assert engine.acknowledge() == {"a": Ending.ABORTED}
    assert engine.pool.num_free_blocks == 64
    assert batch(engine.step(), engine) == {"b": 8}


def test_a_request_that_is_aborted_while_its_step_runs_gets_no_token() -> None:
    engine = small_engine()
    for name in ("a", "b"):
        engine.add_request(name, num_prompt_tokens=4, max_new_tokens=4)
    engine.schedule()
    engine.abort("a")
    outcome = engine.complete()
    assert outcome.num_produced == {"b": 1}
    assert [visit.phase for visit in outcome.launch.plan.visits] == [Phase.ADMISSION] * 2
    assert engine.acknowledge() == {"a": Ending.ABORTED}
    assert queue(engine, Place.RUNNING) == ["b"]


def test_a_preempted_request_can_be_aborted() -> None:
    engine = crowded_engine()
    engine.schedule()
    engine.abort("b")
    engine.complete()
    assert engine.acknowledge() == {"b": Ending.ABORTED}
    assert list(engine.requests) == ["a"]
    assert engine.pool.num_free_blocks == 3


def test_a_preempted_request_that_waits_again_ends_at_once() -> None:
    engine = crowded_engine()
    engine.step()
    engine.abort("b")
    assert list(engine.requests) == ["a"]


def test_a_second_abort_changes_nothing() -> None:
    engine = small_engine()
    engine.add_request("a", num_prompt_tokens=4, max_new_tokens=4)
    engine.step()
    engine.abort("a")
    engine.abort("a")
    assert queue(engine, Place.ABORTING) == ["a"]
    assert engine.acknowledge() == {"a": Ending.ABORTED}
    assert engine.acknowledge() == {}


def test_an_id_can_be_used_again_after_its_request_ended() -> None:
    engine = small_engine()
    engine.add_request("a", num_prompt_tokens=4, max_new_tokens=1)
    engine.step()
    engine.add_request("a", num_prompt_tokens=6, max_new_tokens=1)
    assert batch(engine.step(), engine) == {"a": 6}


def test_two_requests_that_do_not_fit_together_are_both_served() -> None:
    """Each needs the whole pool in the end; the older one never gives way."""
    engine = small_engine(max_num_batched_tokens=32, max_model_len=32, num_kv_blocks=8)
    for name in ("a", "b", "c"):
        engine.add_request(name, num_prompt_tokens=2, max_new_tokens=30)
    outcomes = run_until_idle(engine, most_steps=3 * 32)
    assert [list(outcome.ended) for outcome in outcomes if outcome.ended] == [["a"], ["b"], ["c"]]
    assert all("a" not in preempted(outcome) for outcome in outcomes)
    assert sum(len(preempted(outcome)) for outcome in outcomes) >= 3
