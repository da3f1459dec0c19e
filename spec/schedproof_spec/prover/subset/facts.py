"""What a function's text says of what it reads: each name that it takes from outside, and what it does with it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Use(Enum):
    """What becomes of a value that a function names."""

    VALUE = auto()
    """It may end up anywhere."""
    CALL = auto()
    IN_PLACE = auto()
    """It is looked at here, and nothing keeps hold of it."""
    CONTAINER = auto()
    """Something is looked for in it."""
    BUILTIN = auto()
    """It must be Python's own function of that name."""
    MEMBER = auto()
    """It must be a member of an enum, because something is compared with it by identity."""
    TEXT = auto()
    """It becomes a part of a text."""
    STARTUP_CHECK = auto()
    """It must be `StartupCheck`."""
    ROUNDS = auto()
    """It must be a function that makes an integer of a true division."""


@dataclass(frozen=True, slots=True)
class Named:
    """A name from outside the function, with the attributes behind it; ``root`` None is the method's object."""

    line: int
    root: str | None
    attributes: tuple[str, ...]
    use: Use

    def __str__(self) -> str:
        return ".".join((self.root or "self", *self.attributes))


@dataclass(frozen=True, slots=True)
class AttributeOf:
    """An attribute of a value that is known only when the rule runs."""

    line: int
    attribute: str


@dataclass(frozen=True, slots=True)
class OfSuper:
    """An attribute of ``super()``."""

    line: int
    attribute: str


@dataclass(frozen=True, slots=True)
class NoneTest:
    """Something is compared with None by identity: an attribute, or, where None, any value."""

    line: int
    attribute: str | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that is not on the list."""

    line: int
    construct: str
    instead: str

    def __str__(self) -> str:
        return f"{self.construct} is not supported" + (f"; {self.instead}" if self.instead else "")


@dataclass(frozen=True, slots=True)
class Counted(Refusal):
    """Items are looked at one by one: on the list for schedproof's own rules, of which it is known what they do."""


Fact = Named | AttributeOf | OfSuper | NoneTest | Refusal
