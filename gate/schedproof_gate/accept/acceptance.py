"""A finding that a person accepts."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path

from schedproof_gate.deployment.given import Origin
from schedproof_spec import Status


class AcceptanceKind(StrEnum):
    """Where a finding is accepted."""

    DEPLOYMENT = "deployment"
    """In the deployment file itself."""
    PROJECT = "project"
    """In a ``schedproof.toml``."""
    BASELINE = "baseline"
    """In the file of ``--baseline``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """One rule whose finding does not count for some deployments."""

    invariant: str
    reason: str
    until: date | None = None
    """The last day on which it counts as accepted; None for always."""
    status: Status = Status.VIOLATED
    """The finding that is accepted; one that becomes another counts again."""
    pattern: str
    """The deployment files, as absolute paths; `*` stands for any text, folders included."""
    origin: Origin
    kind: AcceptanceKind

    def covers(self, file: str) -> bool:
        """Return whether it speaks of a deployment file."""
        return fnmatchcase(absolute(file), self.pattern)

    @property
    def covers_many(self) -> bool:
        """Whether it may speak of deployments that nobody has asked about."""
        return "*" in self.pattern

    def is_over(self, today: date) -> bool:
        """Return whether its last day has passed."""
        return self.until is not None and today > self.until

    @property
    def place(self) -> str:
        """Where it is written."""
        return self.origin.source + ("" if self.origin.line is None else f":{self.origin.line}")

    @property
    def terms(self) -> str:
        """The reason, with the last day and the place, in one line."""
        until = "" if self.until is None else f"until {self.until.isoformat()}, "
        return f"{self.reason} ({until}{self.place})"


def absolute(file: str) -> str:
    """Return a path as patterns are held against it; it need not exist."""
    return Path(os.path.abspath(file)).as_posix()
