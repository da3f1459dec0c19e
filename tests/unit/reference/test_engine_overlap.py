"""Launches that do not wait for the device, and what each tensor-parallel rank does at the end of a step."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from small_engines import NO_RESERVE, mtp, small_config, small_engine

from schedproof import Engine, Role
from schedproof.engines.fastdeploy.rules.launch_forecast import LaunchForecast, no_forecast


def decoding_engine(**fields: int) -> Engine:
    """Two requests that decode, and a step behind them that only decoded."""
    engine = small_engine(**fields)
    for name in ("a", "b"):
        engine.add_request(name, num_prompt_tokens=4, max_new_tokens=40)
    engine.step()
    engine.step()
    return engine


def test_a_step_with_a_prompt_waits_for_the_device() -> None:
    engine = small_engine(speculation=mtp(3))
    engine.add_request("a", num_prompt_tokens=20, max_new_tokens=40)
    for tokens in (16, 4):
        launch = engine.schedule()
        assert launch.launch_tokens == launch.num_tokens == tokens
        engine.complete()
        assert engine.forecast == no_forecast()


def test_while_steps_only_decode_the_next_is_launched_on_a_forecast() -> None:
    engine = decoding_engine(speculation=mtp(3))
    assert engine.forecast == LaunchForecast(num_tokens=8)
    launch = engine.schedule()
    assert launch.launch_tokens == launch.num_tokens == 8


def test_a_request_that_ends_is_not_in_the_forecast() -> None:
    engine = small_engine()
    engine.add_request("a", num_prompt_tokens=4, max_new_tokens=2)
    engine.add_request("b", num_prompt_tokens=4, max_new_tokens=40)
    engine.step()
    engine.step()
    assert engine.forecast == LaunchForecast(num_tokens=1)
    assert engine.schedule().num_tokens == 1


def admit_a_request(engine: Engine) -> None:
    engine.add_request("c", num_prompt_tokens=5, max_new_tokens=40)
    engine.schedule()


def preempt_a_request(engine: Engine) -> None:
    engine.pool.open_table("others")
    engine.pool.take_blocks("others", engine.pool.num_free_blocks)
    while not engine.schedule().plan.preempted:
        engine.complete()


def abort_a_request(engine: Engine) -> None:
    engine.abort("a")


@pytest.mark.parametrize("event", [admit_a_request, preempt_a_request, abort_a_request])
def test_what_changes_the_batch_voids_the_forecast(event: Callable[[Engine], None]) -> None:
    engine = decoding_engine()
    assert engine.forecast == LaunchForecast(num_tokens=2)
    event(engine)
    assert engine.forecast == no_forecast()
    launch = engine.launched or engine.schedule()
    assert launch.launch_tokens == launch.num_tokens


def test_a_request_that_joins_a_decode_node_voids_the_forecast() -> None:
    """The failure that PR 6753 fixed: an insertion between two steps, launched with too few tokens."""
    engine = small_engine(role=Role.DECODE)
    for name in ("a", "b"):
        assert engine.preallocate(name, 4, max_new_tokens=40)
    engine.receive("a")
    engine.step()
    assert engine.forecast == LaunchForecast(num_tokens=1)
    engine.receive("b")
    assert engine.forecast == no_forecast()
    launch = engine.schedule()
    assert launch.launch_tokens == launch.num_tokens == 2


def test_an_abort_while_the_step_runs_is_not_in_the_next_forecast() -> None:
    engine = decoding_engine()
    engine.schedule()
    engine.abort("a")
    engine.complete()
    assert engine.forecast == LaunchForecast(num_tokens=1)
    assert engine.schedule().num_tokens == 1


def test_what_does_not_touch_the_batch_leaves_the_forecast() -> None:
    engine = decoding_engine(max_num_seqs=2)
    engine.add_request("c", num_prompt_tokens=4, max_new_tokens=4)
    engine.abort("c")
    engine.acknowledge()
    assert engine.forecast == LaunchForecast(num_tokens=2)
    decode = small_engine(role=Role.DECODE)
    assert decode.preallocate("a", 4, max_new_tokens=40)
    decode.receive("a")
    decode.step()
    assert decode.preallocate("b", 4, max_new_tokens=40)
    assert decode.forecast == LaunchForecast(num_tokens=1)


def test_a_prefill_node_always_waits() -> None:
    engine = small_engine(role=Role.PREFILL)
    assert engine.preallocate("a", 4, max_new_tokens=40)
    engine.step()
    engine.step()
    assert engine.forecast == no_forecast()


# Ranks


@pytest.mark.parametrize(("options", "senders"), [({}, (0,)), ({"save_each_rank": True}, (0, 1, 2))])
def test_rank_0_sends_unless_each_rank_saves_its_own(options: dict[str, bool], senders: tuple[int, ...]) -> None:
    engine = Engine(small_config(tensor_parallel_size=3), **options)
    engine.add_request("a", num_prompt_tokens=4, max_new_tokens=4)
    assert [engine.step().sending_ranks for _ in range(3)] == [senders] * 3


@pytest.mark.parametrize("save_each_rank", [False, True])
def test_every_rank_forgets_the_preempted_requests_of_the_step(save_each_rank: bool) -> None:
    """The first version of PR 7172 returned early on ranks above 0, and left them with stale data."""
    config = small_config(tensor_parallel_size=3, max_num_batched_tokens=32, max_model_len=32, num_kv_blocks=8)
    engine = Engine(config, reserve=NO_RESERVE, save_each_rank=save_each_rank)
    for name in ("a", "b"):
        engine.add_request(name, num_prompt_tokens=16, max_new_tokens=10)
    engine.step()
    assert len(engine.schedule().plan.preempted) == 1
    assert engine.last_preempted_idx == [1, 1, 1]
    engine.complete()
    assert engine.last_preempted_idx == [0, 0, 0]
