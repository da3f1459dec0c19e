"""Any point of a step of a person's loop: limits, a ledger, what is so, and queues of any length."""

from __future__ import annotations

import dataclasses
from typing import Any

from schedproof.step_loop import Ahead, LoopLimits, QueuedRequest, Queues, Served
from schedproof.step_loop.driver import Moment
from schedproof.step_loop.world import Lane, Share, World
from schedproof_spec.prover.context import Context
from schedproof_spec.prover.subset.loops import type_of_field
from schedproof_spec.rules.loops import blocks_cover_tokens
from schedproof_spec.states.asked_loop import AskedLoop
from schedproof_spec.states.logic import all_of, any_of

LIMITS_BASE = frozenset(field.name for field in dataclasses.fields(LoopLimits))
"""The limits that are positive whatever the loop."""

GRANTS, KEPT, COVERED = "grant_within_need", "blocks_are_kept", "blocks_cover_tokens"
"""The rules that say what a running request can look like."""


def any_limits(ctx: Context, loop: AskedLoop) -> Any:
    """Draw limits of any size with which the loop starts."""
    limits = any_record(ctx, "limits", loop.limits_type, positive=LIMITS_BASE)
    ctx.assume(ctx.merged(lambda: loop.accepts(limits)))
    return limits


def any_record(ctx: Context, name: str, kind: type, positive: frozenset[str] = frozenset()) -> Any:
    """Draw an object of a dataclass of numbers, bools and enums: every one that there is."""
    values: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        wanted, label = type_of_field(kind, field), f"{name}.{field.name}"
        if wanted is int:
            values[field.name] = ctx.integer(label, 1 if field.name in positive else None)
        elif wanted is bool:
            values[field.name] = ctx.boolean(label)
        else:
            assert wanted is not None
            values[field.name] = ctx.member(label, wanted)
    return kind(**values)


def any_opened_world(ctx: Context) -> World:
    """Draw what is so when a step opens: nobody was served."""
    ahead = Ahead(
        num_decodes=ctx.integer("num_decodes", 0),
        num_prompts=ctx.integer("num_prompts", 0),
        num_waiting=ctx.integer("num_waiting", 0),
        num_served=0,
    )
    return World(ahead=ahead, num_tokens=0, num_free_blocks=ctx.integer("num_free_blocks"))


def any_moment(ctx: Context, loop: AskedLoop, proved: frozenset[str]) -> Moment:
    """Draw a ledger and what is so beside it; where nobody was served, no token runs."""
    assert loop.ledger_type is not None
    ledger = any_record(ctx, "ledger", loop.ledger_type)
    opened = any_opened_world(ctx)
    ahead = dataclasses.replace(opened.ahead, num_served=ctx.integer("num_served", 0))
    world = dataclasses.replace(opened, ahead=ahead, num_tokens=ctx.integer("num_tokens"))
    ctx.assume(any_of(world.ahead.num_served > 0, world.num_tokens == 0))
    if GRANTS in proved:
        ctx.assume(world.num_tokens >= 0)
    return Moment(ledger=ledger, world=world)


