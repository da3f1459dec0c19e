"""The turns of a step loop of one's own: each is about one request, and has the ledger after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from schedproof.step_loop.queues import QueuedRequest

L = TypeVar("L", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit(Generic[L]):
    """A request runs tokens in this step; a waiting one takes a slot with it."""

    request: QueuedRequest
    num_tokens: int
    """What the worker runs for it."""
    num_new_blocks: int
    """KV blocks that it gets beside its own."""
    after: L


@dataclass(frozen=True, slots=True, kw_only=True)
class Preemption(Generic[L]):
    """A running request leaves with its slot and blocks, and with what it got in this step; it waits again.

    It has no turn in this step any more.
    """

    request: QueuedRequest
    after: L


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip(Generic[L]):
    """A request gets nothing in this step."""

    request: QueuedRequest
    after: L


Turn = Visit[L] | Preemption[L] | Skip[L]
