"""What an engine and its requests are drawn from."""

from __future__ import annotations

from dataclasses import dataclass, field

MIXED, PREFILL, DECODE = "mixed", "prefill", "decode"
PATCH_MAP, IMAGES = "patch_map", "images"


@dataclass(frozen=True, slots=True, kw_only=True)
class Speculation:
    """FastDeploy's ``speculative_config`` object."""

    method: str | None
    num_speculative_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserve:
    """The output reserve: FastDeploy's environment variables ``FD_RESERVE_*``."""

    initial: int = 16
    decay: float = 0.025
    minimum: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRatio:
    """The output reserve since PR 7444: FastDeploy's environment variables ``FD_*NEW_TOKEN*``."""

    initial_ratio: float = 0.7
    minimum_ratio: float = 0.1
    decay: float = 0.001
    most_tokens: int = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """One engine; the field names are those of the header line."""

    max_num_seqs: int
    max_num_batched_tokens: int
    max_model_len: int
    block_size: int
    num_kv_blocks: int
    role: str = MIXED
    speculation: Speculation | None = None
    chunked_prefill: bool = True
    deterministic: bool = False
    split_kv_size: int = 16
    enc_dec_block_num: int = 2
    prealloc_dec_block_slot_num_threshold: int = 12
    multimodal: str | None = None
    max_multimodal_item_tokens: int = 0
    reserve: Reserve | TokenRatio = field(default_factory=Reserve)

    @property
    def num_speculative_tokens(self) -> int:
        return 0 if self.speculation is None else self.speculation.num_speculative_tokens

    @property
    def speculates(self) -> bool:
        """Whether the worker runs drafts; the object alone does not make it."""
        return self.speculation is not None and self.speculation.method is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """How requests come, and how fast the worker and its host answer. Rates are chances per step."""

    num_steps: int
    arrival_rate: float
    max_waiting: int
    """No request arrives while this many wait."""
    max_prompt: int
    max_output: int
    max_short_prompt: int | None = None
    """The most of every second prompt; a quarter of the longest when None."""
    accept_rate: float = 0.6
    """The chance of each further draft to be accepted."""
    abort_rate: float = 0.0
    acknowledge_rate: float = 0.7
    finish_rate: float = 0.9
    """The chance that a finished request is taken out at once, and not one step later or more."""
    late_rate: float = 0.3
    """The chance that a preempted decode still gets the tokens of the step that was under way."""
    transfer_rate: float = 0.5
    """The chance that a cache in transfer arrives at its node."""
    transfer_failure_rate: float = 0.0
