"""Runs one step of a loop: turn after turn until it has no more, beside what is so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from schedproof.step_loop.loop import StepLoop
from schedproof.step_loop.queues import Ahead, QueuedRequest, Queues, Served
from schedproof.step_loop.turns import Preemption, Turn, Visit
from schedproof.step_loop.world import Lane, Share, World, is_about_its_kind, world_after


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One point of a step: the ledger, and what is so."""

    ledger: Any
    world: World


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenTurn:
    """A turn, where it found its request, and the points of the step around it."""

    turn: Turn[Any]
    lane: Lane
    share: Share
    """What the request had got before."""
    before: Moment
    after: Moment
    """The same world as before where the turn is not about its kind: then nothing happens, and the step is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopPlan:
    """What came out of one step."""

    opened: Moment
    turns: tuple[TakenTurn, ...]
    is_cut: bool
    """Whether the step was ended because the last turn brings it no nearer to its end."""

    @property
    def moments(self) -> tuple[Moment, ...]:
        """The points of the step, in order."""
        return (self.opened, *(taken.after for taken in self.turns))


class StepQueues(Queues):
    """The queues of a step, and who of them had a turn."""

    def __init__(self, running: Sequence[QueuedRequest], waiting: Sequence[QueuedRequest]) -> None:
        self.running = list(running)
        """Those that run, in order: with or without a turn; admitted ones are at the end."""
        self.waiting = list(waiting)
        """Those without a turn."""
        self.preempted: list[QueuedRequest] = []
        self._shares: dict[int, Share] = {}
        """By the address of a request that had its turn; two requests may be equal."""

    def lane_of(self, request: QueuedRequest) -> Lane:
        """Return where a request is."""
        if any(request is each for each in self.waiting):
            return Lane.WAITING
        if not any(request is each for each in self.running):
            return Lane.NOWHERE
        if id(request) in self._shares:
            return Lane.SERVED
        return Lane.DECODE if request.is_decoding else Lane.PROMPT

    def share_of(self, request: QueuedRequest) -> Share:
        """Return what a request has got so far."""
        return self._shares.get(id(request), Share())

    def take(self, turn: Turn[Any]) -> None:
        """Note a turn that is about its kind."""
        request, share = turn.request, self.share_of(turn.request)
        if isinstance(turn, Preemption):
            self._remove(self.running, request)
            self._shares.pop(id(request), None)
            self.preempted.append(request)
            return
        if self.lane_of(request) is Lane.WAITING:
            self._remove(self.waiting, request)
            if not isinstance(turn, Visit):
                return
            self.running.append(request)
        if isinstance(turn, Visit):
            share = Share(
                num_tokens=share.num_tokens + turn.num_tokens,
                num_new_blocks=share.num_new_blocks + turn.num_new_blocks,
            )
        self._shares[id(request)] = share

    @staticmethod
    def _remove(queue: list[QueuedRequest], request: QueuedRequest) -> None:
        queue[:] = [each for each in queue if each is not request]

    def _left(self) -> Iterator[QueuedRequest]:
        return (each for each in self.running if id(each) not in self._shares)

    @property
    def ahead(self) -> Ahead:
        """See `Queues`."""
        left = list(self._left())
        num_decodes = sum(1 for each in left if each.is_decoding)
        return Ahead(
            num_decodes=num_decodes,
            num_prompts=len(left) - num_decodes,
            num_waiting=len(self.waiting),
            num_served=len(self.running) - len(left),
        )

    @property
    def next_running(self) -> QueuedRequest | None:
        """See `Queues`."""
        return next(self._left(), None)

    @property
    def next_decode(self) -> QueuedRequest | None:
        """See `Queues`."""
        return next((each for each in self._left() if each.is_decoding), None)

    @property
    def next_prompt(self) -> QueuedRequest | None:
        """See `Queues`."""
        return next((each for each in self._left() if not each.is_decoding), None)

    @property
    def next_waiting(self) -> QueuedRequest | None:
        """See `Queues`."""
        return next(iter(self.waiting), None)

    @property
    def last_running(self) -> QueuedRequest | None:
        """See `Queues`."""
        return next(iter([*self._left()][::-1]), None)

    @property
    def last_decode(self) -> QueuedRequest | None:
        """See `Queues`."""
        return next((each for each in [*self._left()][::-1] if each.is_decoding), None)

    @property
    def last_served(self) -> Served | None:
        """See `Queues`."""
        last = next((each for each in self.running[::-1] if id(each) in self._shares), None)
        if last is None:
            return None
        share = self.share_of(last)
        return Served(request=last, num_tokens=share.num_tokens, num_new_blocks=share.num_new_blocks)


def plan_step(loop: StepLoop[Any, Any], queues: StepQueues, num_free_blocks: int, limits: Any) -> LoopPlan:
    """Let a loop plan one step; the queues are left as the step leaves them."""
    ahead = queues.ahead
    world = World(ahead=ahead, num_tokens=0, num_free_blocks=num_free_blocks)
    opened = Moment(ledger=loop.open(ahead, num_free_blocks, limits), world=world)
    now, turns = opened, []
    while (turn := loop.next_turn(now.ledger, queues, limits)) is not None:
        lane, share = queues.lane_of(turn.request), queues.share_of(turn.request)
        if is_about_its_kind(turn, lane):
            world = world_after(now.world, turn, lane, share)
            queues.take(turn)
        taken = TakenTurn(
            turn=turn, lane=lane, share=share, before=now, after=Moment(ledger=turn.after, world=world)
        )
        turns.append(taken)
        if not world.num_turns_left < now.world.num_turns_left:
            return LoopPlan(opened=opened, turns=tuple(turns), is_cut=True)
        now = taken.after
    return LoopPlan(opened=opened, turns=tuple(turns), is_cut=False)
