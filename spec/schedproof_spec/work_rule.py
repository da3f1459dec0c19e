"""What an invariant of the engine's work on tensors is: sending a step's output, dispatching tokens to experts.

These rules do not speak of a configuration or a policy, as `Invariant` does, but of functions: the reference's own,
and upstream's versions of them.
"""

from __future__ import annotations

import functools
import inspect
import operator
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from schedproof_spec.prover.context import Context


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One implementation of what a rule speaks of."""

    name: str
    source: str
    """The published code, or this project's file."""
    function: Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkRule:
    """One rule of the work on a step's tensors, with the versions that keep it and those that break it."""

    name: str
    part: str = ""
    """What of the rule this entry proves; empty where one entry proves all of it."""
    family: str
    sentence: str
    statement: Callable[..., Any]
    """The rule itself; its source is the formula that people are shown."""
    origin: str
    """The real failure behind it."""
    scope: str
    """The states that the theorem speaks of."""
    theorem: Callable[[Context, Callable[..., Any]], None]
    """Proves the rule for an implementation."""
    kept_by: tuple[Version, ...]
    broken_by: tuple[Version, ...]
    reached: frozenset[str] = field(default_factory=frozenset)
    """Claims and covers that a proof has to reach."""

    @property
    def title(self) -> str:
        """Return the name, with the part that is proved."""
        return f"{self.name}, {self.part}" if self.part else self.name

    @property
    def formula(self) -> str:
        """Return the source of the statement."""
        return textwrap.dedent(inspect.getsource(self.statement)).strip()


def all_hold(*conditions: bool) -> bool:
    """Return whether all hold, without asking about each on its own."""
    return functools.reduce(operator.and_, conditions)


def picked(ctx: Context, name: str, values: Sequence[int]) -> int:
    """Draw one of these numbers, each on a path of its own; a witness shows the number."""
    drawn = ctx.integer(name, min(values), max(values))
    for value in values:
        if drawn == value:
            return value
    ctx.assume(False)
    raise AssertionError(f"{name} is none of {values}")
