"""What the next step is launched with, while nothing changes the batch."""

import pytest

from schedproof import Role, ServingConfig, SpeculativeConfig, SpeculativeMethod
from schedproof.engines.fastdeploy.rules.launch_forecast import (
    UNKNOWN,
    LaunchForecast,
    after_batch_change,
    after_step,
    at_planning,
    launch_tokens,
    no_forecast,
)

MTP = SpeculativeConfig(method=SpeculativeMethod.MTP, num_speculative_tokens=3)


@pytest.mark.parametrize(("speculation", "tokens"), [(None, 5), (MTP, 20)])
def test_a_decode_step_forecasts_one_like_it(speculation: SpeculativeConfig | None, tokens: int) -> None:
    """``next_real_bsz * token_num_one_step``."""
    forecast = after_step(5, 0, ServingConfig(speculation=speculation))
    assert forecast == LaunchForecast(num_tokens=tokens)
    assert launch_tokens(forecast, 1) == tokens


def test_a_step_with_a_chunk_forecasts_nothing() -> None:
    assert after_step(5, 1, ServingConfig()) == no_forecast()


def test_a_prefill_node_forecasts_nothing() -> None:
    assert after_step(0, 0, ServingConfig(role=Role.PREFILL)) == no_forecast()


def test_without_a_forecast_the_launch_waits_for_the_steps_own_tokens() -> None:
    assert no_forecast().num_tokens == UNKNOWN == -1
    assert launch_tokens(no_forecast(), 17) == 17


def test_an_empty_batch_is_a_forecast_too() -> None:
    assert launch_tokens(LaunchForecast(num_tokens=0), 0) == 0


@pytest.mark.parametrize(("num_preempted", "num_chunks", "is_void"), [(0, 0, False), (1, 0, True), (0, 1, True)])
def test_a_plan_that_changes_the_batch_voids_the_forecast(
    num_preempted: int, num_chunks: int, is_void: bool
) -> None:
    forecast = LaunchForecast(num_tokens=8)
    assert (at_planning(forecast, num_preempted, num_chunks) == no_forecast()) is is_void
    assert after_batch_change(forecast) == no_forecast()
