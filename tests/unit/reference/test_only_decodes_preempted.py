"""PR 7444 and after: who is preempted, when a running prompt is held back, and what the token ratio reserves."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schedproof import (
    POLICIES,
    REFERENCE,
    Engine,
    Queues,
    Request,
    Role,
    ServingConfig,
    SpeculativeConfig,
    SpeculativeMethod,
    new_request,
    schedule,
)
from schedproof.engines.fastdeploy.rules.output_reserve import OutputReserve
from schedproof.engines.fastdeploy.rules.token_ratio import (
    RatioReserve,
    TokenRatio,
    after_preemption,
    after_step,
    reserved_blocks,
    reserved_tokens,
)

CONFIG = ServingConfig(
    max_num_seqs=8, max_num_batched_tokens=64, max_model_len=128, block_size=4, num_kv_blocks=64, deterministic=True
)
"""Deterministic chunks leave prompts in their middle between decodes."""
PR_7444, PR_7756 = POLICIES["7444"], POLICIES["7756"]
PAIR = ServingConfig(
    max_num_seqs=4,
    max_num_batched_tokens=64,
    max_model_len=64,
    block_size=4,
    num_kv_blocks=40,
    speculation=SpeculativeConfig(method=SpeculativeMethod.MTP, num_speculative_tokens=1),
)


def decode(name: str) -> Request:
    """A decode whose blocks are full."""
    return Request(
        request_id=name, need_prefill_tokens=15, num_computed_tokens=15, num_total_tokens=16, num_blocks=4
    )


def prompt(name: str, left: int) -> Request:
    """A prompt in its middle, with blocks for what it has computed."""
    return Request(
        request_id=name,
        need_prefill_tokens=16 + left,
        num_computed_tokens=16,
        num_total_tokens=16 + left,
        num_blocks=4,
    )


def planned(policy_name: str, queues: Queues) -> tuple[list[str], list[str]]:
    """Return who is visited and who is preempted."""
    plan = schedule(queues, CONFIG, POLICIES[policy_name])
    return (
        [visit.request.request_id for visit in plan.visits],
        [request.request_id for request in plan.preempted],
    )


def test_the_last_decode_leaves_and_the_prompts_behind_it_stay() -> None:
    running = (decode("a"), decode("b"), prompt("c", 12), prompt("d", 16))
    queues = Queues(running=running, waiting=(), num_free_blocks=1)
    assert planned("7756", queues) == (["a", "b"], ["d", "c"])
    assert planned("7444", queues) == (["a", "c"], ["b"])


def test_a_decode_that_is_the_last_preempts_itself_and_ends_the_loop() -> None:
    queues = Queues(running=(decode("a"), prompt("b", 16)), waiting=(new_request("c", 4),), num_free_blocks=1)
    assert planned("7444", queues) == ([], ["a"])
    assert planned("7756", queues) == (["a"], ["b"])


def test_a_prompt_without_blocks_preempts_nobody_and_nobody_is_admitted() -> None:
    queues = Queues(running=(decode("a"), prompt("b", 16)), waiting=(new_request("c", 4),), num_free_blocks=5)
    assert planned("7444", queues) == (["a"], [])


def test_a_running_prompt_leaves_the_reserve_of_all_that_run() -> None:
    running = (decode("a"), prompt("b", 16))
    for free, visited in [(2 + 4 + 2 * 3 - 1, ["a"]), (2 + 4 + 2 * 3, ["a", "b"])]:
        queues = Queues(running=running, waiting=(), num_free_blocks=free, num_reserved_blocks_per_seq=3)
        assert planned("7444", queues)[0] == visited
        assert planned("7756", queues)[0] == ["a", "b"]


def test_a_preemption_starts_the_reserve_again_at_once() -> None:
    running = (decode("a"), decode("b"), prompt("c", 4))
    for after_preemption_per_seq, visited in [(0, ["a", "c"]), (1, ["a", "c"]), (2, ["a"])]:
        queues = Queues(
            running=running,
            waiting=(),
            num_free_blocks=1,
            num_reserved_blocks_after_preemption=after_preemption_per_seq,
        )
        assert planned("7444", queues) == (visited, ["b"])


def test_the_ratio_reserves_a_share_of_the_tokens_left() -> None:
    request = replace(decode("a"), max_output_tokens=41)
    reserve = RatioReserve(settings=TokenRatio(), ratio=0.7)
    assert reserved_blocks([request], reserve, 4) == 7  # 40 left, 28 expected
    clipped = RatioReserve(settings=TokenRatio(most_tokens=10), ratio=0.7)
    assert reserved_blocks([request, request], clipped, 4) == 4
    assert reserved_blocks([replace(request, max_output_tokens=0)], reserve, 4) == 0


@given(
    num_left=st.integers(-5, 1 << 20),
    share=st.floats(0, 1),
    settings=st.builds(
        TokenRatio, initial=st.floats(0, 1), minimum=st.floats(0, 1), most_tokens=st.integers(0, 1 << 20)
    ),
)
def test_no_more_is_reserved_than_a_request_may_still_generate(
    num_left: int, share: float, settings: TokenRatio
) -> None:
    """What the proof of progress assumes: a ratio of at most 1 stays so, and is a share of what is left."""
    asking = replace(decode("a"), max_output_tokens=decode("a").num_output_tokens + num_left)
    reserve = RatioReserve(settings=settings, ratio=share)
    assert 0 <= reserved_tokens(asking, reserve) <= max(num_left, 0)
    assert after_step(reserve, has_tasks=True).ratio <= 1
    assert after_preemption(reserve, [asking], 16).ratio <= 1 or num_left < 0
    assert after_preemption(reserve, [], 16).ratio <= 1


def test_a_preemption_estimates_the_ratio_from_those_that_remain() -> None:
    reserve = RatioReserve(settings=TokenRatio(), ratio=0.2)
    remaining = [replace(decode("a"), max_output_tokens=999), replace(prompt("b", 16), max_output_tokens=1000)]
    assert after_preemption(reserve, remaining, 4).ratio == (1 + 64) / 2000
    assert after_preemption(reserve, remaining, 400).ratio == 0.7
    assert after_preemption(reserve, [], 4).ratio == 0.7


def test_the_ratio_decays_in_steps_with_a_task() -> None:
    reserve = RatioReserve(settings=TokenRatio(decay=0.25), ratio=0.7)
    assert after_step(reserve, has_tasks=False) == reserve
    assert after_step(reserve, has_tasks=True).ratio == 0.7 - 0.25
    assert after_step(replace(reserve, ratio=0.2), has_tasks=True).ratio == 0.1


@pytest.mark.parametrize("field", ["initial", "minimum", "decay", "most_tokens"])
def test_a_negative_setting_is_refused(field: str) -> None:
    with pytest.raises(ValueError, match=f"{field}: expected a number of 0 or more, got -1"):
        TokenRatio(**{field: -1})


def test_only_a_policy_with_a_ratio_takes_one() -> None:
    config = ServingConfig(num_kv_blocks=256)
    with pytest.raises(ValueError, match="policy reference has no token ratio: give an OutputReserve"):
        Engine(config, REFERENCE, reserve=TokenRatio())
    assert Engine(config, PR_7756).ratio_reserve is None
    assert Engine(config, PR_7444, reserve=OutputReserve()).ratio_reserve is None
    started = Engine(config, PR_7444, reserve=TokenRatio(initial=0.5)).ratio_reserve
    assert started == RatioReserve(settings=TokenRatio(initial=0.5), ratio=0.5)


def finishes(engine: Engine) -> bool:
    """Run an engine for longer than its requests need."""
    for _ in range(80):
        engine.step()
    return not engine.has_work


def decode_node(policy_name: str) -> Engine:
    """Four requests arrive together on a decode node with blocks for their prompts and little more."""
    engine = Engine(replace(PAIR, role=Role.DECODE), POLICIES[policy_name])
    for name in "abcd":
        assert engine.preallocate(name, 20, 40)
        engine.receive(name)
    return engine


@pytest.mark.parametrize(
    ("policy_name", "ends"), [("7756", True), ("7444", False), ("8009", False), ("8022", True)]
)
def test_requests_that_arrive_together_on_a_decode_node_wait_for_each_others_reserve(
    policy_name: str, ends: bool
) -> None:
    """None of them has a task, so that the ratio never decays; PR 8022 mends it."""
    assert finishes(decode_node(policy_name)) is ends


def prefill_node(policy_name: str) -> Engine:
    """Four prompts run on a prefill node without blocks for the output that they never generate there."""
    config = replace(PAIR, role=Role.PREFILL, max_num_batched_tokens=16, speculation=None)
    engine = Engine(config, POLICIES[policy_name])
    for name in "abcd":
        assert engine.preallocate(name, 20, 44)
    return engine


@pytest.mark.parametrize(("policy_name", "computed"), [("7444", 0), ("7981", 0), ("8009", 80), ("8022", 80)])
def test_a_prefill_node_waits_for_a_reserve_until_pr_8009(policy_name: str, computed: int) -> None:
    engine = prefill_node(policy_name)
    for _ in range(10):
        engine.step()
    assert sum(request.num_computed_tokens for request in engine.requests.values()) == computed


def test_a_prefill_node_takes_twenty_prompts() -> None:
    config = ServingConfig(role=Role.PREFILL, max_num_seqs=32, num_kv_blocks=4096)
    for policy_name, most in [("7444", 24), ("7981", 20), ("8022", 20)]:
        engine = Engine(config, POLICIES[policy_name])
        taken = [engine.preallocate(str(number), 8, 8) for number in range(24)]
        assert sum(taken) == most
