"""vLLM's own scheduler, built from an unpacked wheel on a machine without an accelerator, and watched from outside.

The scheduler, its KV cache manager, its queues and its requests are vLLM's. The model is a tiny OPT configuration
that nobody loads. The speculative configuration is an n-gram one whose method is set afterwards, so that no
checkpoint of a drafter is needed: the scheduler reads the method, the number of drafts and two facts of the
drafter's configuration alone. The encoder's budget and its cache get their size likewise.
"""

from __future__ import annotations

import functools
import json
import logging
import os
import sys
import tempfile
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any

from settings import EngineConfig

OPT = {
    "architectures": ["OPTForCausalLM"],
    "model_type": "opt",
    "hidden_size": 64,
    "ffn_dim": 64,
    "word_embed_proj_dim": 64,
    "num_attention_heads": 2,
    "num_hidden_layers": 1,
    "max_position_embeddings": 4096,
    "vocab_size": 128,
    "torch_dtype": "float32",
}


def load(source: Path) -> SimpleNamespace:
    """Import vLLM from the folder of an unpacked wheel; returns what the recorder needs of it.

    Raises FileNotFoundError when the folder has no vLLM.
    """
    if not (source / "vllm" / "v1" / "core" / "sched" / "scheduler.py").exists():
        raise FileNotFoundError(f"{source} has no vllm/v1/core/sched/scheduler.py")
    sys.path.insert(0, str(source))
    os.environ["PYTHONPATH"] = str(source)  # vLLM looks at a model's class in another process
    import vllm.platforms
    from vllm.platforms.cpu import CpuPlatform

    vllm.platforms._current_platform = CpuPlatform()
    logging.getLogger("vllm").setLevel(logging.ERROR)
    import torch
    from vllm import SamplingParams
    from vllm import config as configs
    from vllm.multimodal import inputs
    from vllm.utils.hashing import sha256
    from vllm.v1 import kv_cache_interface
    from vllm.v1.core import encoder_cache_manager, kv_cache_utils
    from vllm.v1.core.sched.async_scheduler import AsyncScheduler
    from vllm.v1.core.sched.scheduler import Scheduler
    from vllm.v1.outputs import DraftTokenIds, ModelRunnerOutput
    from vllm.v1.request import Request, RequestStatus
    from vllm.v1.structured_output import StructuredOutputManager

    kv_cache_utils.init_none_hash(sha256)
    folder = Path(tempfile.mkdtemp(prefix="opt-"))
    (folder / "config.json").write_text(json.dumps(OPT), encoding="utf-8")
    return SimpleNamespace(
        torch=torch,
        configs=configs,
        kv=kv_cache_interface,
        inputs=inputs,
        encoder=encoder_cache_manager,
        hasher=functools.partial(kv_cache_utils.get_request_block_hasher, caching_hash_fn=sha256),
        classes={False: watched_class(Scheduler), True: watched_class(AsyncScheduler)},
        schedule_code=Scheduler.schedule.__code__,
        model=str(folder),
        sampling=SamplingParams,
        request=Request,
        status=RequestStatus,
        output=ModelRunnerOutput,
        drafts=DraftTokenIds,
        grammar=StructuredOutputManager,
    )


def watched_class(base: type) -> type:
    """Return a scheduler's class with its preemptions, its prefix hits and its last budgets observed."""

    class WatchedScheduler(base):  # type: ignore[misc, valid-type]
        preempted: list[str]
        """Who was preempted in the latest step, in order."""
        hits: dict[str, list[int]]
        """The cached tokens of each request that was asked, and how many of their blocks nobody held."""
        shared: dict[str, int]
        """The blocks of each victim that stayed in use."""
        budgets: list[int]
        """What was left of the token budget and of the input budget at its end."""

        def watched_schedule(self, code: Any) -> Any:
            self.preempted, self.budgets, self.hits, self.shared = [], [], {}, {}

            def note(frame: FrameType, event: str, _: object) -> None:
                if event == "return" and frame.f_code is code:
                    local = frame.f_locals
                    self.budgets = [local["token_budget"], local["input_budget"]]

            sys.setprofile(note)
            try:
                return self.schedule()
            finally:
                sys.setprofile(None)

        def _preempt_request(self, request: Any, *args: Any, **kwargs: Any) -> None:
            self.preempted.append(request.request_id)
            held = self.kv_cache_manager.get_blocks(request.request_id).blocks[0]
            self.shared[request.request_id] = sum(block.ref_cnt > 1 for block in held)
            super()._preempt_request(request, *args, **kwargs)

        def _get_local_prefix_cache_hit(self, request: Any, *args: Any, **kwargs: Any) -> Any:
            found = super()._get_local_prefix_cache_hit(request, *args, **kwargs)
            num_free = sum(block.ref_cnt == 0 for block in found[0].blocks[0]) if found[0].blocks else 0
            self.hits[request.request_id] = [found[1], num_free]
            return found

    return WatchedScheduler


