"""A request from its arrival to its last token, on a node that does everything."""

from __future__ import annotations

import pytest
from small_engines import NO_RESERVE, batch, counts, mtp, queue, run_until_idle, small_config, small_engine

from schedproof import POLICIES, REFERENCE, Ending, Engine, MultimodalItem
from schedproof.engines.fastdeploy.life.places import Place
from schedproof.engines.fastdeploy.rules.output_reserve import OutputReserve


def test_a_request_is_prefilled_in_a_step_and_gets_its_first_token_with_it() -> None:
    engine = small_engine()
    engine.add_request("a", num_prompt_tokens=10, max_new_tokens=3)
    assert engine.places.place_of == {"a": Place.WAITING}
    outcome = engine.step()
    assert batch(outcome, engine) == {"a": 10}
    assert outcome.num_produced == {"a": 1}
    assert counts(engine, "a") == (11, 10, 3)
    assert engine.pool.tables["a"] == [0, 1, 2]
    assert queue(engine, Place.RUNNING) == ["a"]


def test_a_long_prompt_takes_several_steps_and_blocks_as_it_goes() -> None:
    engine = small_engine()
    engine.add_request("a", num_prompt_tokens=35, max_new_tokens=3)
    steps = [engine.step() for _ in range(3)]
    assert [batch(outcome, engine)["a"] for outcome in steps] == [16, 16, 3]
    assert [outcome.num_produced for outcome in steps] == [{}, {}, {"a": 1}]
    assert counts(engine, "a") == (36, 35, 9)


def test_prefill_gets_what_the_decodes_leave() -> None:
    engine = small_engine(speculation=mtp(3))
    engine.add_request("a", num_prompt_tokens=10, max_new_tokens=20)
    engine.step()
    engine.add_request("b", num_prompt_tokens=30, max_new_tokens=20)
    assert batch(engine.step(), engine) == {"a": 4, "b": 12}


def test_requests_are_admitted_in_the_order_of_their_arrival() -> None:
    engine = small_engine(max_num_seqs=2)
    for name in ("a", "b", "c"):
        engine.add_request(name, num_prompt_tokens=3, max_new_tokens=2)
    assert batch(engine.step(), engine) == {"a": 3, "b": 3}
    assert queue(engine, Place.WAITING) == ["c"]
    second = engine.step()
    assert second.ended == {"a": Ending.FINISHED, "b": Ending.FINISHED}
    assert batch(engine.step(), engine) == {"c": 3}


def test_no_more_requests_are_looked_at_than_slots_are_free() -> None:
    engine = small_engine(max_num_seqs=3)
    for name in "abcdefgh":
        engine.add_request(name, num_prompt_tokens=10, max_new_tokens=2)
    assert [request.request_id for request in engine.queues().waiting] == ["a", "b", "c"]
    engine.step()
    assert [request.request_id for request in engine.queues().waiting] == ["c"]


def test_a_request_ends_with_its_last_token_and_frees_its_blocks() -> None:
    engine = small_engine()
    engine.add_request("a", num_prompt_tokens=7, max_new_tokens=3)
    outcomes = run_until_idle(engine)
    assert [outcome.num_produced for outcome in outcomes] == [{"a": 1}] * 3
    assert [outcome.ended for outcome in outcomes] == [{}, {}, {"a": Ending.FINISHED}]
    assert engine.pool.num_free_blocks == 64
    assert engine.pool.tables == engine.requests == engine.jobs == {}


def test_one_new_token_is_the_first_token() -> None:
    engine = small_engine(num_kv_blocks=18, speculation=mtp(3))
    engine.add_request("a", num_prompt_tokens=16, max_new_tokens=1)
    outcome = engine.step()
    assert outcome.num_produced == {"a": 1}
    assert outcome.ended == {"a": Ending.FINISHED}
    assert not engine.has_work


@pytest.mark.parametrize("num_drafts", [0, 1, 5])
def test_generation_stops_at_max_model_len(num_drafts: int) -> None:
    engine = small_engine(
        max_model_len=16, max_num_batched_tokens=30, speculation=mtp(num_drafts) if num_drafts else None
    )
    engine.add_request("a", num_prompt_tokens=11, max_new_tokens=1000)
    produced = []
    while engine.has_work:
        produced.append(engine.step(lambda name: num_drafts).num_produced["a"])
    assert sum(produced) == 5
    assert produced == {0: [1, 1, 1, 1, 1], 1: [1, 2, 2], 5: [1, 4]}[num_drafts]


def test_a_prompt_one_token_short_of_max_model_len_gets_one_token() -> None:
    engine = small_engine(max_model_len=16)
    engine.add_request("a", num_prompt_tokens=15, max_new_tokens=1000)
    outcome = engine.step()
    assert (outcome.num_produced, outcome.ended) == ({"a": 1}, {"a": Ending.FINISHED})


@pytest.mark.parametrize("accepted", [0, 1, 2, 3])
def test_a_step_yields_the_accepted_drafts_and_one_token_more(accepted: int) -> None:
    engine = small_engine(speculation=mtp(3))
    engine.add_request("a", num_prompt_tokens=6, max_new_tokens=40)
    engine.step(lambda name: 3)
    assert counts(engine, "a")[0] == 7, "the first token comes alone"
    outcome = engine.step(lambda name: accepted)
    assert outcome.num_produced == {"a": accepted + 1}
    assert counts(engine, "a")[:2] == (8 + accepted, 7 + accepted)


