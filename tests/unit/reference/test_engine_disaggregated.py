"""Prefill and decode nodes: preallocation, hand-over, and what happens when blocks run short."""

from __future__ import annotations

import pytest
from small_engines import (
    NO_RESERVE,
    batch,
    counts,
    mtp,
    preempted,
    queue,
    run_until_idle,
    small_config,
    small_engine,
)

from schedproof import Ending, Engine, MultimodalItem, RequestRefusedError, Role, StepOutcome
from schedproof.engines.fastdeploy.life.places import Place
from schedproof.engines.fastdeploy.releases import VERSIONS
from schedproof.engines.fastdeploy.rules.output_reserve import OutputReserve


def prefill_node(**fields: int) -> Engine:
    return small_engine(role=Role.PREFILL, **fields)


def decode_node(**fields: int) -> Engine:
    return small_engine(role=Role.DECODE, **fields)


# The prefill node


@pytest.mark.parametrize(("num_prompt_tokens", "blocks"), [(8, 4), (9, 5), (12, 5)])
def test_a_prefill_node_takes_the_prompts_blocks_and_a_growth_up_front(num_prompt_tokens: int, blocks: int) -> None:
    engine = prefill_node(enc_dec_block_num=2)
    assert engine.preallocate("a", num_prompt_tokens, max_new_tokens=5)
    assert queue(engine, Place.RUNNING) == ["a"]
    assert counts(engine, "a") == (num_prompt_tokens, 0, blocks)
    assert engine.pool.num_free_blocks == 64 - blocks


def test_a_preallocated_request_is_prefilled_from_the_next_step_on() -> None:
    engine = prefill_node(enc_dec_block_num=1)
    assert engine.preallocate("a", 20, max_new_tokens=5)
    assert [batch(engine.step(), engine) for _ in range(2)] == [{"a": 16}, {"a": 4}]
    assert counts(engine, "a") == (21, 20, 6)


def test_a_prefilled_request_waits_for_its_hand_over_and_generates_nothing() -> None:
    engine = prefill_node()
    assert engine.preallocate("a", 10, max_new_tokens=5)
    assert engine.step().num_produced == {"a": 1}
    for _ in range(3):
        outcome = engine.step()
        assert (batch(outcome, engine), outcome.num_produced) == ({}, {})
    assert counts(engine, "a") == (11, 10, 3)
    engine.hand_over("a")
    assert not engine.has_work
    assert engine.pool.num_free_blocks == 64


def test_a_request_of_one_token_ends_on_the_prefill_node() -> None:
    engine = prefill_node()
    assert engine.preallocate("a", 10, max_new_tokens=1)
    assert engine.step().ended == {"a": Ending.FINISHED}


def test_a_prefill_node_refuses_without_a_slot_or_blocks_and_takes_the_request_later() -> None:
    engine = prefill_node(max_num_seqs=2, max_num_batched_tokens=32, max_model_len=32, num_kv_blocks=8)
    assert engine.preallocate("a", 20, max_new_tokens=5)
    assert not engine.preallocate("b", 13, max_new_tokens=5), "three blocks are left, it takes four"
    assert "b" not in engine.requests
    assert engine.preallocate("c", 12, max_new_tokens=5)
    assert not engine.preallocate("d", 1, max_new_tokens=5), "no slot is left"
    engine.step()
    engine.hand_over("a")
    assert engine.preallocate("b", 13, max_new_tokens=5)


def test_a_prefill_node_takes_nobody_before_a_request_that_waits() -> None:
    engine = prefill_node(max_num_seqs=1)
    engine.add_request("a", num_prompt_tokens=4, max_new_tokens=5)
    engine.add_request("b", num_prompt_tokens=4, max_new_tokens=5)
    engine.step()
    engine.hand_over("a")
    assert not engine.preallocate("c", 4, max_new_tokens=5)
    engine.step()
    engine.hand_over("b")
    assert engine.preallocate("c", 4, max_new_tokens=5)


