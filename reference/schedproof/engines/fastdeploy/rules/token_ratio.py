"""Free KV blocks that FastDeploy leaves for the output of each running request since PR 7444.

A request is expected to generate a share of the tokens that it still may, the ratio. The ratio shrinks as steps
pass; a preemption, which shows that it was too small, estimates it again from those that still run.

The ratio is a floating-point number, as it is in FastDeploy, and every operation on it is the same one: blocks and
ratio come out the same to the last bit, which the recorded steps show. Proofs do not execute this: they draw any
number of blocks that is not negative, so that what they hold does not depend on how a ratio is rounded.

Source: FastDeploy ``ResourceManagerV1._get_running_request_reserve_blocks`` and ``_reset_reserve_on_preemption``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf
from numbers import Real

from schedproof.engines.fastdeploy.config import ceil_div
from schedproof.request import Request
from schedproof.sizes import whole_number_fault

EXTRA_BLOCKS = 16
"""Blocks of tokens that an estimate adds for each decode."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRatio:
    """The settings ``FD_INIT_NEW_TOKEN_RATIO`` and its like; FastDeploy's presets.

    Raises ValueError when one is negative, or the ratio would grow.
    """

    initial: float = 0.7
    minimum: float = 0.1
    decay: float = 0.001
    """What the ratio loses in a step that sends the worker a task."""
    most_tokens: int = 4096
    """Tokens left to generate beyond which nothing is reserved."""

    def __post_init__(self) -> None:
        for name in ("initial", "minimum", "decay", "most_tokens"):
            value = getattr(self, name)
            is_number = isinstance(value, Real) and not isinstance(value, bool)
            if not is_number or not 0 <= value < inf:
                raise ValueError(f"{name}: expected a number of 0 or more, got {value!r}")
        if fault := whole_number_fault("most_tokens", self.most_tokens):
            raise ValueError(fault)


@dataclass(frozen=True, slots=True, kw_only=True)
class RatioReserve:
    """The settings, and how far the ratio has decayed."""

    settings: TokenRatio
    ratio: float


def reserved_blocks(requests: Iterable[Request], reserve: RatioReserve, block_size: int) -> int:
    """Return the blocks that are reserved for the output of these requests."""
    return sum(ceil_div(reserved_tokens(request, reserve), block_size) for request in requests)


def reserved_tokens(request: Request, reserve: RatioReserve) -> int:
    """Return the tokens that a request is expected to generate yet."""
    num_left = request.max_output_tokens - request.num_output_tokens
    return max(int(min(num_left, reserve.settings.most_tokens) * reserve.ratio), 0)


def after_preemption(reserve: RatioReserve, remaining: Sequence[Request], block_size: int) -> RatioReserve:
    """Return the reserve as it is estimated from the requests that still run; with none, it starts again."""
    settings = reserve.settings
    if not remaining:
        return RatioReserve(settings=settings, ratio=settings.initial)
    num_generated = sum(request.num_output_tokens for request in remaining)
    num_decoding = sum(1 for request in remaining if request.num_total_tokens > request.need_prefill_tokens)
    most = sum(request.max_output_tokens for request in remaining)
    estimate = (num_generated + EXTRA_BLOCKS * block_size * num_decoding) / (most + 1)
    return RatioReserve(settings=settings, ratio=min(estimate, settings.initial))


def after_step(reserve: RatioReserve, has_tasks: bool) -> RatioReserve:
    """Return the reserve after a step: it decays where the worker is sent a task."""
    if not has_tasks:
        return reserve
    settings = reserve.settings
    return RatioReserve(settings=settings, ratio=max(reserve.ratio - settings.decay, settings.minimum))
