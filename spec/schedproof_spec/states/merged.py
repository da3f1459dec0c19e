"""Runs the reference's rules with the paths of each rule merged, so that paths of different rules add up
instead of multiplying. What is executed is the rule itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, NoReturn, TypeVar

from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.engines.fastdeploy.rules import blocks, chunk
from schedproof.engines.fastdeploy.startup import StartupCheck
from schedproof.request import Request
from schedproof_spec.prover import symbolic
from schedproof_spec.prover.merge import merged_call
from schedproof_spec.prover.subset.policies import HABITS, RULES, rule_of
from schedproof_spec.prover.unsupported import UnsupportedError
from schedproof_spec.prover.walk import PathWalker
from schedproof_spec.states.asked import supported

T = TypeVar("T")


def merged_on_path(function: Callable[..., T], *arguments: Any) -> T:
    """Return a pure function's value over all its paths; on numbers, where there is one, call it."""
    explorer = symbolic.active()
    if explorer is None:
        return function(*arguments)
    assert isinstance(explorer, PathWalker)
    value: T = merged_call(explorer, function, *arguments)
    return value


MERGED_PROPERTIES = (
    "num_speculative_tokens",
    "tokens_per_seq",
    "max_decode_tokens",
    "max_new_blocks",
    "max_blocks_per_seq",
)
"""Derived values of a configuration that are worth one conditional value each; the others are small."""


def merged_property(name: str) -> property:
    """Return the reference's own property with its paths merged."""
    getter = vars(ServingConfig)[name].fget
    return property(lambda config: merged_on_path(getter, config), doc=f"See `ServingConfig.{name}`.")


def refuse_comparison(config: ServingConfig, other: object) -> NoReturn:
    """Refuse to compare whole configurations: theorems leave some fields at their default."""
    raise UnsupportedError("comparing whole configurations is not supported; compare their fields")


MergedConfig: Any = dataclass(frozen=True, eq=False)(
    type(
        "MergedConfig",
        (ServingConfig,),
        {"__eq__": refuse_comparison, **{name: merged_property(name) for name in MERGED_PROPERTIES}},
    )
)
"""A configuration of symbols; what is derived from it is one conditional value each."""


def with_merged_properties(config: ServingConfig) -> ServingConfig:
    """Return the configuration with its derived values merged."""
    merged: ServingConfig = MergedConfig(**{field.name: getattr(config, field.name) for field in fields(config)})
    return merged


UNMERGED = ("startup_checks", "dispatch_capacity")
"""Rules that return more than numbers."""


def merged_rule(name: str) -> Callable[..., Any]:
    """Return a method that asks a policy's rule, notes that it was asked, and merges its paths."""

    def ask(self: Any, *arguments: Any) -> Any:
        self.asked.add(name)
        if symbolic.active() is None:
            return rule_of(self.policy, name)(*arguments)
        if name not in self.read:
            self.read[name] = supported(rule_of(self.policy, name))
        rule = self.read[name]
        return rule(*arguments) if name in UNMERGED else merged_on_path(rule, *arguments)

    return ask


MergedRules: Any = type("MergedRules", (Policy,), {name: merged_rule(name) for name in RULES})


def asked_on_symbols(check: StartupCheck) -> StartupCheck:
    """Return a start-up check whose condition was read."""
    if type(check) is not StartupCheck:
        raise UnsupportedError(f"a start-up check of the class {type(check).__name__}; write a StartupCheck")
    return replace(check, holds=supported(check.holds))


class MergedPolicy(MergedRules):  # type: ignore[misc]
    """A policy whose rules are each one conditional value; it notes which of them were asked."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.asked: set[str] = set()
        self.read: dict[str, Callable[..., Any]] = {}
        """Rules that are ready to be asked on symbols."""
        self.checks: dict[int, tuple[StartupCheck, StartupCheck]] = {}
        for name in HABITS:
            setattr(self, name, getattr(policy, name))

    def startup_checks(self) -> tuple[StartupCheck, ...]:
        """See `Policy`."""
        checks: tuple[StartupCheck, ...] = super().startup_checks()
        return tuple([self._asked_on_symbols(check) for check in checks])

    def _asked_on_symbols(self, check: StartupCheck) -> StartupCheck:
        """Read a check once in a proof; it is kept with what was read, so that no other takes its address."""
        if symbolic.active() is None:
            return asked_on_symbols(check)
        if id(check) not in self.checks:
            self.checks[id(check)] = (check, asked_on_symbols(check))
        return self.checks[id(check)][1]


def next_chunk(request: Request, budget: int, config: ServingConfig) -> int:
    """See `schedproof.engines.fastdeploy.rules.chunk.next_chunk`."""
    return merged_on_path(chunk.next_chunk, request, budget, config)


def prefill_blocks(request: Request, num_tokens: int, config: ServingConfig) -> int:
    """See `schedproof.engines.fastdeploy.rules.blocks.prefill_blocks`."""
    return merged_on_path(blocks.prefill_blocks, request, num_tokens, config)
