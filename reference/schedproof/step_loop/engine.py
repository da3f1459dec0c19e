"""A small engine around a step loop: requests arrive, run and end, over any number of steps.

It knows numbers of KV blocks and no identities. No draft is accepted, so that a decode makes one token a step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from schedproof.step_loop.driver import LoopPlan, StepQueues, plan_step
from schedproof.step_loop.loop import StepLoop
from schedproof.step_loop.queues import QueuedRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """A request of the engine, and what it has generated."""

    name: str
    request: QueuedRequest
    num_prompt_tokens: int
    max_new_tokens: int
    num_output_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopStep:
    """One step of an engine."""

    plan: LoopPlan
    names: dict[int, str]
    """The name of each request that the step found, by its address."""
    before: tuple[Seat, ...]
    """Everybody when the step opened, running ones first."""
    ended: tuple[str, ...]


def after_tokens(request: QueuedRequest, num_kept: int, num_new_blocks: int) -> QueuedRequest:
    """Return a request after a step that ran tokens for it, of which this many are kept."""
    return replace(
        request,
        num_computed_tokens=request.num_computed_tokens + num_kept,
        num_blocks=request.num_blocks + num_new_blocks,
    )


class LoopEngine:
    """Serves requests with a loop, step by step."""

    def __init__(self, loop: StepLoop[Any, Any], limits: Any, num_kv_blocks: int) -> None:
        self.loop = loop
        self.limits = limits
        self.num_free_blocks = num_kv_blocks
        self.running: list[Seat] = []
        self.waiting: list[Seat] = []

    def arrive(
        self, name: str, *, num_prompt_tokens: int, max_new_tokens: int, num_decode_tokens: int, priority: int
    ) -> None:
        """Let a request wait behind the others."""
        request = QueuedRequest(
            need_prefill_tokens=num_prompt_tokens, num_decode_tokens=num_decode_tokens, priority=priority
        )
        self.waiting.append(
            Seat(name=name, request=request, num_prompt_tokens=num_prompt_tokens, max_new_tokens=max_new_tokens)
        )

    def step(self) -> LoopStep:
        """Plan one step, run it, and let go of who has ended."""
        running, waiting = self._ranked(self.running), self._ranked(self.waiting)
        queues = StepQueues([seat.request for seat in running], [seat.request for seat in waiting])
        plan = plan_step(self.loop, queues, self.num_free_blocks, self.limits)
        seats = {id(seat.request): seat for seat in (*running, *waiting)}
        preempted = [preempted_seat(seats[id(request)]) for request in reversed(queues.preempted)]
        here = [id(request) for request in queues.running]
        left = [seat for seat in waiting if id(seat.request) not in (*here, *map(id, queues.preempted))]
        self.waiting = [*preempted, *left]
        self.num_free_blocks = plan.moments[-1].world.num_free_blocks
        self.running, ended = [], []
        for request in queues.running:
            share = queues.share_of(request)
            seat = run_seat(seats[id(request)], share.num_tokens, share.num_new_blocks)
            if seat.num_output_tokens >= seat.max_new_tokens:
                self.num_free_blocks = self.num_free_blocks + seat.request.num_blocks
                ended.append(seat.name)
            else:
                self.running.append(seat)
        names = {address: seat.name for address, seat in seats.items()}
        return LoopStep(plan=plan, names=names, before=(*running, *waiting), ended=tuple(ended))

    def _ranked(self, seats: list[Seat]) -> list[Seat]:
        return sorted(seats, key=lambda seat: self.loop.rank(seat.request))


def run_seat(seat: Seat, num_tokens: int, num_new_blocks: int) -> Seat:
    """Return a request after its tokens ran; the last token of a prompt and each decode make one more."""
    if num_tokens == 0:
        return replace(seat, request=after_tokens(seat.request, 0, num_new_blocks))
    num_kept = 1 if seat.request.is_decoding else num_tokens
    request = after_tokens(seat.request, num_kept, num_new_blocks)
    num_made = 1 if request.is_decoding else 0
    return replace(seat, request=request, num_output_tokens=seat.num_output_tokens + num_made)


def preempted_seat(seat: Seat) -> Seat:
    """Return a request that left: it begins again, with everything that it has generated."""
    request = replace(
        seat.request,
        need_prefill_tokens=seat.num_prompt_tokens + seat.num_output_tokens,
        num_computed_tokens=0,
        num_blocks=0,
    )
    return replace(seat, request=request)
