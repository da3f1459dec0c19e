"""What has been found about one rule so far; memory does not grow with the trace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schedproof.step_record import TraceHeader
from schedproof_gate.audit.checks import Rule
from schedproof_spec import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One step that breaks a rule, or leaves it open."""

    rule_name: str
    header: TraceHeader | None
    """The header that is in force there."""
    first_line: int
    """Where the lines begin that show it on their own."""
    line: int
    """The step's line."""
    step: int
    message: str
    state: tuple[str, ...]
    """The step for a person, a line each."""
    witness: Mapping[str, Any]
    """The same for a program."""


@dataclass(slots=True)
class Tally:
    """Counts of one rule, and the first step of each kind."""

    rule: Rule
    unit: str
    num_held: int = 0
    num_violated: int = 0
    num_open: int = 0
    """Steps of which a log gives bounds on both sides of the limit."""
    num_open_between: int = 0
    """Lines after which such steps may have run."""
    violation: Finding | None = None
    open_question: Finding | None = None

    @property
    def num_checked(self) -> int:
        """Steps or requests that the rule was asked about."""
        return self.num_held + self.num_violated + self.num_open

    @property
    def status(self) -> Status:
        """What the trace says about the rule."""
        if self.num_violated:
            return Status.VIOLATED
        if self.num_open or self.num_open_between:
            return Status.UNDECIDED
        return Status.HELD if self.num_held else Status.VACUOUS
