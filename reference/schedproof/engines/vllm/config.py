"""A deployment of one vLLM engine, in vLLM's names, and what its scheduler makes of it.

Source: ``SchedulerConfig`` (vllm/config/scheduler.py), ``VllmConfig`` (vllm/config/vllm.py) and
``Scheduler.__init__`` (vllm/v1/core/sched/scheduler.py) of release 0.33. What an absent flag becomes is said in
`schedproof.engines.vllm.defaults`, and what is refused in `schedproof.engines.vllm.startup`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from schedproof.engines.vllm.speculation import SpeculativeConfig


class SchedulingPolicy(StrEnum):
    """``--scheduling-policy``: in order of arrival, or by priority (lower first) and then arrival."""

    FCFS = "fcfs"
    PRIORITY = "priority"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingConfig:
    """What the scheduler is configured with. Sizes are in tokens unless the name says otherwise."""

    max_num_seqs: int = 128
    """Sequences that may run at once (N)."""
    max_num_batched_tokens: int = 2048
    """Rows of a step's input (B)."""
    max_num_scheduled_tokens: int | None = None
    """Tokens that a step may run (M); None for B."""
    max_num_active_seqs: int | None = None
    """Requests up to which a step admits (A); None for N."""
    max_model_len: int = 8192
    """Prompt plus generated tokens of one request (L)."""
    long_prefill_token_threshold: int = 0
    """The most that one request gets in a step beside others (T); 0 when there is no such bound."""
    long_prefill_token_threshold_adaptive: bool = False
    """Whether T is raised to an equal share of B among all requests."""
    policy: SchedulingPolicy = SchedulingPolicy.FCFS
    enable_chunked_prefill: bool = True
    scheduler_reserve_full_isl: bool = True
    """Whether an admission needs KV blocks for all tokens of the request, and not for its first chunk alone."""
    async_scheduling: bool = False
    """Whether a step is planned while the one before it still runs."""
    speculation: SpeculativeConfig | None = None
    block_size: int = 16
    """Tokens per KV block."""
    num_gpu_blocks: int = 1024
    """KV blocks of the cache; vLLM keeps one of them for itself."""
    watermark_blocks: int = 0
    """KV blocks that an admission leaves free beside running requests (`defaults.watermark_blocks`)."""
    enable_prefix_caching: bool = False
    """Whether requests that begin alike share blocks; a step is told what is shared, and `Engine` refuses it."""
    prefill_schedule_interval: int = 1
    """Steps from one prefill to the next; not modelled, and refused above 1."""
    pipeline_parallel_size: int = 1
    """Not modelled, and refused above 1."""
    max_multimodal_item_tokens: int = 0
    """The longest image or video segment; 0 for text only."""
    disable_chunked_mm_input: bool = False
    """Whether a chunk ends before an item that it does not hold whole."""

    @property
    def token_limit(self) -> int:
        """Tokens that the scheduler hands out in a step (M)."""
        if self.max_num_scheduled_tokens is None:
            return self.max_num_batched_tokens
        return self.max_num_scheduled_tokens

    @property
    def active_limit(self) -> int:
        """Requests up to which a step admits (A), lowered to those that the drafter's own pass has rows for."""
        limit = self.max_num_seqs if self.max_num_active_seqs is None else self.max_num_active_seqs
        if self.speculation is not None and self.speculation.drafts_in_own_pass:
            return min(limit, self.max_num_batched_tokens // self.lookahead_tokens)
        return limit

    @property
    def num_speculative_tokens(self) -> int:
        """Drafts per sequence and step (k); 0 without speculation."""
        return 0 if self.speculation is None else self.speculation.num_speculative_tokens

    @property
    def draft_slots(self) -> int:
        """Rows of the input that each scheduled request takes beside its tokens (d)."""
        return 0 if self.speculation is None else self.speculation.draft_slots

    @property
    def lookahead_tokens(self) -> int:
        """KV slots that the drafter writes behind the tokens of a step (h)."""
        return 0 if self.speculation is None else self.speculation.lookahead_tokens

    @property
    def prefill_lookahead_tokens(self) -> int:
        """Prompt tokens behind a chunk that the drafter reads."""
        return 0 if self.speculation is None else self.speculation.prefill_lookahead_tokens

    @property
    def tokens_per_seq(self) -> int:
        """Tokens of a decode with all its drafts (1 + k)."""
        return self.num_speculative_tokens + 1

    @property
    def encoder_budget(self) -> int:
        """Tokens of items that the encoder runs in a step, and size of its cache; 0 for text only."""
        if self.max_multimodal_item_tokens == 0:
            return 0
        return max(self.max_num_batched_tokens, self.max_multimodal_item_tokens)

    @property
    def num_usable_blocks(self) -> int:
        """KV blocks that requests can hold: all but the null block."""
        return self.num_gpu_blocks - 1


def ceil_div(numerator: int, denominator: int) -> int:
    """Return ``numerator / denominator`` rounded up; the denominator is positive."""
    return (numerator + denominator - 1) // denominator
