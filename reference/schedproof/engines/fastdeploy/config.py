"""A deployment of one engine rank, in FastDeploy's names, and what follows from it."""

from dataclasses import dataclass
from enum import StrEnum

from schedproof.engines.fastdeploy.speculation import DRAFTS_IN_TARGET_BATCH, SpeculativeConfig, SpeculativeMethod


class Role(StrEnum):
    """``splitwise_role``: what a node does in prefill/decode disaggregation."""

    MIXED = "mixed"
    PREFILL = "prefill"
    DECODE = "decode"


class Platform(StrEnum):
    """The accelerator family: NVIDIA, Kunlun, MetaX or Iluvatar; some rules of FastDeploy differ."""

    GPU = "gpu"
    XPU = "xpu"
    MACA = "maca"
    ILUVATAR = "iluvatar"


class MultimodalInput(StrEnum):
    """How a multimodal model's input names its items; FastDeploy finds the end of a chunk differently in each."""

    PATCHES = "patches"
    """By a map from token to patch (``patch_idx``, ``patch_map``)."""
    IMAGES = "images"
    """By the boundaries of images (``images``, ``grid_thw``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingConfig:
    """What the user configures. Sizes are in tokens unless the name says otherwise."""

    max_num_seqs: int = 8
    """Slots: sequences that may run at once (N)."""
    max_num_batched_tokens: int = 8192
    """Tokens that a step may run (B)."""
    max_model_len: int = 8192
    """Prompt plus generated tokens of one request (L)."""
    block_size: int = 64
    """Tokens per KV block."""
    num_kv_blocks: int | None = None
    """KV blocks of the pool; None when the engine measures free memory at start-up."""
    role: Role = Role.MIXED
    platform: Platform = Platform.GPU
    speculation: SpeculativeConfig | None = None
    chunked_prefill: bool = True
    """Whether the scheduler cuts prompts into chunks; ``FD_DISABLE_CHUNKED_PREFILL`` stops it."""
    enable_chunked_prefill: bool = False
    """``--enable-chunked-prefill`` as the user gave it; start-up alone reads it (see `enables_chunked_prefill`)."""
    deterministic: bool = False
    """Whether a chunk that ends neither its prompt nor at an item ends on a multiple of ``split_kv_size``."""
    split_kv_size: int = 16
    max_multimodal_item_tokens: int = 0
    """The longest image or video segment, which prefill must not split; 0 for text only."""
    multimodal_input: MultimodalInput = MultimodalInput.PATCHES
    enc_dec_block_num: int = 2
    """KV blocks that a decoding sequence gets at a time."""
    prealloc_dec_block_slot_num_threshold: int = 12
    """A decoding sequence with at most this many free KV slots gets new blocks."""
    tensor_parallel_size: int = 1
    data_parallel_size: int = 1
    expert_parallel_size: int = 1
    """Ranks that share the experts; 1 when expert parallelism is off."""
    num_experts: int = 0
    """Routed experts of the model; 0 when it has none or the number is not known."""
    num_max_dispatch_tokens_per_rank: int | None = None
    """The dispatch buffer as the model's ``config.json`` says; None when it says nothing (see `capacity`)."""
    dispatch_queue_depth: int = 1024
    """NVSHMEM queue depth (``NVSHMEM_QP_DEPTH``) behind low-latency dispatch."""
    has_router: bool = True
    """Whether ``--router`` names a router, or the request scheduler needs none; for prefill and decode nodes."""
    has_splitwise_scheduler: bool = False
    """Whether ``--scheduler-name`` is ``splitwise``."""

    @property
    def num_speculative_tokens(self) -> int:
        """k after the engine's own post-processing, whatever the method; 0 without a speculative config.

        MTP raises k to ``num_model_steps``, and on a prefill node runs a single draft.
        """
        if self.speculation is None:
            return 0
        if self.speculation.method == SpeculativeMethod.MTP:
            if self.role == Role.PREFILL:
                return 1
            return max(self.speculation.num_speculative_tokens, self.speculation.num_model_steps)
        return self.speculation.num_speculative_tokens

    @property
    def tokens_per_seq(self) -> int:
        """Tokens that the worker runs for one decoding sequence in one step (t): drafts plus one."""
        if self.speculation is not None and DRAFTS_IN_TARGET_BATCH[self.speculation.method]:
            return self.num_speculative_tokens + 1
        return 1

    @property
    def speculates(self) -> bool:
        """Whether a speculative method is set, with or without drafts."""
        return self.speculation is not None and self.speculation.method != SpeculativeMethod.NONE

    @property
    def enables_chunked_prefill(self) -> bool:
        """What FastDeploy makes of ``enable_chunked_prefill``; its start-up checks read it, its scheduler does not.

        Without the flag it is on for mixed nodes on NVIDIA and MetaX alone, unless chunks are disabled.
        """
        if self.enable_chunked_prefill:
            return True
        if self.role != Role.MIXED or self.platform == Platform.XPU or self.platform == Platform.ILUVATAR:
            return False
        return self.chunked_prefill

    @property
    def runs_decode(self) -> bool:
        """Whether this node decodes; a prefill node hands its sequences over instead."""
        return self.role != Role.PREFILL

    @property
    def max_decode_tokens(self) -> int:
        """Tokens of a step in which every slot decodes; 0 on a prefill node."""
        if self.runs_decode:
            return self.max_num_seqs * self.tokens_per_seq
        return 0

    @property
    def uses_low_latency_dispatch(self) -> bool:
        """Whether decode steps send tokens to experts on other ranks through fixed-size buffers."""
        return self.expert_parallel_size > 1 and self.runs_decode

    @property
    def max_new_blocks(self) -> int:
        """FastDeploy's ``max_block_num_per_seq``: the most KV blocks that one chunk or admission is counted for."""
        return self.max_model_len // self.block_size

    @property
    def max_blocks_per_seq(self) -> int:
        """KV blocks that the longest sequence can need: its last step starts below ``max_model_len``."""
        last_slot = self.max_model_len + self.tokens_per_seq - 1
        return ceil_div(last_slot, self.block_size)


def ceil_div(numerator: int, denominator: int) -> int:
    """Return ``numerator / denominator`` rounded up; the denominator is positive."""
    return (numerator + denominator - 1) // denominator
