"""Small steps of vLLM's loop whose outcome a reader can work out."""

import pytest

from schedproof.engines.vllm.config import SchedulingPolicy, ServingConfig
from schedproof.engines.vllm.ledger import Grant
from schedproof.engines.vllm.life.engine import Engine, RequestRefusedError
from schedproof.engines.vllm.request import encoder_items
from schedproof.engines.vllm.speculation import SpeculativeConfig, SpeculativeMethod
from schedproof.engines.vllm.turns import EngineDiedError, Passing, Preemption, Skip, open_step, refunded
from schedproof.request import MultimodalItem

NGRAM = SpeculativeConfig(method=SpeculativeMethod.NGRAM, num_speculative_tokens=3)
DRAFT_MODEL = SpeculativeConfig(method=SpeculativeMethod.DRAFT_MODEL, num_speculative_tokens=3)
EAGLE = SpeculativeConfig(method=SpeculativeMethod.EAGLE, num_speculative_tokens=3)
MODULES = SpeculativeConfig(method=SpeculativeMethod.MTP, num_speculative_tokens=5, num_mtp_modules=5)


def engine_of(**changes):
    sizes = {"max_num_seqs": 8, "max_num_batched_tokens": 32, "max_model_len": 128, "num_gpu_blocks": 65}
    return Engine(ServingConfig(**sizes | changes))


def tokens_of(outcome):
    return {entry.request.request_id: entry.grant.num_tokens for entry in outcome.launch.plan.batch}


def test_a_prompt_runs_in_chunks_and_its_last_yields_a_token():
    engine = engine_of()
    engine.add_request("a", 40, 2)
    first, second, third = engine.step(), engine.step(), engine.step()
    assert [tokens_of(one) for one in (first, second, third)] == [{"a": 32}, {"a": 8}, {"a": 1}]
    assert [one.num_gained for one in (first, second, third)] == [{}, {"a": 1}, {"a": 1}]
    assert third.finished == ("a",)
    assert engine.num_free_blocks == 64


def test_the_last_decode_loses_its_drafts_and_then_everything():
    engine = engine_of(max_num_batched_tokens=9, max_num_seqs=3, speculation=NGRAM)
    for name in "abc":
        engine.add_request(name, 1, 100)
    engine.step()
    assert tokens_of(engine.step()) == {"a": 4, "b": 4, "c": 1}
    engine = engine_of(max_num_batched_tokens=8, max_num_seqs=3, speculation=NGRAM)
    for name in "abc":
        engine.add_request(name, 1, 100)
    engine.step()
    for _ in range(20):
        outcome = engine.step()
        assert tokens_of(outcome) == {"a": 4, "b": 4}
        assert [request.request_id for request in outcome.launch.plan.unserved] == ["c"]


def test_draft_slots_are_paid_from_the_input_alone():
    engine = engine_of(max_num_batched_tokens=10, speculation=DRAFT_MODEL)
    for name in "ab":
        engine.add_request(name, 4, 100)
    outcome = engine.step()
    assert tokens_of(outcome) == {"a": 4, "b": 4}
    final = outcome.launch.plan.final
    assert (final.token_budget, final.input_budget) == (2, 0)


def test_a_single_token_beside_decodes_is_padded_or_waits():
    engine = engine_of(max_num_batched_tokens=8, speculation=NGRAM)
    engine.add_request("a", 1, 100)
    engine.step()
    engine.add_request("b", 1, 100)
    assert tokens_of(engine.step()) == {"a": 4, "b": 4}
    engine = engine_of(max_num_batched_tokens=7, max_num_seqs=2, speculation=NGRAM)
    engine.add_request("a", 1, 100)
    engine.step()
    engine.add_request("b", 1, 100)
    assert tokens_of(engine.step()) == {"a": 4}


def test_a_threshold_below_a_decode_ends_the_engine():
    engine = engine_of(long_prefill_token_threshold=3, speculation=NGRAM)
    engine.add_request("a", 1, 100)
    engine.step()
    engine.add_request("b", 1, 100)
    with pytest.raises(EngineDiedError, match="long_prefill_token_threshold 3 cuts the 4 tokens of an admission"):
        engine.step()


def test_the_threshold_does_not_count_for_one_alone():
    engine = engine_of(long_prefill_token_threshold=5)
    engine.add_request("a", 40, 2)
    assert tokens_of(engine.step()) == {"a": 32}
    engine.add_request("b", 40, 2)
    assert tokens_of(engine.step()) == {"a": 5, "b": 5}


def test_the_adaptive_threshold_is_an_equal_share():
    engine = engine_of(long_prefill_token_threshold=5, long_prefill_token_threshold_adaptive=True)
    for name in "abc":
        engine.add_request(name, 40, 2)
    assert tokens_of(engine.step()) == {"a": 10, "b": 10, "c": 10}


def test_a_chunk_leaves_what_the_drafter_reads():
    engine = engine_of(max_num_batched_tokens=32, speculation=MODULES)
    engine.add_request("a", 34, 2)
    assert tokens_of(engine.step()) == {"a": 29}
    assert tokens_of(engine.step()) == {"a": 5}


def test_a_limit_below_what_the_drafter_reads_stops_a_prompt_for_good():
    for limit, left in ((4, 5), (5, 0)):
        engine = engine_of(max_num_scheduled_tokens=limit, speculation=MODULES)
        engine.add_request("a", 30, 20)
        for _ in range(30):
            engine.step()
        request = engine.requests.get("a")
        assert (0 if request is None else max(request.num_prompt_tokens - request.num_computed_tokens, 0)) == left