def test_a_prefilled_request_is_not_preempted() -> None:
    """Its first token must not be generated again. `a`, which lacks a block, waits for the hand-over instead."""
    engine = prefill_node(max_model_len=32, num_kv_blocks=8, max_multimodal_item_tokens=10)
    picture = MultimodalItem(start=10, end=20)
    engine.add_request("a", num_prompt_tokens=26, max_new_tokens=5, items=(picture,))
    engine.add_request("b", num_prompt_tokens=6, max_new_tokens=5)
    outcome = engine.step()
    assert (batch(outcome, engine), outcome.num_produced) == ({"a": 10, "b": 6}, {"b": 1})
    outcome = engine.step()
    assert (batch(outcome, engine), preempted(outcome)) == ({}, ["a"])
    assert counts(engine, "b") == (7, 6, 2)
    engine.hand_over("b")
    assert [batch(engine.step(), engine) for _ in range(2)] == [{"a": 10}, {"a": 16}]


def test_a_prefilling_request_gives_way_to_an_older_one_that_lacks_blocks() -> None:
    engine = prefill_node(max_num_batched_tokens=16, max_model_len=32, num_kv_blocks=8)
    engine.add_request("a", num_prompt_tokens=24, max_new_tokens=5)
    engine.step()
    assert engine.preallocate("b", 14, max_new_tokens=5)
    outcome = engine.step()
    assert (batch(outcome, engine), preempted(outcome)) == ({"a": 8}, ["b"])
    assert queue(engine, Place.WAITING) == ["b"]
    engine.hand_over("a")
    assert batch(engine.step(), engine) == {"b": 14}
    assert counts(engine, "b") == (15, 14, 4), "it has generated its first token once"


def test_without_a_growth_block_a_preallocated_request_lacks_the_spare_one_of_speculation() -> None:
    """Each asks for a block more than its prompt fills, and none is free: the older one takes it from the other."""
    engine = prefill_node(max_num_seqs=2, max_model_len=30, num_kv_blocks=8, speculation=mtp(1))
    assert engine.preallocate("a", 16, max_new_tokens=5)
    assert engine.preallocate("b", 16, max_new_tokens=5)
    outcome = engine.step()
    assert (batch(outcome, engine), preempted(outcome)) == ({"a": 16}, ["b"])


def test_a_prefill_node_knows_no_output_reserve() -> None:
    config = small_config(role=Role.PREFILL, max_model_len=32, num_kv_blocks=8)
    engine = Engine(config, reserve=OutputReserve(initial_blocks=2))
    assert engine.preallocate("a", 16, max_new_tokens=5)
    assert engine.preallocate("b", 16, max_new_tokens=5)


# The decode node


def test_a_decode_node_keeps_a_slot_and_blocks_until_the_cache_arrives() -> None:
    engine = decode_node(enc_dec_block_num=2)
    assert engine.preallocate("a", 10, max_new_tokens=3)
    assert queue(engine, Place.RECEIVING) == ["a"]
    assert counts(engine, "a") == (10, 0, 5)
    assert batch(engine.step(), engine) == {}
    engine.receive("a")
    assert counts(engine, "a") == (11, 10, 5), "the prompt is computed, the first token is there"
    outcomes = run_until_idle(engine)
    assert [outcome.num_produced for outcome in outcomes] == [{"a": 1}, {"a": 1}]
    assert outcomes[-1].ended == {"a": Ending.FINISHED}


def test_a_decode_node_leaves_the_output_reserve_of_the_others() -> None:
    """Two blocks a request: beside one request a second of 2 blocks needs 4 free, a third of one block then 5."""
    reserve = OutputReserve(initial_blocks=2, steps_per_block=100)
    engine = Engine(small_config(role=Role.DECODE, max_model_len=32, num_kv_blocks=11), reserve=reserve)
    assert engine.preallocate("a", 20, max_new_tokens=5)
    engine.receive("a")
    assert engine.preallocate("b", 8, max_new_tokens=5)
    engine.receive("b")
    assert not engine.preallocate("c", 1, max_new_tokens=5), "four blocks are free"
    engine.reserve = NO_RESERVE
    assert engine.preallocate("c", 1, max_new_tokens=5)


