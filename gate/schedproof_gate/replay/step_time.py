"""How long things take in a replay: stated functions, so that nobody takes a modelled time for a measured one."""

from __future__ import annotations

from dataclasses import dataclass

BASE_LATENCY_US = 30_000.0
LATENCY_PER_TOKEN_US = 50.0
"""
Llama-2-70B on eight H100: the public profile of SplitwiseSim (``data/perf_model.csv``; Patel et al., ISCA 2024) has
30 ms for one decode, and 54, 78 and 137 ms for prompts of 512, 1024 and 2048 tokens; these two give 30, 56, 81 and
132 ms. Beyond that attention counts: the profile has 848 ms for 8192 tokens, these 440 ms.
"""

TRANSFER_PER_TOKEN_US = 6.5
"""
The same model keeps 80 layers * 8 heads * 128 values * 2 (keys and values) * 2 bytes = 320 KiB a token, and a link
of 400 Gbit/s carries 50 kB a microsecond.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTime:
    """The modelled time of a step and of a hand-over, linear in tokens."""

    base_latency_us: float = BASE_LATENCY_US
    latency_per_token_us: float = LATENCY_PER_TOKEN_US
    transfer_per_token_us: float = TRANSFER_PER_TOKEN_US

    def step_us(self, num_tokens: int) -> int:
        """Return the microseconds of a step that runs this many tokens; one without tokens takes the base."""
        return round(self.base_latency_us + self.latency_per_token_us * num_tokens)

    def transfer_us(self, num_prompt_tokens: int) -> int:
        """Return the microseconds in which a prompt's cache gets from a prefill node to a decode node."""
        return round(self.transfer_per_token_us * num_prompt_tokens)