def test_a_prompt_of_which_nothing_may_run_is_passed_over():
    engine = engine_of(max_num_batched_tokens=32, speculation=MODULES)
    engine.add_request("a", 30, 2)
    engine.add_request("b", 4, 2)
    engine.add_request("c", 2, 2)
    outcome = engine.step()
    assert tokens_of(outcome) == {"a": 30, "c": 2}
    assert [turn.request.request_id for turn in outcome.launch.plan.turns if isinstance(turn, Passing)] == ["b"]


def test_a_request_without_blocks_preempts_the_last():
    engine = engine_of(num_gpu_blocks=5, block_size=4, max_model_len=16)
    engine.add_request("a", 8, 8)
    engine.add_request("b", 7, 8)
    engine.step()
    outcome = engine.step()
    assert tokens_of(outcome) == {"a": 1}
    (preemption,) = [turn for turn in outcome.launch.plan.turns if isinstance(turn, Preemption)]
    assert (preemption.request.request_id, preemption.asking.request_id) == ("b", "a")
    assert engine.waiting == ["b"]
    assert engine.requests["b"].num_computed_tokens == 0


def test_by_priority_a_victim_gives_back_what_it_got():
    engine = engine_of(num_gpu_blocks=5, block_size=4, max_model_len=16, policy=SchedulingPolicy.PRIORITY)
    engine.add_request("low", 6, 8, priority=5)
    engine.step()
    engine.add_request("high", 8, 8, priority=1)
    engine.step()
    outcome = engine.step()
    (preemption,) = [turn for turn in outcome.launch.plan.turns if isinstance(turn, Preemption)]
    assert preemption.request.request_id == "low"
    assert preemption.returned.num_tokens == 1
    assert preemption.after.token_budget == 32
    assert tokens_of(outcome) == {"high": 1}


def test_an_admission_needs_blocks_for_the_whole_prompt_unless_told_otherwise():
    for reserves, expected in ((True, {"a": 1}), (False, {"a": 1, "b": 15})):
        engine = engine_of(
            num_gpu_blocks=10,
            block_size=4,
            max_num_batched_tokens=16,
            max_model_len=32,
            scheduler_reserve_full_isl=reserves,
        )
        engine.add_request("a", 16, 3)
        engine.step()
        engine.add_request("b", 30, 2)
        assert tokens_of(engine.step()) == expected


def test_the_watermark_counts_beside_others_alone():
    engine = engine_of(num_gpu_blocks=9, block_size=4, watermark_blocks=5, max_model_len=32)
    engine.add_request("a", 16, 5)
    assert tokens_of(engine.step()) == {"a": 16}
    engine.add_request("b", 4, 5)
    assert tokens_of(engine.step()) == {"a": 1}


def test_the_drafter_needs_slots_ahead():
    engine = engine_of(block_size=4, speculation=EAGLE)
    engine.add_request("a", 6, 5)
    assert engine.schedule().plan.batch[0].grant.num_new_blocks == 3


def test_async_scheduling_plans_a_step_ahead_and_stops_in_time():
    engine = engine_of(async_scheduling=True)
    engine.add_request("a", 4, 2)
    assert engine.step().num_gained == {"a": 1}
    assert engine.requests["a"].num_placeholders == 1
    outcome = engine.step()
    assert outcome.num_gained == {"a": 1}
    assert outcome.finished == ("a",)
    assert not engine.has_work
    engine.add_request("b", 4, 1)
    engine.complete()
    engine.schedule()
    assert isinstance(engine.schedule().plan.turns[0], Skip)


def test_an_aborted_request_frees_what_it_held():
    engine = engine_of()
    engine.add_request("a", 40, 2)
    engine.schedule()
    engine.abort("a")
    assert engine.num_free_blocks == 64
    assert engine.complete().num_gained == {}


def test_errors_are_one_sentence():
    engine = engine_of(speculation=NGRAM)
    with pytest.raises(RequestRefusedError, match="128 prompt tokens leave no room for output below max_model_len"):
        engine.add_request("a", 128, 1)
    with pytest.raises(RequestRefusedError, match="at least one token of prompt and of output"):
        engine.add_request("a", 0, 1)
    engine.add_request("a", 1, 10)
    with pytest.raises(KeyError, match="'a' is already here"):
        engine.add_request("a", 1, 1)
    with pytest.raises(ValueError, match="no step is under way"):
        engine.complete()
    engine.step()
    engine.schedule()
    with pytest.raises(ValueError, match="a step is under way"):
        engine.schedule()
    with pytest.raises(ValueError, match="accepted drafts of 'a': expected 0 to 3, got 4"):
        engine.complete(lambda name, _: 4)
    assert engine.complete(lambda name, num_drafts: num_drafts).num_gained == {"a": 4}
    with pytest.raises(KeyError, match="'b' is not here"):
        engine.abort("b")


def test_who_is_preempted_gives_back_what_its_step_was_charged():
    config = ServingConfig(max_multimodal_item_tokens=18)
    opened = open_step(config, num_running=2, num_waiting=0, num_free_blocks=8)
    items = encoder_items("low", (MultimodalItem(start=8, end=26),))
    after = refunded(opened, Grant(num_tokens=4, num_new_blocks=1, items=items), config)
    assert after.token_budget - opened.token_budget == 4
    assert after.input_budget - opened.input_budget == 4 + config.draft_slots
    assert after.encoder_budget - opened.encoder_budget == 18
