"""What an engine and its requests are drawn from."""

from __future__ import annotations

from dataclasses import dataclass

FCFS, PRIORITY = "fcfs", "priority"


@dataclass(frozen=True, slots=True, kw_only=True)
class Speculation:
    """vLLM's ``--speculative-config``."""

    method: str
    num_speculative_tokens: int
    parallel_drafting: bool = False
    num_mtp_modules: int = 1
    samples_from_anchor: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """One engine; the field names are those of the header line, and vLLM's but for the last ones."""

    max_num_seqs: int
    max_num_batched_tokens: int
    max_model_len: int
    num_gpu_blocks: int
    block_size: int
    max_num_scheduled_tokens: int | None = None
    max_num_active_seqs: int | None = None
    long_prefill_token_threshold: int = 0
    long_prefill_token_threshold_adaptive: bool = False
    policy: str = FCFS
    enable_chunked_prefill: bool = True
    scheduler_reserve_full_isl: bool = True
    async_scheduling: bool = False
    watermark: float = 0.0
    max_multimodal_item_tokens: int = 0
    disable_chunked_mm_input: bool = False
    enable_prefix_caching: bool = False
    speculation: Speculation | None = None

    @property
    def num_speculative_tokens(self) -> int:
        return 0 if self.speculation is None else self.speculation.num_speculative_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """How requests come, and what the worker finds. Rates are chances per step."""

    num_steps: int
    arrival_rate: float
    most_arrivals: int
    """Requests that come together at most."""
    max_waiting: int
    """No request arrives while this many wait."""
    max_prompt: int
    max_output: int
    max_short_prompt: int
    """The most of every second prompt."""
    accept_rate: float = 0.6
    """The chance of each further draft to be accepted."""
    draft_rate: float = 1.0
    """The chance that the drafter finds something; n-gram drafts may be fewer than k then, too."""
    abort_rate: float = 0.0
    most_under_way: int = 1
    """Steps under way when the next is planned, with async scheduling; 2 is a longer pipeline."""
    early_rate: float = 0.1
    """The chance that a step's result is in before the next step is planned, with async scheduling."""
