"""What a script and all scripts inside it share: the launches that were found, and the limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from schedproof_gate.deployment.budget import Budget
from schedproof_gate.deployment.launch import Argument, Launch
from schedproof_gate.deployment.tree import MAX_ITEMS
from schedproof_gate.errors import InputError

MAX_LAUNCHES = 256

IsLaunch = Callable[[tuple[Argument, ...]], bool]


@dataclass(slots=True)
class Run:
    """What a script and all scripts inside it share."""

    source: str
    is_launch: IsLaunch
    budget: Budget
    launches: list[Launch] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)
    num_commands: int = 0
    num_calls: int = 0
    not_followed: dict[str, None] = field(default_factory=dict)
    """What may start more engines, for a person."""

    def mark(self) -> int:
        """Return the place to which `undo` goes back."""
        return len(self.launches)

    def found(self) -> list[Launch]:
        """Return the launches; each says what was not followed, since that may start more."""
        more = tuple(self.not_followed)
        return (
            [replace(launch, notes=(*launch.notes, *more)) for launch in self.launches] if more else self.launches
        )

    def undo(self, mark: int) -> None:
        """Forget the launches that were found since."""
        del self.launches[mark:]

    def count(self, line: int) -> None:
        """Refuse a script whose loops and functions have no end.

        Raises:
            InputError: over the limit.
        """
        self.num_commands += 1
        if self.num_commands > MAX_ITEMS:
            raise InputError(
                f"the script's loops and functions run more than {MAX_ITEMS} commands",
                source=self.source,
                line=line,
                advice="write the launch command out",
            )

    def count_launch(self, line: int | None) -> None:
        """Refuse a script that starts more engines than anyone has.

        Raises:
            InputError: over the limit.
        """
        if len(self.launches) >= MAX_LAUNCHES:
            raise InputError(
                f"the script starts more than {MAX_LAUNCHES} engines",
                source=self.source,
                line=line,
                advice="give the launch commands that differ",
            )
