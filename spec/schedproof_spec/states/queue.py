"""A queue of any length: a request is drawn where the loop looks, and the same one where it looks again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from schedproof.request import Request
from schedproof_spec.prover.symbolic import UnsupportedError

Draw = Callable[[str, Any], Request]
"""Draws a request by its name and its position."""


class AnyQueue:
    """Stands for a tuple of requests whose length is a symbol; what was drawn at a position stays there."""

    def __init__(self, name: str, length: Any, draw: Draw) -> None:
        self.name = name
        self.length = length
        self.seen: list[tuple[Any, Request]] = []
        """Position and request of each look, in order."""
        self._draw = draw

    def __getitem__(self, position: Any) -> Request:
        if isinstance(position, slice):
            raise UnsupportedError(f"{self.name} is cut into pieces; a turn looks at one request")
        if position < 0:
            position = position + self.length
        if position < 0 or position >= self.length:
            raise IndexError(f"{self.name} has no such position")
        for known, request in self.seen:
            if known == position:
                return request
        request = self._draw(f"{self.name}[{len(self.seen)}]", position)
        self.seen.append((position, request))
        return request

    def __iter__(self) -> Iterator[Request]:
        raise UnsupportedError(
            f"a turn goes through {self.name}; it looks at one request, so that any number may be there"
        )

    def __contains__(self, request: object) -> bool:
        raise UnsupportedError(f"a turn searches {self.name}; it looks at one request")

    def __len__(self) -> int:
        raise UnsupportedError(f"a turn asks for the length of {self.name}; the ledger knows it")

    def position_of(self, request: Request) -> Any:
        """Return where a request was drawn; None when it is not from this queue."""
        return next((position for position, drawn in self.seen if drawn is request), None)
