"""How an engine meets the outside world: a node of each role, with what the replay models of the other one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable

from schedproof import Engine, Role, StepOutcome
from schedproof.engines.fastdeploy.life.places import Place
from schedproof_gate.replay.step_time import StepTime
from schedproof_gate.replay.workloads.arrival import Arrival, block_hashes

Transfer = tuple[int, str]
"""When a prompt's cache has arrived, in microseconds, and whose."""


class Node(ABC):
    """An engine between two steps."""

    modelled: tuple[str, ...]
    """What the replay models about this role, a sentence each without its full stop."""

    def __init__(self, engine: Engine, step_time: StepTime) -> None:
        self.engine = engine
        self.step_time = step_time

    @abstractmethod
    def let_in(self, arrival: Arrival, now_us: int) -> Transfer | None:
        """Bring a request to the engine; returns the transfer that this begins.

        Raises:
            RefusedForNowError: the node takes it later.
        """

    @property
    @abstractmethod
    def can_step(self) -> bool:
        """Whether a step has anything to do before something arrives from outside."""

    def transfers_after(self, outcome: StepOutcome, now_us: int) -> list[Transfer]:
        """Return the transfers that a completed step begins."""
        return []

    def finish_transfer(self, request_id: str) -> bool:
        """Tell the engine that a request's cache has arrived; False when the request is not there any more."""
        return False


class RefusedForNowError(Exception):
    """A node has no slot or no KV blocks for a request at the moment."""


class MixedNode(Node):
    """Queues every request and runs it to its end."""

    modelled = ()

    def let_in(self, arrival: Arrival, now_us: int) -> None:
        """Queue the request."""
        self.engine.add_request(
            arrival.request_id,
            arrival.num_prompt_tokens,
            arrival.max_new_tokens,
            items=arrival.items,
            block_hashes=self._block_hashes(arrival),
        )

    def _block_hashes(self, arrival: Arrival) -> tuple[Hashable, ...]:
        return block_hashes(arrival, self.engine.config.block_size)

    @property
    def can_step(self) -> bool:
        """Whether any request has not ended."""
        return self.engine.has_work


class PrefillNode(Node):
    """Hands each request over once its cache has been sent."""

    modelled = ("the decode node is not replayed: a request leaves this node as soon as its cache has been sent",)

    def let_in(self, arrival: Arrival, now_us: int) -> None:
        """Take a slot and blocks for the request."""
        preallocate(self.engine, arrival)

    @property
    def can_step(self) -> bool:
        """Whether any request is not prefilled yet."""
        requests = self.engine.requests
        return any(not requests[name].is_decoding for name in self.engine.places.place_of)

    def transfers_after(self, outcome: StepOutcome, now_us: int) -> list[Transfer]:
        """Send the cache of each prompt that the step completed."""
        return [
            (now_us + self.step_time.transfer_us(self.engine.requests[name].num_computed_tokens), name)
            for name in outcome.num_produced
            if name not in outcome.ended
        ]

    def finish_transfer(self, request_id: str) -> bool:
        """Hand the request over, unless it was preempted meanwhile and has to prefill again."""
        engine = self.engine
        is_there = engine.places.place_of.get(request_id) is Place.RUNNING
        if not is_there or not engine.requests[request_id].is_decoding:
            return False
        engine.hand_over(request_id)
        return True


class DecodeNode(Node):
    """Receives each request's first token and cache, and decodes."""

    modelled = (
        "the prefill node is not replayed: it begins a prompt when this node has a slot and blocks for it, and "
        "takes one step for it alone",
        "a request that this node drops does not come back",
    )

    def let_in(self, arrival: Arrival, now_us: int) -> Transfer:
        """Take a slot and blocks for the request, whose prompt the other node begins to prefill."""
        preallocate(self.engine, arrival)
        num_tokens = arrival.num_prompt_tokens
        elsewhere_us = self.step_time.step_us(num_tokens) + self.step_time.transfer_us(num_tokens)
        return now_us + elsewhere_us, arrival.request_id

    @property
    def can_step(self) -> bool:
        """Whether any request is past its arrival."""
        return len(self.engine.places.place_of) > len(self.engine.places[Place.RECEIVING])

    def finish_transfer(self, request_id: str) -> bool:
        """Let the request join the batch."""
        if self.engine.places.place_of.get(request_id) is not Place.RECEIVING:
            return False
        self.engine.receive(request_id)
        return True


def preallocate(engine: Engine, arrival: Arrival) -> None:
    """Take a slot and blocks for a request of a disaggregated pair.

    Raises:
        RefusedForNowError: none are free.
    """
    accepted = engine.preallocate(
        arrival.request_id, arrival.num_prompt_tokens, arrival.max_new_tokens, arrival.items
    )
    if not accepted:
        raise RefusedForNowError(arrival.request_id)


NODES: dict[Role, type[Node]] = {Role.MIXED: MixedNode, Role.PREFILL: PrefillNode, Role.DECODE: DecodeNode}
