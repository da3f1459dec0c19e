"""Where every request is: in exactly one place until it ends."""

from collections.abc import Iterable
from enum import StrEnum


class Place(StrEnum):
    """The stages of a request's life in one engine."""

    WAITING = "waiting"
    """Has no slot."""
    RUNNING = "running"
    """Has a slot; the scheduler visits it."""
    RECEIVING = "receiving"
    """On a decode node: has a slot and blocks, and waits for its first token and its cache."""
    PREEMPTED = "preempted"
    """Its slot is occupied until the worker acknowledges."""
    ABORTING = "aborting"
    """Its slot is occupied until the worker acknowledges."""


SLOT_HOLDERS = (Place.RUNNING, Place.RECEIVING, Place.PREEMPTED, Place.ABORTING)
"""The places in which a request occupies a slot."""

MOVES = {
    Place.WAITING: (Place.RUNNING,),
    Place.RUNNING: (Place.PREEMPTED, Place.ABORTING),
    Place.RECEIVING: (Place.RUNNING, Place.ABORTING),
    Place.PREEMPTED: (Place.WAITING, Place.ABORTING),
    Place.ABORTING: (),
}
"""Where a request can go from each place; from any of them it can end."""


class Places:
    """The queue of every place. `enter`, `move` and `leave` are the only ways in which they change."""

    def __init__(self) -> None:
        self.queues: dict[Place, list[str]] = {place: [] for place in Place}
        self.place_of: dict[str, Place] = {}

    def __getitem__(self, place: Place) -> list[str]:
        return self.queues[place]

    def num_in(self, places: Iterable[Place]) -> int:
        """Return how many requests are in these places."""
        return sum(len(self.queues[place]) for place in places)

    def enter(self, request_id: str, place: Place) -> None:
        """Put a new request at the end of a queue; KeyError when it is already somewhere."""
        if request_id in self.place_of:
            raise KeyError(f"request {request_id!r} is already {self.place_of[request_id]}")
        self.place_of[request_id] = place
        self.queues[place].append(request_id)

    def move(self, request_id: str, to: Place) -> None:
        """Move a request to the end of another queue; ValueError when its life has no such step."""
        self._take_out(request_id, to)
        self.queues[to].append(request_id)

    def move_to_front(self, request_id: str, to: Place) -> None:
        """Move a request to the front of another queue; ValueError when its life has no such step."""
        self._take_out(request_id, to)
        self.queues[to].insert(0, request_id)

    def _take_out(self, request_id: str, to: Place) -> None:
        place = self.place_of[request_id]
        if to not in MOVES[place]:
            raise ValueError(f"request {request_id!r} is {place} and cannot become {to}")
        self.queues[place].remove(request_id)
        self.place_of[request_id] = to

    def requeue(self, request_id: str) -> None:
        """Move a request to the end of its own queue; KeyError when it is nowhere."""
        queue = self.queues[self.place_of[request_id]]
        queue.remove(request_id)
        queue.append(request_id)

    def leave(self, request_id: str) -> None:
        """End a request."""
        place = self.place_of.pop(request_id)
        self.queues[place].remove(request_id)
