"""Who runs and who waits while vLLM plans a step."""

from __future__ import annotations

from dataclasses import dataclass

from schedproof.engines.vllm.config import SchedulingPolicy, ServingConfig
from schedproof.engines.vllm.encoder import NO_CACHE, EncoderCache
from schedproof.engines.vllm.ledger import Grant
from schedproof.engines.vllm.request import EncoderItem, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Queues:
    """Who runs and who waits, at one point of a step."""

    running: tuple[Request, ...]
    """In order of admission; those who were preempted in the step are gone."""
    waiting: tuple[Request, ...]
    """In the order in which they are asked; those who were asked in the step are still listed."""
    num_free_blocks: int
    """KV blocks that were free when the step opened."""
    grants: tuple[Grant, ...] = ()
    """What the first running requests got in the step, one for each that had its turn."""
    cache: EncoderCache = NO_CACHE
    """What the encoder has run."""
    asked_items: tuple[EncoderItem, ...] = ()
    """What the encoder has to run for the request that lacks blocks."""

    def victim(self, config: ServingConfig) -> int:
        """Return the position of the running request that is preempted next.

        It is the last, or where priorities count the first in the list of those with the highest priority number
        and the latest arrival among them.
        """
        position = len(self.running) - 1
        if config.policy == SchedulingPolicy.FCFS:
            return position
        for other in reversed(range(position)):
            if not comes_before(self.running[other], self.running[position]):
                position = other
        return position


def comes_before(one: Request, other: Request) -> bool:
    """Return whether one request is preferred over another by priority and arrival."""
    if one.priority != other.priority:
        return one.priority < other.priority
    return one.arrival < other.arrival
