"""Numbers of a stored configuration that no theorem draws, such as a negative size: nothing is said of them."""

from __future__ import annotations

from dataclasses import fields
from enum import Enum
from typing import Any

from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof_spec.prover.context import ConcreteContext
from schedproof_spec.states.domain import draw_config, draw_configured_dispatch


class GivenNumbers(ConcreteContext):
    """Draws the numbers of a configuration, and names the first that is too small."""

    def integer(self, name: str, low: int | None = None, high: int | None = None) -> int:
        """Return the given number; raises ValueError where a theorem draws none as small."""
        value = self._given(name)
        if low is not None and value < low:
            raise ValueError(f"config.{name}: expected {low} or more, got {value}")
        return value


def require_drawn(config: ServingConfig) -> None:
    """Refuse a configuration that is none of those that the theorems are about.

    Raises:
        ValueError: a number is too small; the message names the field.
    """
    values = {each.name: getattr(config, each.name) for each in fields(config)}
    values["num_max_dispatch_tokens"] = config.num_max_dispatch_tokens_per_rank is not None
    if config.speculation is not None:
        values |= {each.name: getattr(config.speculation, each.name) for each in fields(config.speculation)}
    context = GivenNumbers({name: number_of(value) for name, value in values.items()})
    draw_config(context)
    draw_configured_dispatch(context)


def number_of(value: Any) -> int:
    """Return the number by which a value is drawn: that of a member, or whether there is one."""
    if isinstance(value, Enum):
        return list(type(value)).index(value)
    return int(value) if isinstance(value, int) else int(value is not None)
