"""How many tokens the next step is launched with, when the launch does not wait for the device.

While consecutive steps only decode, the next step's tokens are known before its results are: the live decodes times
the tokens of each. Whatever changes the batch in between makes the forecast void. Source: FastDeploy PR 7172
(``next_real_bsz * token_num_one_step``) and PR 6753 (an insertion that did not void it).
"""

from dataclasses import dataclass

from schedproof.engines.fastdeploy.config import ServingConfig

UNKNOWN = -1
"""A forecast that says: wait for the device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchForecast:
    """What is known, between two steps, about the tokens of the next."""

    num_tokens: int
    """Tokens that the next launch assumes; `UNKNOWN` when it has to wait."""


def no_forecast() -> LaunchForecast:
    """Return the forecast before the first step."""
    return LaunchForecast(num_tokens=UNKNOWN)


def after_step(num_decoding: int, num_chunks: int, config: ServingConfig) -> LaunchForecast:
    """Return the forecast at the end of a step that ran ``num_chunks`` chunks and leaves ``num_decoding`` decodes.

    A step with a chunk gives none: the next may have to go on with that prompt.
    """
    if num_chunks > 0 or not config.runs_decode:
        return no_forecast()
    return LaunchForecast(num_tokens=num_decoding * config.tokens_per_seq)


def after_batch_change(forecast: LaunchForecast) -> LaunchForecast:
    """Return the forecast after a request entered or left the batch between two steps: none."""
    return no_forecast()


def at_planning(forecast: LaunchForecast, num_preempted: int, num_chunks: int) -> LaunchForecast:
    """Return the forecast once the step is planned: void if the plan takes a request out or runs a chunk."""
    if num_preempted > 0 or num_chunks > 0:
        return after_batch_change(forecast)
    return forecast


def launch_tokens(forecast: LaunchForecast, num_step_tokens: int) -> int:
    """Return what the step is launched with: the forecast, or the step's own tokens when there is none."""
    if forecast.num_tokens == UNKNOWN:
        return num_step_tokens
    return forecast.num_tokens
