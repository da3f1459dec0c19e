"""The capacity family: sizes that must be right before the first step."""

from __future__ import annotations

from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.engines.fastdeploy.rules.capacity import DispatchCapacity, fits_dispatch_library, message_slots
from schedproof.output.message_layout import (
    MAX_DRAFT_TOKENS,
    MAX_QUEUE_MESSAGE_BYTES,
    MESSAGE_BYTES,
)


def decodes_fit_limit(config: ServingConfig) -> bool:
    """A step in which every slot decodes is within the limit."""
    return config.max_decode_tokens <= config.max_num_batched_tokens


def dispatch_holds(num_tokens: int, capacity: DispatchCapacity) -> bool:
    """The buffer holds what a rank dispatches in a step."""
    return num_tokens <= capacity.tokens


def dispatch_holds_a_step(capacity: DispatchCapacity, config: ServingConfig) -> bool:
    """The buffer holds a step in which every slot decodes, and the library accepts its size."""
    return dispatch_holds(config.max_decode_tokens, capacity) and fits_dispatch_library(capacity.tokens, config)


def message_holds_a_step(config: ServingConfig) -> bool:
    """A batch fits the message's slots, a sequence's tokens fit a slot, and the message fits the queue."""
    return (
        config.max_num_seqs <= message_slots(config)
        and config.tokens_per_seq <= MAX_DRAFT_TOKENS
        and MESSAGE_BYTES <= MAX_QUEUE_MESSAGE_BYTES
    )