def test_a_decode_node_lets_everybody_finish() -> None:
    """Preemption cannot take the blocks of a request that receives its cache; either comes to need eight."""
    engine = decode_node(max_model_len=32, num_kv_blocks=12)
    assert engine.preallocate("a", 16, max_new_tokens=16)
    assert not engine.preallocate("b", 17, max_new_tokens=15), "nine are to be received; one needs four more"
    engine.receive("a")
    assert not engine.preallocate("b", 17, max_new_tokens=15), "five are to be received; the other comes to eight"
    assert engine.preallocate("b", 16, max_new_tokens=16)
    outcomes = run_until_ended(engine, "a")
    assert outcomes[-1].ended == {"a": Ending.FINISHED}


def test_a_request_alone_on_a_decode_node_is_always_taken() -> None:
    """An older version starts with a pool in which the last growth of this request may not fit; who else has it?"""
    engine = Engine(small_config(role=Role.DECODE, num_kv_blocks=5, enc_dec_block_num=2), VERSIONS["release-2.3"])
    assert engine.preallocate("a", 4, max_new_tokens=12)


def run_until_ended(engine: Engine, request_id: str) -> list[StepOutcome]:
    outcomes = []
    while request_id in engine.requests:
        outcomes.append(engine.step())
    return outcomes


def decode_node_of_two() -> Engine:
    """Two requests of 17 tokens, and twelve blocks: at 25 tokens each the first lacks a block."""
    engine = decode_node(max_num_seqs=2, max_num_batched_tokens=32, max_model_len=32, num_kv_blocks=12)
    for name in ("a", "b"):
        assert engine.preallocate(name, 16, max_new_tokens=16)
        engine.receive(name)
    for _ in range(8):
        assert preempted(engine.step()) == []
    return engine


def test_a_decode_node_drops_what_it_preempts() -> None:
    engine = decode_node_of_two()
    outcome = engine.step()
    assert (batch(outcome, engine), preempted(outcome)) == ({"a": 1}, ["b"])
    assert outcome.ended == {"b": Ending.DROPPED}
    assert list(engine.requests) == ["a"]
    assert engine.pool.num_free_blocks == 5


def test_a_dropped_request_keeps_its_slot_until_the_worker_acknowledges() -> None:
    engine = decode_node_of_two()
    engine.schedule()
    engine.complete()
    assert not engine.preallocate("c", 4, max_new_tokens=10)
    assert engine.acknowledge() == {"b": Ending.DROPPED}
    assert engine.preallocate("c", 4, max_new_tokens=10)


@pytest.mark.parametrize("transfer_steps", [0, 1, 2, 5, 40])
def test_two_requests_that_do_not_fit_together_do_not_drop_each_other_for_ever(transfer_steps: int) -> None:
    """Each grows to the whole pool; without room for the oldest, a transfer of two steps starved both."""
    prefill, decode = prefill_node(num_kv_blocks=16), decode_node(num_kv_blocks=16)
    outside, sent, finished = ["a", "b"], {}, []
    for number in range(2 * (60 + transfer_steps + 2)):
        for name in tuple(outside):
            if decode.preallocate(name, 4, max_new_tokens=60):
                assert prefill.preallocate(name, 4, max_new_tokens=60)
                outside.remove(name)
        for name in prefill.step().num_produced:
            prefill.hand_over(name)
            sent[name] = number + transfer_steps
        for name in [name for name, arrival in sent.items() if arrival == number]:
            decode.receive(name)
        ended = decode.step().ended
        finished += [name for name, ending in ended.items() if ending is Ending.FINISHED]
        outside += [name for name, ending in ended.items() if ending is Ending.DROPPED]
    assert finished == ["a", "b"]


