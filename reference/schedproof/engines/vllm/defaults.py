"""What absent flags become in vLLM.

Source: ``EngineArgs.get_batch_defaults`` and ``_set_default_max_num_seqs_and_batched_tokens_args``
(vllm/engine/arg_utils.py), ``SchedulerConfig`` (vllm/config/scheduler.py), ``ParallelConfig.use_batched_dp_moe``
(vllm/config/parallel.py), ``VllmConfig`` (vllm/config/vllm.py) and ``KVCacheManager``
(vllm/v1/core/kv_cache_manager.py). TPUs and CPUs have tables of their own there, which are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

GIB = 2**30
BATCHED_TOKENS_OF_BATCHED_EXPERTS = 256


class Usage(StrEnum):
    """Who starts the engine: Python code through the class ``LLM``, or ``vllm serve``."""

    LLM_CLASS = "llm_class"
    API_SERVER = "api_server"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the defaults depend on beside the flags of the scheduler."""

    device_memory_bytes: int
    """Memory of one GPU; 0 when it is not known, as on a machine without one."""
    device_name: str = ""
    is_gb10: bool = False
    """Whether the GPU is a GB10, of compute capability 12.1."""
    usage: Usage = Usage.API_SERVER
    is_throughput_mode: bool = False
    """Whether ``--performance-mode`` is ``throughput``."""
    all2all_backend: str = ""
    enable_expert_parallel: bool = False
    data_parallel_size: int = 1
    longest_prefix_lm_item: int = 0
    """Tokens of the longest item of a multimodal model that attends to whole items; 0 for all other models."""


def tier_of(surroundings: Surroundings) -> tuple[int, int]:
    """Return the tokens and sequences that the device and its use stand for."""
    is_server = surroundings.usage == Usage.API_SERVER
    if surroundings.device_memory_bytes >= 160 * GIB:
        return 16384, 1024
    is_a100 = "a100" in surroundings.device_name.lower()
    if surroundings.device_memory_bytes >= 70 * GIB and not is_a100 and not surroundings.is_gb10:
        return (8192 if is_server else 16384), 1024
    return (2048 if is_server else 8192), 256


def uses_batched_experts(surroundings: Surroundings) -> bool:
    """Return whether experts are shared over data-parallel ranks through buffers of a fixed size."""
    is_low_latency = surroundings.all2all_backend in ("deepep_low_latency", "nixl_ep")
    return is_low_latency and surroundings.enable_expert_parallel and surroundings.data_parallel_size > 1


def batch_limits(
    surroundings: Surroundings,
    *,
    max_num_batched_tokens: int | None,
    max_num_seqs: int | None,
    max_model_len: int,
    enable_chunked_prefill: bool = True,
) -> tuple[int, int]:
    """Return ``max_num_batched_tokens`` and ``max_num_seqs`` as the engine has them; None is an absent flag."""
    tokens, seqs = tier_of(surroundings)
    if uses_batched_experts(surroundings):
        tokens = BATCHED_TOKENS_OF_BATCHED_EXPERTS
    if surroundings.is_throughput_mode:
        tokens, seqs = 2 * tokens, 2 * seqs
    if max_num_seqs is not None:
        seqs = max_num_seqs
    if max_num_batched_tokens is not None:
        tokens = max_num_batched_tokens
    else:
        if not enable_chunked_prefill:
            tokens = max(tokens, max_model_len)
        tokens = min(max(tokens, surroundings.longest_prefix_lm_item), seqs * max_model_len)
    if max_num_seqs is None:
        seqs = min(seqs, tokens)
    return tokens, seqs


def watermark_blocks(watermark: float, num_gpu_blocks: int) -> int:
    """Return the KV blocks that ``--watermark``, a share of all of them, leaves free at an admission."""
    return int(watermark * num_gpu_blocks)
