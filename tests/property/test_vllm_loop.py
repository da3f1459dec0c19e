"""vLLM's engine under drawn load: its ledger changes by turns alone, its view says what is so, its budgets last."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from schedproof.engines.vllm.config import SchedulingPolicy, ServingConfig, ceil_div
from schedproof.engines.vllm.grants import is_sure_to_end
from schedproof.engines.vllm.life.engine import Engine
from schedproof.engines.vllm.loop import StepPlan, queues_after, schedule
from schedproof.engines.vllm.service import keeps_all_drafts, rows_to_serve, serves_every_decode
from schedproof.engines.vllm.speculation import SpeculativeConfig, SpeculativeMethod
from schedproof.engines.vllm.startup import NOT_MODELLED, REFUSALS, UNCHECKED
from schedproof.engines.vllm.turns import Admission, Preemption, Visit, next_turn
from schedproof.request import MultimodalItem

THOROUGH = settings(max_examples=60, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
NUM_STEPS = 12


@st.composite
def configs(draw: st.DrawFn) -> ServingConfig:
    """Draw a configuration that starts, and in which the longest request fits the pool."""
    speculation = None
    if draw(st.booleans()):
        speculation = SpeculativeConfig(
            method=draw(st.sampled_from(SpeculativeMethod)),
            num_speculative_tokens=draw(st.integers(1, 5)),
            parallel_drafting=draw(st.booleans()),
            num_mtp_modules=draw(st.integers(1, 3)),
        )
    model_len, block_size = draw(st.integers(4, 40)), draw(st.integers(1, 8))
    num_seqs = draw(st.integers(1, 5))
    config = ServingConfig(
        max_num_seqs=num_seqs,
        max_num_batched_tokens=draw(st.integers(num_seqs, 40)),
        max_num_scheduled_tokens=draw(st.none() | st.integers(1, 40)),
        max_num_active_seqs=draw(st.none() | st.integers(1, num_seqs)),
        max_model_len=model_len,
        long_prefill_token_threshold=draw(st.just(0) | st.integers(1, model_len)),
        long_prefill_token_threshold_adaptive=draw(st.booleans()),
        policy=draw(st.sampled_from(SchedulingPolicy)),
        enable_chunked_prefill=draw(st.booleans()),
        scheduler_reserve_full_isl=draw(st.booleans()),
        async_scheduling=draw(st.booleans()),
        speculation=speculation,
        block_size=block_size,
        num_gpu_blocks=ceil_div(model_len, block_size) + 1 + draw(st.integers(0, 12)),
        watermark_blocks=draw(st.integers(0, 2)),
        max_multimodal_item_tokens=draw(st.just(0) | st.integers(1, 12)),
        disable_chunked_mm_input=draw(st.booleans()),
    )
    relied_on = [check for check in UNCHECKED if check.name != "every_decode_is_served"]
    assume(all(check.holds(config) for check in (*REFUSALS, *NOT_MODELLED, *relied_on)))
    return config


@st.composite
def items(draw: st.DrawFn, config: ServingConfig, num_prompt: int) -> tuple[MultimodalItem, ...]:
    """Draw a prompt's items, in order; none for text."""
    found: list[MultimodalItem] = []
    end = 0
    while config.max_multimodal_item_tokens > 0 and draw(st.booleans()):
        start = end + draw(st.integers(0, 3))
        end = start + draw(st.integers(1, config.max_multimodal_item_tokens))
        if end > num_prompt:
            break
        found.append(MultimodalItem(start=start, end=end))
    return tuple(found)


def plans_of(engine: Engine, data: st.DataObject, num_steps: int = NUM_STEPS) -> Iterator[StepPlan]:
    """Yield the plans of an engine's steps under drawn load."""
    config = engine.config
    for number in range(num_steps):
        for index in range(data.draw(st.integers(0, 2))):
            num_prompt = data.draw(st.integers(1, config.max_model_len - 1))
            engine.add_request(
                f"{number}.{index}",
                num_prompt,
                data.draw(st.integers(1, 30)),
                items=data.draw(items(config, num_prompt)),
                priority=data.draw(st.integers(0, 2)),
            )
        yield engine.schedule().plan
        if config.async_scheduling and len(engine.under_way) < 2:
            continue
        grants = {entry.request.request_id: entry.grant for entry in engine.under_way[0].plan.batch}
        accepted = {name: data.draw(st.integers(0, grant.num_drafts)) for name, grant in grants.items()}
        most = config.num_speculative_tokens
        proposed = {name: data.draw(st.integers(0, most)) for name in grants}
        engine.complete(lambda name, _, found=accepted: found[name], proposed.__getitem__)