def test_a_request_that_is_being_received_can_be_aborted() -> None:
    engine = decode_node()
    assert engine.preallocate("a", 8, max_new_tokens=10)
    engine.abort("a")
    assert engine.pool.tables["a"] == [0, 1], "the cache may still be arriving"
    with pytest.raises(ValueError, match="'a' is aborting and receives nothing"):
        engine.receive("a")
    assert engine.acknowledge() == {"a": Ending.ABORTED}
    assert engine.pool.num_free_blocks == 64


# Both nodes


def test_a_request_passes_from_one_node_to_the_other() -> None:
    prefill, decode = prefill_node(enc_dec_block_num=1), decode_node(enc_dec_block_num=1)
    assert decode.preallocate("a", 10, max_new_tokens=4)
    assert prefill.preallocate("a", 10, max_new_tokens=4)
    first = prefill.step()
    prefill.hand_over("a")
    decode.receive("a")
    outcomes = run_until_idle(decode)
    produced = [first.num_produced["a"], *(outcome.num_produced["a"] for outcome in outcomes)]
    assert produced == [1, 1, 1, 1]
    assert (prefill.has_work, decode.has_work) == (False, False)


# Wrong nodes, wrong moments


def test_each_role_has_its_own_entrance() -> None:
    with pytest.raises(RequestRefusedError, match="a decode node takes requests with `preallocate`"):
        decode_node().add_request("a", num_prompt_tokens=4, max_new_tokens=4)
    with pytest.raises(RequestRefusedError, match="a mixed node takes requests with `add_request`"):
        small_engine().preallocate("a", 4, max_new_tokens=4)


@pytest.mark.parametrize("role", [Role.PREFILL, Role.DECODE])
def test_what_can_never_be_served_is_refused_for_good(role: Role) -> None:
    """Also while every slot is taken, when a refusal for now would be the answer to any other request."""
    engine = small_engine(role=role, max_num_seqs=1, max_num_batched_tokens=32, max_model_len=32, num_kv_blocks=8)
    assert engine.preallocate("a", 4, max_new_tokens=4)
    for num_prompt_tokens, max_new_tokens in ((32, 4), (0, 4), (4, 0)):
        with pytest.raises(RequestRefusedError):
            engine.preallocate("b", num_prompt_tokens, max_new_tokens)
    with pytest.raises(KeyError, match="'a' is already"):
        engine.preallocate("a", 4, max_new_tokens=4)
    assert not engine.preallocate("b", 4, max_new_tokens=4)


def test_a_request_of_one_token_is_refused_by_a_decode_node() -> None:
    with pytest.raises(RequestRefusedError, match="ends with its first token"):
        decode_node().preallocate("a", 4, max_new_tokens=1)
    with pytest.raises(RequestRefusedError, match="ends with its first token"):
        decode_node(max_model_len=16).preallocate("a", 15, max_new_tokens=100)


def test_only_a_prefilled_request_of_a_prefill_node_is_handed_over() -> None:
    mixed, prefill = small_engine(), prefill_node()
    mixed.add_request("a", num_prompt_tokens=4, max_new_tokens=4)
    assert prefill.preallocate("a", 20, max_new_tokens=4)
    for engine in (mixed, prefill):
        engine.step()
        with pytest.raises(ValueError, match="'a' is not a prefilled request of a prefill node"):
            engine.hand_over("a")
    prefill.step()
    prefill.abort("a")
    with pytest.raises(ValueError, match="'a' is not a prefilled request of a prefill node"):
        prefill.hand_over("a")


def test_only_a_preallocated_request_of_a_decode_node_receives() -> None:
    mixed, decode = small_engine(), decode_node()
    mixed.add_request("a", num_prompt_tokens=4, max_new_tokens=4)
    with pytest.raises(ValueError, match="'a' is waiting and receives nothing"):
        mixed.receive("a")
    assert mixed.requests["a"].num_computed_tokens == 0
    assert decode.preallocate("a", 4, max_new_tokens=4)
    decode.receive("a")
    with pytest.raises(ValueError, match="'a' is running and receives nothing"):
        decode.receive("a")