class AnyStepQueues(Queues):
    """The queues at one point of a step: of any length, with requests that are drawn where a loop looks.

    ``proved`` names the rules that are known to hold, which say what a running request can look like.
    """

    def __init__(self, ctx: Context, world: World, limits: LoopLimits, proved: frozenset[str]) -> None:
        self._ctx = ctx
        self._world = world
        self._limits = limits
        self._proved = proved
        self._drawn: dict[str, Any] = {}
        self._places: dict[int, tuple[QueuedRequest, Lane, Share]] = {}

    def place_of(self, request: QueuedRequest) -> tuple[Lane, Share]:
        """Return where a request was drawn, and what it has got; nowhere for one that was not."""
        _, lane, share = self._places.get(id(request), (request, Lane.NOWHERE, Share()))
        return lane, share

    @property
    def ahead(self) -> Ahead:
        """See `Queues`."""
        return self._world.ahead

    @property
    def next_decode(self) -> QueuedRequest | None:
        """See `Queues`."""
        return self._first("decode", Lane.DECODE, self.ahead.num_decodes)

    @property
    def next_prompt(self) -> QueuedRequest | None:
        """See `Queues`."""
        return self._first("prompt", Lane.PROMPT, self.ahead.num_prompts)

    @property
    def next_waiting(self) -> QueuedRequest | None:
        """See `Queues`."""
        return self._first("waiting", Lane.WAITING, self.ahead.num_waiting)

    @property
    def next_running(self) -> QueuedRequest | None:
        """See `Queues`."""
        if self.ahead.num_decodes == 0:
            return self.next_prompt
        if self.ahead.num_prompts == 0 or self._choice("the_next_one_decodes"):
            return self.next_decode
        return self.next_prompt

    @property
    def last_decode(self) -> QueuedRequest | None:
        """See `Queues`."""
        if self.ahead.num_decodes <= 1:
            return self.next_decode
        return self._first("last_decode", Lane.DECODE, self.ahead.num_decodes)

    @property
    def last_running(self) -> QueuedRequest | None:
        """See `Queues`."""
        ahead = self.ahead
        if ahead.num_decodes == 0:
            return self._last_prompt()
        if ahead.num_prompts == 0:
            return self.last_decode
        first = self.next_running
        decodes = self._choice("the_last_one_decodes")
        if ahead.num_decodes == 1 and first is self.next_decode:
            decodes = False
        elif ahead.num_prompts == 1 and first is self.next_prompt:
            decodes = True
        return self.last_decode if decodes else self._last_prompt()

    @property
    def last_served(self) -> Served | None:
        """See `Queues`."""
        if self.ahead.num_served == 0:
            return None
        if "served" not in self._drawn:
            self._drawn["served"] = self._any_served()
        served: Served = self._drawn["served"]
        return served

    def _last_prompt(self) -> QueuedRequest | None:
        if self.ahead.num_prompts <= 1:
            return self.next_prompt
        return self._first("last_prompt", Lane.PROMPT, self.ahead.num_prompts)

    def _choice(self, name: str) -> bool:
        if name not in self._drawn:
            self._drawn[name] = bool(self._ctx.boolean(name))
        chosen: bool = self._drawn[name]
        return chosen

    def _first(self, name: str, lane: Lane, number: Any) -> QueuedRequest | None:
        if number == 0:
            return None
        if name not in self._drawn:
            self._drawn[name] = self._any_request(name, lane)
        request: QueuedRequest = self._drawn[name]
        return request

    def _any_request(self, name: str, lane: Lane) -> QueuedRequest:
        request = self._draw(name, runs=lane is not Lane.WAITING)
        if lane is Lane.DECODE:
            self._ctx.assume(request.num_computed_tokens >= request.need_prefill_tokens)
        elif lane is Lane.PROMPT:
            self._ctx.assume(request.num_computed_tokens < request.need_prefill_tokens)
        self._places[id(request)] = request, lane, Share()
        if COVERED in self._proved:
            self._ctx.assume(blocks_cover_tokens(request, Share(), self._limits))
        return request

    def _any_served(self) -> Served:
        ctx, world = self._ctx, self._world
        request = self._draw("served", runs=True)
        tokens = ctx.integer("served.num_tokens", self._least(GRANTS))
        blocks = ctx.integer("served.num_new_blocks", self._least(KEPT))
        share = Share(num_tokens=tokens, num_new_blocks=blocks)
        ctx.assume(any_of(world.ahead.num_served > 1, tokens == world.num_tokens))
        if GRANTS in self._proved:
            wanted = ctx.merged(lambda: request.num_wanted_tokens)
            ctx.assume(all_of(tokens <= world.num_tokens, tokens <= wanted))
        if COVERED in self._proved:
            ctx.assume(blocks_cover_tokens(request, share, self._limits))
        self._places[id(request)] = request, Lane.SERVED, share
        return Served(request=request, num_tokens=tokens, num_new_blocks=blocks)

    def _draw(self, name: str, *, runs: bool) -> QueuedRequest:
        if runs:
            return any_running_request(self._ctx, name, self._limits, self._proved)
        return any_queued_request(self._ctx, name, self._limits)

    def _least(self, rule: str) -> int | None:
        return least(rule, self._proved)


def least(rule: str, proved: frozenset[str]) -> int | None:
    """Return the least number that a rule leaves possible; None where it is not known to hold."""
    return 0 if rule in proved else None


def any_running_request(ctx: Context, name: str, limits: LoopLimits, proved: frozenset[str]) -> QueuedRequest:
    """Draw a request in its prompt or decoding, with blocks that may be too few."""
    return dataclasses.replace(
        any_queued_request(ctx, name, limits),
        num_computed_tokens=ctx.integer(f"{name}.num_computed_tokens", least(GRANTS, proved)),
        num_blocks=ctx.integer(f"{name}.num_blocks", least(KEPT, proved)),
    )


def any_queued_request(ctx: Context, name: str, limits: LoopLimits) -> QueuedRequest:
    """Draw a request that waits."""
    request = QueuedRequest(
        need_prefill_tokens=ctx.integer(f"{name}.need_prefill_tokens", 1),
        num_decode_tokens=ctx.integer(f"{name}.num_decode_tokens", 1),
        priority=ctx.integer(f"{name}.priority"),
    )
    ctx.assume(request.num_decode_tokens <= limits.tokens_per_seq)
    return request
