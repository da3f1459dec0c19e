"""The launch forecast before PR 6753: an insertion did not void it.

A request that a prefill node handed over joined the batch of a decode node while the forecast still spoke of the
batch without it. The launch was too small for the step; it ended in overlong output and a CUDA error.
"""

from schedproof.engines.fastdeploy.rules.launch_forecast import LaunchForecast


def insertion_keeps_forecast(forecast: LaunchForecast) -> LaunchForecast:
    """Return the forecast after a request joined the batch: unchanged."""
    return forecast
