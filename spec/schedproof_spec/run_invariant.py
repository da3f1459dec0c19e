"""What an invariant of an engine over many steps is: it holds at the start, and every event keeps it."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass

from schedproof.engines.fastdeploy.policy import Policy
from schedproof_spec.prover.context import Context
from schedproof_spec.prover.mutants import Mutant
from schedproof_spec.states.runs import RunStep

EventProof = Callable[[Context, Policy], None]
"""Proves that every event keeps an invariant, from any state that satisfies it."""

RunStatement = Callable[[RunStep], bool]
"""Says whether one step of a run from an empty engine keeps the invariant; on numbers and on symbols."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenVersion:
    """Code that was published and breaks an invariant, whatever the policy."""

    name: str
    source: str
    proof: EventProof
    """The invariant's proof with this code in place of the reference's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInvariant:
    """One rule that an engine must keep through its whole life."""

    name: str
    family: str
    sentence: str
    statement: Callable[..., bool]
    """The rule itself; its source is the formula that people are shown."""
    origin: str
    """The real failure behind it."""
    scope: str
    """The states that the proof speaks of."""
    proof: EventProof
    reached: frozenset[str]
    """Claims and covers that the proof has to reach for the reference."""
    mutants: tuple[Mutant, ...]
    """Changes to the reference that the proof refutes."""
    broken_by: tuple[BrokenVersion, ...] = ()
    on_step: RunStatement | None = None
    """The rule for a step of a run; None when no policy can matter."""

    @property
    def formula(self) -> str:
        """Return the source of the statement."""
        return textwrap.dedent(inspect.getsource(self.statement)).strip()
