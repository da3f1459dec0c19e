"""How far a file may expand: variables that hold variables could make it endless."""

from __future__ import annotations

from dataclasses import dataclass

from schedproof_gate.errors import InputError

MAX_EXPANDED_CHARACTERS = 4 << 20
"""Characters that all words of a script, or of a container, may expand to."""


@dataclass(slots=True)
class Budget:
    """What a script and all scripts inside it, or a container, have used up."""

    source: str
    num_characters: int = 0

    def count(self, num_characters: int, line: int | None) -> None:
        """Refuse a file whose variables expand without end.

        Raises:
            InputError: over the limit.
        """
        self.num_characters += num_characters
        if self.num_characters > MAX_EXPANDED_CHARACTERS:
            raise InputError(
                f"the words expand to more than {MAX_EXPANDED_CHARACTERS} characters",
                source=self.source,
                line=line,
                advice="write the launch command out",
            )
