"""What a configuration allows a step of one's own loop."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopLimits:
    """The limits of a step. A loop with more settings has a subclass, whose fields are numbers, bools or enums."""

    max_num_batched_tokens: int
    """Tokens that a step may run; at least 1."""
    max_num_seqs: int
    """Slots: sequences that may run at once; at least 1."""
    tokens_per_seq: int = 1
    """Most tokens that a decode runs in a step: one, and its drafts."""
    block_size: int = 16
    """Tokens of a KV block."""
