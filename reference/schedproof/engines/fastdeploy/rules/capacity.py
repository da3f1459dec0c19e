"""The sizes that are fixed at start-up: the largest step, and the expert-parallel dispatch buffer."""

from dataclasses import dataclass

from schedproof.engines.fastdeploy.config import Role, ServingConfig, ceil_div
from schedproof.output.message_layout import MAX_MESSAGE_SEQS, MAX_PLAIN_MESSAGE_SEQS

PRESET_DISPATCH_TOKENS = 128
"""What FastDeploy's model loader sets where ``config.json`` says nothing.

Source: ``PRETRAINED_INIT_CONFIGURATION``, which ``ModelConfig`` fills in before anything else looks.
"""

MAX_DISPATCH_TOKENS = 1024
"""DeepEP's own limit on tokens per rank."""

DISPATCH_ALIGNMENT = 4
"""DeepEP needs ``(ranks * capacity) % 4 == 0``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchCapacity:
    """Tokens that a rank may dispatch in a step, and how the number came about."""

    tokens: int
    configured: int | None
    """The model's own setting; None when absent."""
    reason: str

    @property
    def is_override(self) -> bool:
        """Whether a configured value was replaced."""
        return self.configured is not None and self.configured != self.tokens


def max_chunk_tokens(config: ServingConfig) -> int:
    """Return the most tokens that one step carries; KV plan, profile run and graph capture are sized by it."""
    if config.role == Role.DECODE:
        return config.max_decode_tokens
    return config.max_num_batched_tokens


def loaded_dispatch_tokens(config: ServingConfig) -> int:
    """Return the dispatch buffer that FastDeploy's rules find: as configured, or the loader's preset.

    To those rules a silent ``config.json`` is one that says 128; only a 0 is there to be left alone.
    """
    if config.num_max_dispatch_tokens_per_rank is None:
        return PRESET_DISPATCH_TOKENS
    return config.num_max_dispatch_tokens_per_rank


def dispatch_capacity(config: ServingConfig) -> DispatchCapacity:
    """Return the smallest aligned capacity that holds a step in which every slot decodes."""
    tokens = ceil_div(config.max_decode_tokens, DISPATCH_ALIGNMENT) * DISPATCH_ALIGNMENT
    return DispatchCapacity(
        tokens=tokens,
        configured=config.num_max_dispatch_tokens_per_rank,
        reason=f"max_num_seqs * tokens_per_seq, rounded up to a multiple of {DISPATCH_ALIGNMENT}",
    )


def message_slots(config: ServingConfig) -> int:
    """Return the sequences that a step's output message has slots for; it is another one with speculation."""
    return MAX_MESSAGE_SEQS if config.speculates else MAX_PLAIN_MESSAGE_SEQS


def fits_dispatch_library(capacity: int, config: ServingConfig) -> bool:
    """Return whether DeepEP accepts this capacity: its size, alignment, queue depth and expert split."""
    ranks = config.expert_parallel_size
    return (
        capacity <= MAX_DISPATCH_TOKENS
        and (ranks * capacity) % DISPATCH_ALIGNMENT == 0
        and config.dispatch_queue_depth >= 2 * (capacity + 1)
        and config.num_experts % ranks == 0
    )
