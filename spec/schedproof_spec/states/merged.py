"""Runs the reference's rules with the paths of each rule merged, so that paths of different rules add up
instead of multiplying. What is executed is the rule itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar

from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.engines.fastdeploy.rules import blocks, chunk
from schedproof.engines.fastdeploy.rules.capacity import DispatchCapacity
from schedproof.engines.fastdeploy.startup import StartupCheck
from schedproof.request import Request
from schedproof_spec.prover import symbolic
from schedproof_spec.prover.blind_spots import refuse_blind_spots
from schedproof_spec.prover.merge import merged_call
from schedproof_spec.prover.walk import PathWalker

T = TypeVar("T")


def merged_on_path(function: Callable[..., T], *arguments: Any) -> T:
    """Return a pure function's value over all its paths; on numbers, where there is one, call it."""
    explorer = symbolic.active()
    if explorer is None:
        return function(*arguments)
    assert isinstance(explorer, PathWalker)
    value: T = merged_call(explorer, function, *arguments)
    return value


DERIVED: dict[str, Callable[[ServingConfig], int]] = {
    name: getter.fget
    for name, getter in vars(ServingConfig).items()
    if isinstance(getter, property) and getter.fget is not None
}
"""The reference's own derived values."""


class MergedConfig(ServingConfig):
    """A configuration of symbols; what is derived from it is one conditional value each."""

    @property
    def num_speculative_tokens(self) -> int:
        """See `ServingConfig`."""
        return merged_on_path(DERIVED["num_speculative_tokens"], self)

    @property
    def tokens_per_seq(self) -> int:
        """See `ServingConfig`."""
        return merged_on_path(DERIVED["tokens_per_seq"], self)

    @property
    def max_decode_tokens(self) -> int:
        """See `ServingConfig`."""
        return merged_on_path(DERIVED["max_decode_tokens"], self)

    @property
    def max_blocks_per_seq(self) -> int:
        """See `ServingConfig`."""
        return merged_on_path(DERIVED["max_blocks_per_seq"], self)


def with_merged_properties(config: ServingConfig) -> ServingConfig:
    """Return the configuration with its derived values merged."""
    return MergedConfig(**{field.name: getattr(config, field.name) for field in fields(config)})


RULES = tuple(sorted(Policy.__abstractmethods__))
"""What a policy decides for itself."""


class MergedPolicy(Policy):
    """A policy whose rules are each one conditional value; it notes which of them were asked."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.asked: set[str] = set()

    def startup_checks(self) -> tuple[StartupCheck, ...]:
        """See `Policy`."""
        self.asked.add("startup_checks")
        refuse_blind_spots(self.policy.startup_checks)
        checks = self.policy.startup_checks()
        for check in checks:
            refuse_blind_spots(check.holds)
        return checks

    def initial_budget(self, config: ServingConfig, num_decoding: int) -> int:
        """See `Policy`."""
        return self._merged(self.policy.initial_budget, config, num_decoding)

    def decode_charge(self, config: ServingConfig) -> int:
        """See `Policy`."""
        return self._merged(self.policy.decode_charge, config)

    def keeps_visiting(self, budget: int) -> bool:
        """See `Policy`."""
        return self._merged(self.policy.keeps_visiting, budget)

    def next_chunk(self, request: Request, budget: int, config: ServingConfig) -> int:
        """See `Policy`."""
        return self._merged(self.policy.next_chunk, request, budget, config)

    def prefill_blocks(self, request: Request, chunk: int, config: ServingConfig) -> int:
        """See `Policy`."""
        return self._merged(self.policy.prefill_blocks, request, chunk, config)

    def decode_blocks(self, request: Request, config: ServingConfig) -> int:
        """See `Policy`."""
        return self._merged(self.policy.decode_blocks, request, config)

    def max_chunk_tokens(self, config: ServingConfig) -> int:
        """See `Policy`."""
        return self._merged(self.policy.max_chunk_tokens, config)

    def dispatch_capacity(self, config: ServingConfig) -> DispatchCapacity:
        """See `Policy`; not merged, because its reasons differ from path to path."""
        self.asked.add("dispatch_capacity")
        refuse_blind_spots(self.policy.dispatch_capacity)
        return self.policy.dispatch_capacity(config)

    def _merged(self, rule: Callable[..., T], *arguments: Any) -> T:
        self.asked.add(rule.__name__)
        refuse_blind_spots(rule)
        return merged_on_path(rule, *arguments)


def next_chunk(request: Request, budget: int, config: ServingConfig) -> int:
    """See `schedproof.engines.fastdeploy.rules.chunk.next_chunk`."""
    return merged_on_path(chunk.next_chunk, request, budget, config)


def prefill_blocks(request: Request, num_tokens: int, config: ServingConfig) -> int:
    """See `schedproof.engines.fastdeploy.rules.blocks.prefill_blocks`."""
    return merged_on_path(blocks.prefill_blocks, request, num_tokens, config)