@THOROUGH
@given(config=configs(), data=st.data())
def test_the_ledger_changes_by_turns_alone(config: ServingConfig, data: st.DataObject) -> None:
    for plan in plans_of(Engine(config), data):
        untouched = copy.deepcopy(plan.queues)
        assert schedule(plan.queues, config) == plan
        assert plan.queues == untouched
        ledger, queues = plan.opened, plan.queues
        for turn in plan.turns:
            assert turn.before == ledger
            assert next_turn(ledger, queues, config) == turn
            ledger, queues = turn.after, queues_after(queues, turn)
        assert ledger == plan.final
        assert next_turn(ledger, queues, config) is None


@THOROUGH
@given(config=configs(), data=st.data())
def test_the_view_says_what_is_so(config: ServingConfig, data: st.DataObject) -> None:
    engine = Engine(config)
    for plan in plans_of(engine, data):
        tokens: dict[str, int] = {}
        running = {request.request_id for request in plan.queues.running}
        for turn in plan.turns:
            name = turn.request.request_id
            if isinstance(turn, Visit | Admission):
                tokens[name] = turn.grant.num_tokens
            if isinstance(turn, Admission):
                running.add(name)
            if isinstance(turn, Preemption):
                running.discard(name)
                assert tokens.pop(name, 0) == turn.returned.num_tokens
            view = turn.after.view(config)
            assert view.num_tokens == sum(tokens.values())
            assert view.num_slots_used == len(running)
            assert view.budget >= 0
            assert view.num_free_blocks >= 0
            assert turn.after.token_budget == config.token_limit - view.num_tokens
            rows = view.num_tokens + len(tokens) * config.draft_slots
            assert turn.after.input_budget == config.max_num_batched_tokens - rows
            assert 0 <= turn.after.encoder_budget <= config.encoder_budget
            cached = (*turn.cache.used, *turn.cache.unused)
            assert len(set(cached)) == len(cached)
            assert turn.cache.num_free + sum(item.num_tokens for item in cached) == config.encoder_budget
            assert turn.cache.num_free >= 0
        assert {entry.request.request_id: entry.grant.num_tokens for entry in plan.batch} == tokens
        assert all(entry.grant.num_tokens > 0 for entry in plan.batch)
        assert len(plan.running) <= config.max_num_seqs


@THOROUGH
@given(config=configs(), data=st.data())
def test_blocks_are_conserved_and_cover_what_runs(config: ServingConfig, data: st.DataObject) -> None:
    engine = Engine(config)
    for _ in plans_of(engine, data):
        num_held = sum(request.num_blocks for request in engine.requests.values())
        assert engine.num_free_blocks + num_held == config.num_usable_blocks
        for name, request in engine.requests.items():
            assert request.num_computed_tokens <= request.num_blocks * config.block_size
            assert (name in engine.running) != (name in engine.waiting)
            assert request.num_computed_tokens <= config.max_model_len - 1
        for name in engine.waiting:
            assert engine.requests[name].num_blocks == 0


@THOROUGH
@given(config=configs(), data=st.data())
def test_where_the_condition_holds_every_decode_is_served(config: ServingConfig, data: st.DataObject) -> None:
    assume(serves_every_decode(config))
    for plan in plans_of(Engine(config), data):
        served = {entry.request.request_id for entry in plan.batch} | {one.request_id for one in plan.preempted}
        for request in plan.queues.running:
            ends = is_sure_to_end(request) or request.num_computed_tokens == config.max_model_len - 1
            assert request.is_prefill_chunk or ends or request.request_id in served


@pytest.mark.parametrize("num_seqs", [2, 3, 8, 32])
@pytest.mark.parametrize("num_drafts", [1, 3, 7])
@pytest.mark.parametrize(
    "method", [SpeculativeMethod.NGRAM, SpeculativeMethod.EAGLE, SpeculativeMethod.DRAFT_MODEL]
)
def test_one_row_less_leaves_the_last_decode_with_nothing(
    method: SpeculativeMethod, num_drafts: int, num_seqs: int
) -> None:
    """All requests of one token each are admitted before anybody has drafts; then the last is never served."""
    config = ServingConfig(
        max_num_seqs=num_seqs,
        max_model_len=512,
        speculation=SpeculativeConfig(method=method, num_speculative_tokens=num_drafts),
    )
    config = replace(config, max_num_batched_tokens=rows_to_serve(config, num_seqs))
    assert serves_every_decode(config)
    assert not keeps_all_drafts(config)
    for num_rows, num_starved in ((config.max_num_batched_tokens, 0), (config.max_num_batched_tokens - 1, 1)):
        engine = Engine(replace(config, max_num_batched_tokens=num_rows))
        for number in range(num_seqs):
            engine.add_request(str(number), 1, 400)
        engine.step()
        for _ in range(50):
            plan = engine.step().launch.plan
            assert len(plan.unserved) == num_starved
