"""What is asked: whether an invariant holds under a policy, and in which configurations."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace

from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.engines.fastdeploy.policy import Policy
from schedproof_spec.invariant import Invariant
from schedproof_spec.prover.context import Context
from schedproof_spec.states.domain import Configs, the_config, with_any_pool
from schedproof_spec.verdicts.alike import Alike, alike, starts

Condition = Callable[[ServingConfig], bool]
"""Restricts the configurations that a question is about."""


def always(config: ServingConfig) -> bool:
    """Return True: every configuration is asked about."""
    return True


@dataclass(frozen=True, slots=True)
class Question:
    """An invariant, a policy, and one configuration, all that are alike, or all that satisfy the condition."""

    invariant: Invariant
    policy: Policy
    config: ServingConfig | None = None
    condition: Condition = always
    alike: Alike | None = None

    @property
    def key(self) -> Hashable:
        """What it asks, whatever the policy."""
        return self.invariant.name, self.config, self.condition, self.alike

    @property
    def configs(self) -> Configs:
        """Every configuration that the question is about."""
        if self.alike is not None:
            return self.alike.configs(self.invariant.needs_pool)
        if self.config is None:
            return self._restricted(self.invariant.configs)
        if self.config.num_kv_blocks is None and self.invariant.needs_pool:
            return with_any_pool(self.config)
        return the_config(self.config)

    @property
    def searched_configs(self) -> list[Configs]:
        """Where a violation is looked for, in this order."""
        if self.config is not None:
            return [self.configs]
        return [self._restricted(self.invariant.familiar_configs), self.configs]

    @property
    def scope(self) -> str:
        """The states that an answer speaks of."""
        configurations = "every" if self.config is None else "this"
        return f"{configurations} configuration, {self.invariant.scope}"

    def about(self, invariant: Invariant) -> Question:
        """Return the same question about another invariant."""
        return replace(self, invariant=invariant)

    @property
    def anywhere(self) -> Question:
        """The same question about every configuration."""
        return replace(self, config=None, condition=always, alike=None)

    @property
    def of_all_alike(self) -> Question | None:
        """The same question about all configurations like this one; None without one, or if it does not start."""
        if self.config is None or not starts(self.config, self.policy):
            return None
        return replace(self, config=None, alike=alike(self.config, self.policy))

    def _restricted(self, configs: Configs) -> Configs:
        def draw(ctx: Context, policy: Policy) -> ServingConfig:
            config = configs(ctx, policy)
            ctx.assume(ctx.merged(lambda: self.invariant.applies(config)))
            ctx.assume(ctx.merged(lambda: self.condition(config)))
            return config

        return draw
