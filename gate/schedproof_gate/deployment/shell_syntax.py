"""What a shell script is made of before anything is expanded: words with their parts, and commands."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from schedproof_gate.deployment.placed_text import PlacedText

UNTIL_SLASH = re.compile(r"""(?:\\.|'[^']*+'|"[^"]*+"|[^/\\'"]|['"\\])*+""", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Text:
    """Characters that stand for themselves."""

    text: str
    quoted: bool


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable or another expansion; `name` is empty when it is none of a variable."""

    written: str
    """How it is written, or how a person names it."""
    name: str
    quoted: bool
    is_array: bool = False
    """Whether all elements of an array, or all arguments, are meant."""
    joins: bool = False
    """Whether these become one word in quotes, as ``$*`` does."""
    index: str | None = None
    """The element that is meant."""
    operator: str = ""
    """What is done with the value: ``:-``, ``##``, ``//`` …; ``length`` for ``${#NAME}``."""
    operand: Word | None = None
    """What the operator works with: a default, a pattern."""
    replacement: Word | None = None
    arithmetic: Word | None = None
    """The expression of ``$((…))``."""
    command: str = ""
    """What runs in ``$(…)``."""
    changes: tuple[str, ...] = ()
    """Variables that the expression sets."""


@dataclass(frozen=True, slots=True)
class Elements:
    """The words of an array's assignment."""

    words: tuple[Word, ...]
    quoted: bool = True


Part = Text | Variable | Elements


@dataclass(slots=True)
class Word:
    """One word of a command before expansion."""

    line: int
    parts: list[Part] = field(default_factory=list)
    raw: str = ""
    """How the word is written, when it has several lines."""

    @property
    def literal(self) -> str | None:
        """The word's text when it has no variables."""
        texts = [part.text for part in self.parts if isinstance(part, Text)]
        return "".join(texts) if len(texts) == len(self.parts) else None

    @property
    def bare(self) -> str | None:
        """The word's text when nothing of it is quoted: only then it can belong to the shell's grammar."""
        return None if any(part.quoted for part in self.parts) else self.literal


@dataclass(slots=True)
class Redirection:
    """``<``, ``>`` and their relatives with their target; a here-document has its body."""

    operator: str
    target: Word
    body: PlacedText | None = None


@dataclass(slots=True)
class Command:
    """The words of one command, and what stands between it and the one before."""

    operator: str = ""
    words: list[Word] = field(default_factory=list)
    redirections: list[Redirection] = field(default_factory=list)
    is_negated: bool = False
    is_in_background: bool = False
    """Whether an ampersand follows, so that another shell runs it."""

    @property
    def line(self) -> int:
        """Where it stands."""
        return self.words[0].line if self.words else self.redirections[0].target.line


def split_replacement(text: str) -> tuple[str, str]:
    """Return the pattern and the replacement of ``${NAME/pattern/replacement}``."""
    match = UNTIL_SLASH.match(text)
    end = 0 if match is None else match.end()
    return text[:end], text[end + 1 :]
