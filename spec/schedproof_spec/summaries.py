"""Runs the reference's rules with the paths of each rule merged, so that paths of different rules add up
instead of multiplying. What is executed is the rule itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar

from schedproof import blocks, chunk
from schedproof.capacity import DispatchCapacity
from schedproof.config import ServingConfig
from schedproof.policy import Policy
from schedproof.request import Request
from schedproof.startup import StartupCheck
from schedproof_spec.prover import symbolic
from schedproof_spec.prover.merge import merged
from schedproof_spec.prover.paths import PathExplorer

T = TypeVar("T")


def merged_on_path(function: Callable[[], T]) -> T:
    """Return the function's value over all its paths from here; on numbers, where there is one, call it."""
    explorer = symbolic.active()
    if explorer is None:
        return function()
    assert isinstance(explorer, PathExplorer)
    value: T = merged(explorer, function)
    return value


class MergedConfig(ServingConfig):
    """A configuration of symbols; what is derived from it is one conditional value each."""

    @property
    def num_speculative_tokens(self) -> int:
        """See `ServingConfig`."""
        return merged_on_path(lambda: derived("num_speculative_tokens", self))

    @property
    def tokens_per_seq(self) -> int:
        """See `ServingConfig`."""
        return merged_on_path(lambda: derived("tokens_per_seq", self))

    @property
    def max_decode_tokens(self) -> int:
        """See `ServingConfig`."""
        return merged_on_path(lambda: derived("max_decode_tokens", self))

    @property
    def max_blocks_per_seq(self) -> int:
        """See `ServingConfig`."""
        return merged_on_path(lambda: derived("max_blocks_per_seq", self))


def derived(name: str, config: ServingConfig) -> Any:
    """Return a derived value by the reference's own property."""
    return getattr(ServingConfig, name).fget(config)


def with_merged_properties(config: ServingConfig) -> ServingConfig:
    """Return the configuration with its derived values merged."""
    return MergedConfig(**{field.name: getattr(config, field.name) for field in fields(config)})


class MergedPolicy(Policy):
    """A policy whose rules are each one conditional value."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    def startup_checks(self) -> tuple[StartupCheck, ...]:
        """See `Policy`."""
        return self.policy.startup_checks()

    def initial_budget(self, config: ServingConfig, num_decoding: int) -> int:
        """See `Policy`."""
        return merged_on_path(lambda: self.policy.initial_budget(config, num_decoding))

    def decode_charge(self, config: ServingConfig) -> int:
        """See `Policy`."""
        return merged_on_path(lambda: self.policy.decode_charge(config))

    def keeps_visiting(self, budget: int) -> bool:
        """See `Policy`."""
        return merged_on_path(lambda: self.policy.keeps_visiting(budget))

    def next_chunk(self, request: Request, budget: int, config: ServingConfig) -> int:
        """See `Policy`."""
        return merged_on_path(lambda: self.policy.next_chunk(request, budget, config))

    def decode_blocks(self, request: Request, config: ServingConfig) -> int:
        """See `Policy`."""
        return merged_on_path(lambda: self.policy.decode_blocks(request, config))

    def max_chunk_tokens(self, config: ServingConfig) -> int:
        """See `Policy`."""
        return merged_on_path(lambda: self.policy.max_chunk_tokens(config))

    def dispatch_capacity(self, config: ServingConfig) -> DispatchCapacity:
        """See `Policy`; not merged, because its reasons differ from path to path."""
        return self.policy.dispatch_capacity(config)


def next_chunk(request: Request, budget: int, config: ServingConfig) -> int:
    """See `schedproof.chunk.next_chunk`."""
    return merged_on_path(lambda: chunk.next_chunk(request, budget, config))


def prefill_blocks(request: Request, num_tokens: int, config: ServingConfig) -> int:
    """See `schedproof.blocks.prefill_blocks`."""
    return merged_on_path(lambda: blocks.prefill_blocks(request, num_tokens, config))
