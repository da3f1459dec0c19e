"""What unknown values do not have, whatever they stand for."""

from __future__ import annotations

from typing import NoReturn

from schedproof_spec.prover.brancher import active
from schedproof_spec.prover.messages import is_made_for_a_message
from schedproof_spec.prover.unsupported import TextAskedError, UnsupportedError


class Symbol:
    """A value that differs from state to state, without text, hash or any attribute that only a number has."""

    __slots__ = ()
    stands_for: type = int

    def __hash__(self) -> int:
        raise UnsupportedError("an unknown value has no hash; it cannot be a key or an element of a set")

    def __str__(self) -> str:
        return self.__format__("")

    def __format__(self, spec: str) -> str:
        if active() is not None and not is_made_for_a_message():
            raise TextAskedError("an unknown value has no text; compare the value itself")
        return repr(self)

    def __getattr__(self, name: str) -> NoReturn:
        if hasattr(self.stands_for, name):
            raise UnsupportedError(f"`{name}` of an unknown value")
        raise AttributeError(f"'{self.stands_for.__name__}' object has no attribute '{name}'")
