"""What a step loop finds: who runs and who waits, and whose turn is still to come.

A loop sees one request at a time, so that any number may be there. Who had a turn is kept for the loop: it cannot
come to the same request twice by counting wrongly, and it needs no positions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from schedproof.step_loop.limits import LoopLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedRequest:
    """One request at the beginning of a step. Counts are in tokens unless the name says otherwise."""

    need_prefill_tokens: int
    """Tokens to prefill before decoding: the prompt, or everything so far after a preemption."""
    num_computed_tokens: int = 0
    """Tokens whose keys and values are in the cache; none of a request that waits."""
    num_blocks: int = 0
    """KV blocks that it owns; none of a request that waits."""
    num_decode_tokens: int = 1
    """Tokens that it runs once it decodes: one, and the drafts that it has in this step."""
    priority: int = 0
    """Any number; what it means is for the loop to say."""

    @property
    def is_decoding(self) -> bool:
        """Whether everything that must be prefilled is computed."""
        return self.num_computed_tokens >= self.need_prefill_tokens

    @property
    def num_wanted_tokens(self) -> int:
        """Most tokens that it can run in this step: the rest of its prompt, or what a decode runs."""
        if self.num_computed_tokens >= self.need_prefill_tokens:
            return self.num_decode_tokens
        return self.need_prefill_tokens - self.num_computed_tokens

    def num_needed_blocks(self, num_tokens: int, limits: LoopLimits) -> int:
        """Return the KV blocks that it needs beside its own to run this many tokens."""
        num_blocks = -(-(self.num_computed_tokens + num_tokens) // limits.block_size)
        return max(num_blocks - self.num_blocks, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A running request that had its turn, and what it got."""

    request: QueuedRequest
    """As it was when the step opened."""
    num_tokens: int
    num_new_blocks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """How many requests a step has still ahead, and how many it has served."""

    num_decodes: int
    """Running requests that decode and had no turn."""
    num_prompts: int
    """Running requests in the middle of their prompt that had no turn."""
    num_waiting: int
    """Waiting requests that had no turn."""
    num_served: int
    """Requests that run and had their turn, those included that it admitted."""


class Queues(ABC):
    """The requests of a step. Each of these is None when there is no such request."""

    @property
    @abstractmethod
    def ahead(self) -> Ahead:
        """How many are left."""

    @property
    @abstractmethod
    def next_running(self) -> QueuedRequest | None:
        """The first running request that had no turn."""

    @property
    @abstractmethod
    def next_decode(self) -> QueuedRequest | None:
        """The first of them that decodes."""

    @property
    @abstractmethod
    def next_prompt(self) -> QueuedRequest | None:
        """The first of them that is in the middle of its prompt."""

    @property
    @abstractmethod
    def next_waiting(self) -> QueuedRequest | None:
        """The first waiting request that had no turn."""

    @property
    @abstractmethod
    def last_running(self) -> QueuedRequest | None:
        """The last running request that had no turn; the same as the first when it is the only one."""

    @property
    @abstractmethod
    def last_decode(self) -> QueuedRequest | None:
        """The last of them that decodes."""

    @property
    @abstractmethod
    def last_served(self) -> Served | None:
        """The last running request that had its turn, in their order; those that were admitted come last."""
