"""A field that a theorem leaves open."""

from __future__ import annotations

from typing import Any, NoReturn

from schedproof_spec.prover.merge import StandIn
from schedproof_spec.prover.symbolic import UnsupportedError


class NotDrawn(StandIn):
    """Stands for a field that a theorem does not draw; a rule that reads it cannot be decided, and says so."""

    def __init__(self, name: str) -> None:
        self.name = name

    def _parts(self) -> tuple[Any, ...]:
        return (self.name,)

    def _refuse(self, *arguments: object) -> NoReturn:
        raise UnsupportedError(f"{self.name} is read, which this theorem does not draw")

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __floordiv__ = __rfloordiv__ = _refuse
    __mod__ = __rmod__ = __neg__ = __abs__ = __bool__ = __index__ = __int__ = __iter__ = __len__ = _refuse
    __hash__ = _refuse