def test_each_sequence_accepts_its_own_number_of_drafts() -> None:
    engine = small_engine(speculation=mtp(3))
    for name in ("a", "b"):
        engine.add_request(name, num_prompt_tokens=6, max_new_tokens=40)
    engine.step()
    assert engine.step({"a": 3, "b": 0}.__getitem__).num_produced == {"a": 4, "b": 1}


def test_a_decode_has_a_slot_for_every_token_that_the_worker_writes() -> None:
    """The last sampled token and three drafts: with 9 tokens the step writes positions 8 to 11."""
    engine = small_engine(speculation=mtp(3))
    engine.add_request("a", num_prompt_tokens=8, max_new_tokens=40)
    engine.step()
    assert counts(engine, "a") == (9, 8, 3), "two blocks for the prompt, one more with speculation"
    engine.schedule()
    assert counts(engine, "a") == (9, 8, 3)
    engine.complete(lambda name: 0)
    engine.schedule()
    assert counts(engine, "a") == (10, 9, 4), "positions 9 to 12"


def test_a_decode_grows_two_blocks_at_a_time_when_twelve_slots_are_left() -> None:
    """FastDeploy's presets, with blocks of 64."""
    engine = small_engine(
        block_size=64,
        max_num_batched_tokens=128,
        max_model_len=512,
        enc_dec_block_num=2,
        prealloc_dec_block_slot_num_threshold=12,
    )
    engine.add_request("a", num_prompt_tokens=50, max_new_tokens=40)
    engine.step()
    assert counts(engine, "a") == (51, 50, 1)
    engine.step()
    assert counts(engine, "a") == (52, 51, 1), "13 slots were left"
    engine.step()
    assert counts(engine, "a") == (53, 52, 3), "12 slots were left"


def test_an_item_waits_for_a_step_that_has_room_for_it() -> None:
    engine = small_engine(max_multimodal_item_tokens=12)
    picture = MultimodalItem(start=10, end=20)
    engine.add_request("a", num_prompt_tokens=30, max_new_tokens=2, items=(picture,))
    assert [batch(engine.step(), engine)["a"] for _ in range(3)] == [10, 16, 4]


def test_chunks_end_on_multiples_in_deterministic_mode() -> None:
    engine = small_engine(deterministic=True, split_kv_size=6)
    engine.add_request("a", num_prompt_tokens=33, max_new_tokens=2)
    assert [batch(engine.step(), engine)["a"] for _ in range(3)] == [12, 12, 9]


def test_an_item_that_alignment_cuts_is_run_to_its_end() -> None:
    """From position 5 the budget of 10 reaches 15, aligned 12: inside an item that ends at 13 and so fits."""
    engine = small_engine(
        max_num_seqs=1,
        max_num_batched_tokens=10,
        max_multimodal_item_tokens=8,
        deterministic=True,
        split_kv_size=4,
    )
    engine.add_request("a", num_prompt_tokens=25, max_new_tokens=1, items=(MultimodalItem(start=5, end=13),))
    assert [batch(engine.step(), engine)["a"] for _ in range(3)] == [5, 8, 7]
    assert engine.requests["a"].num_computed_tokens == 20


def test_without_chunked_prefill_a_prompt_waits_for_a_step_that_has_room_for_it() -> None:
    engine = small_engine(chunked_prefill=False, max_num_batched_tokens=20, max_model_len=20)
    engine.add_request("a", num_prompt_tokens=15, max_new_tokens=3)
    engine.add_request("b", num_prompt_tokens=6, max_new_tokens=2)
    assert batch(engine.step(), engine) == {"a": 15}
    assert batch(engine.step(), engine) == {"a": 1, "b": 6}


def test_without_a_word_an_engine_keeps_fastdeploys_reserve() -> None:
    assert Engine(small_config()).num_reserved_blocks_per_seq == 16
    assert small_engine().num_reserved_blocks_per_seq == 0


def test_the_output_reserve_holds_admissions_back_until_it_has_decayed() -> None:
    """Blocks reserved for the one running request, by step: 3, 2, 2, 1. Three are free at first, then two."""
    reserve = OutputReserve(initial_blocks=3, steps_per_block=2)
    engine = Engine(small_config(max_num_batched_tokens=64, num_kv_blocks=18), reserve=reserve)
    engine.add_request("a", num_prompt_tokens=60, max_new_tokens=4)
    engine.add_request("b", num_prompt_tokens=4, max_new_tokens=1)
    reserved = [(engine.num_reserved_blocks_per_seq, batch(engine.step(), engine).get("b")) for _ in range(4)]
    assert reserved == [(3, None), (2, None), (2, None), (1, 4)]


def test_decodes_that_nobody_visits_run_until_their_blocks_are_used_up() -> None:
    """PR 7756 with four decodes in a budget of four: the loop ends before it begins; a block holds four tokens."""
    for policy, num_produced in ((POLICIES["7756"], [4, 4, 4, 4, 0, 0]), (REFERENCE, [4, 4, 4, 4, 4, 4])):
        engine = Engine(small_config(max_num_batched_tokens=4), policy, reserve=NO_RESERVE)
        for name in "abcd":
            engine.add_request(name, num_prompt_tokens=1, max_new_tokens=20)
        assert [sum(engine.step().num_produced.values()) for _ in num_produced] == num_produced
        assert all(request.num_computed_tokens == sum(num_produced) // 4 for request in engine.requests.values())
