"""Parts of a request that stand for many: whether it has items at all, and a name of which nothing is known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

from schedproof.request import MultimodalItem
from schedproof_spec.prover.merge import StandIn
from schedproof_spec.prover.symbolic import UnsupportedError


class AnyItems(StandIn):
    """Stands for the items of a request: none, or those that are drawn; a path splits where a rule looks."""

    def __init__(self, has_items: Any, items: tuple[MultimodalItem, ...]) -> None:
        self.has_items = has_items
        self.items = items

    def _parts(self) -> tuple[Any, ...]:
        return self.has_items, self.items

    def _seen(self) -> tuple[MultimodalItem, ...]:
        return self.items if self.has_items else ()

    def __iter__(self) -> Iterator[MultimodalItem]:
        return iter(self._seen())

    def __reversed__(self) -> Iterator[MultimodalItem]:
        return reversed(self._seen())

    def __len__(self) -> int:
        return len(self._seen())

    def __bool__(self) -> bool:
        return bool(self.has_items)

    def __getitem__(self, index: int) -> MultimodalItem:
        return self._seen()[index]

    def __eq__(self, other: object) -> Any:
        return self._seen() == (other._seen() if isinstance(other, AnyItems) else other)

    def __ne__(self, other: object) -> Any:
        return not self == other

    def __hash__(self) -> NoReturn:
        raise UnsupportedError("a request's items are no key of a table; ask for their number")

    def __add__(self, other: Any) -> tuple[MultimodalItem, ...]:
        return self._seen() + tuple(other)

    def __radd__(self, other: Any) -> tuple[MultimodalItem, ...]:
        return tuple(other) + self._seen()

    def __getattr__(self, name: str) -> NoReturn:
        raise UnsupportedError(f"`{name}` of a request's items")


class AnyName(StandIn):
    """Stands for a request's id, which says who it is and nothing else."""

    _name: str

    def __init__(self, name: str) -> None:
        self._name = name

    def _parts(self) -> tuple[Any, ...]:
        return (self._name,)

    def _refuse(self, *arguments: object) -> NoReturn:
        raise UnsupportedError("request_id tells requests apart; a rule that reads more of it cannot be decided")

    def __eq__(self, other: object) -> bool:
        return self is other if isinstance(other, AnyName) else self._refuse()

    __hash__ = _refuse
    __getattr__ = __str__ = __format__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __getitem__ = __iter__ = __len__ = __contains__ = __add__ = __mod__ = _refuse

    def __repr__(self) -> str:
        return "<request_id>"