def vllm_config(loaded: SimpleNamespace, config: EngineConfig) -> Any:
    """Return vLLM's whole configuration of an engine.

    Raises ValueError, or pydantic's ValidationError, where vLLM refuses it.
    """
    configs = loaded.configs
    scheduler = configs.SchedulerConfig(
        max_num_seqs=config.max_num_seqs,
        max_num_batched_tokens=config.max_num_batched_tokens,
        max_num_scheduled_tokens=config.max_num_scheduled_tokens,
        max_num_active_seqs=config.max_num_active_seqs,
        max_model_len=config.max_model_len,
        long_prefill_token_threshold=config.long_prefill_token_threshold,
        long_prefill_token_threshold_adaptive=config.long_prefill_token_threshold_adaptive,
        enable_chunked_prefill=config.enable_chunked_prefill,
        scheduler_reserve_full_isl=config.scheduler_reserve_full_isl,
        watermark=config.watermark,
        policy=config.policy,
        disable_chunked_mm_input=config.disable_chunked_mm_input,
        async_scheduling=config.async_scheduling,
        is_encoder_decoder=False,
    )
    model = configs.ModelConfig(
        model=loaded.model, tokenizer=loaded.model, dtype="float32", seed=0, skip_tokenizer_init=True,
        max_model_len=config.max_model_len,
    )  # fmt: skip
    cache = configs.CacheConfig(block_size=config.block_size, enable_prefix_caching=config.enable_prefix_caching)
    whole = configs.VllmConfig(
        model_config=model,
        scheduler_config=scheduler,
        cache_config=cache,
        device_config=configs.DeviceConfig(device="cpu"),
    )
    whole.scheduler_config.async_scheduling = config.async_scheduling
    whole.scheduler_config.max_num_batched_tokens = config.max_num_batched_tokens
    whole.cache_config.enable_prefix_caching = config.enable_prefix_caching
    whole.cache_config.block_size = config.block_size
    whole.cache_config.num_gpu_blocks = config.num_gpu_blocks
    if config.speculation is not None:
        whole.speculative_config = speculative_config(loaded, config, model)
        whole._set_max_num_scheduled_tokens()
    return whole


def speculative_config(loaded: SimpleNamespace, config: EngineConfig, model: Any) -> Any:
    """Return an n-gram configuration with the method put in its place."""
    wanted = config.speculation
    assert wanted is not None
    found = loaded.configs.SpeculativeConfig(
        method="ngram",
        num_speculative_tokens=wanted.num_speculative_tokens,
        prompt_lookup_max=3,
        prompt_lookup_min=1,
        target_model_config=model,
        target_parallel_config=loaded.configs.ParallelConfig(),
    )
    found.method = wanted.method
    found.parallel_drafting = wanted.parallel_drafting
    found.draft_model_config = SimpleNamespace(
        hf_config=SimpleNamespace(
            num_nextn_predict_layers=wanted.num_mtp_modules, sample_from_anchor=wanted.samples_from_anchor
        )
    )
    return found


def scheduler_of(loaded: SimpleNamespace, config: EngineConfig) -> Any:
    """Return vLLM's scheduler for an engine."""
    whole = vllm_config(loaded, config)
    spec = loaded.kv.FullAttentionSpec(
        block_size=config.block_size, num_kv_heads=1, head_size=8, dtype=loaded.torch.float32
    )
    cache = loaded.kv.KVCacheConfig(
        num_blocks=config.num_gpu_blocks,
        kv_cache_tensors=[],
        kv_cache_groups=[loaded.kv.KVCacheGroupSpec(["layer"], spec)],
    )
    scheduler = loaded.classes[config.async_scheduling](
        vllm_config=whole,
        kv_cache_config=cache,
        structured_output_manager=loaded.grammar(whole),
        block_size=config.block_size,
        log_stats=False,
    )
    budget, cache_size = encoder_limits(loaded, config, whole.scheduler_config)
    scheduler.max_num_encoder_input_tokens = budget
    scheduler.encoder_cache_manager = loaded.encoder.EncoderCacheManager(cache_size=cache_size)
    return scheduler


def encoder_limits(loaded: SimpleNamespace, config: EngineConfig, scheduler_config: Any) -> tuple[int, int]:
    """Return vLLM's encoder budget and the size of its encoder cache; 0 for text.

    Raises ValueError where vLLM refuses the longest item.
    """
    if config.max_multimodal_item_tokens == 0:
        return 0, 0
    items = {"image": config.max_multimodal_item_tokens}
    budget, cache_size = loaded.encoder.compute_mm_encoder_budget(scheduler_config, items)
    return budget, cache_size
