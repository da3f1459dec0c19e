"""FastDeploy's scheduler, watched from outside: what a call of ``schedule`` does to each request, in order.

Nothing of the scheduler is changed, except that a request's features are not fetched in another thread: that would
make a run depend on time, and the requests here have nothing to fetch.
"""

from __future__ import annotations

import sys
from types import FrameType, SimpleNamespace
from typing import Any

from settings import PREFILL, EngineConfig, Reserve

Visit = list[Any]
"""``[id, what, tokens, new blocks]``."""


def watched_class(upstream: SimpleNamespace) -> type:
    """Return the scheduler's class with its steps observed."""
    base = upstream.scheduler.ResourceManagerV1
    schedule_code = base.schedule.__code__

    class WatchedScheduler(base):  # type: ignore[misc, valid-type]
        visits: list[Visit]
        """What the latest call of `schedule` did, in order."""
        budget: int | None
        """What was left of the token budget at its end."""

        def schedule(self) -> Any:
            self.visits = []
            self.budget = None
            self.decode: Visit | None = None
            self.num_to_count = len(self.running)
            requests = [*self.running, *self.waiting]
            self.blocks_before = {one.request_id: len(one.block_tables) for one in requests}
            sys.setprofile(self.note_budget)
            try:
                batch, errors = super().schedule()
            finally:
                sys.setprofile(None)
            self.end_decode()
            assert not errors, errors
            return batch

        def note_budget(self, frame: FrameType, event: str, _: object) -> None:
            if event == "return" and frame.f_code is schedule_code:
                self.budget = int(frame.f_locals["token_budget"])

        def apply_async_preprocess(self, request: Any) -> None:
            pass

        def _is_decoding(self, request: Any) -> bool:
            found = super()._is_decoding(request)
            if self.num_to_count > 0:
                self.num_to_count -= 1  # the count of decodes, before the first visit
                return found
            self.end_decode()
            if found and self.config.scheduler_config.splitwise_role != PREFILL:
                self.decode = [request.request_id, "decode", self.tokens_per_seq, 0]
            return found

        def end_decode(self) -> None:
            if self.decode is not None:
                self.visits.append(self.decode)
            self.decode = None

        @property
        def tokens_per_seq(self) -> int:
            return self.config.speculative_config.num_speculative_tokens + 1

        def note(self, request: Any, what: str, num_tokens: int) -> None:
            if self.decode is not None and self.decode[0] == request.request_id:
                self.decode = None
            num_new = len(request.block_tables) - self.blocks_before[request.request_id]
            self.visits.append([request.request_id, what, num_tokens, num_new])

        def _prepare_decode_task(self, request: Any) -> Any:
            self.note(request, "decode", self.tokens_per_seq)
            return super()._prepare_decode_task(request)

        def _prepare_preempt_task(self, request: Any) -> Any:
            self.note(request, "preempted", 0)
            return super()._prepare_preempt_task(request)

        def _prepare_abort_task(self, request: Any) -> Any:
            self.note(request, "abort", 0)
            return super()._prepare_abort_task(request)

        def _prepare_prefill_task(self, request: Any, new_token_num: int) -> Any:
            self.note(request, "prefill", int(new_token_num))
            return super()._prepare_prefill_task(request, new_token_num)

        def _get_num_new_tokens(self, request: Any, token_budget: int) -> int:
            self.end_decode()
            num_tokens = super()._get_num_new_tokens(request, token_budget)
            if num_tokens == 0:
                self.note(request, "prefill", 0)
            return int(num_tokens)

    return WatchedScheduler


def upstream_config(config: EngineConfig, upstream: SimpleNamespace) -> SimpleNamespace:
    """Return what the scheduler reads of FastDeploy's configuration.

    FastDeploy always has a ``speculative_config`` object and reads its ``method``. Without speculation in our
    configuration it has no method and no draft here, so that a sequence counts as one token.
    """
    method = config.speculation.method if config.speculates and config.speculation is not None else None
    return SimpleNamespace(
        cache_config=SimpleNamespace(
            block_size=config.block_size,
            bytes_per_token_per_layer=1,
            disable_chunked_mm_input=False,
            enable_output_caching=False,
            enable_prefix_caching=False,
            enc_dec_block_num=config.enc_dec_block_num,
            kvcache_storage_backend=None,
            max_block_num_per_seq=config.max_model_len // config.block_size,
            max_encoder_cache=0,
            max_processor_cache=0,
            num_cpu_blocks=0,
            prealloc_dec_block_slot_num_threshold=config.prealloc_dec_block_slot_num_threshold,
            prefill_kvcache_block_num=config.num_kv_blocks,
            total_block_num=config.num_kv_blocks,
            write_policy="write_through",
        ),
        enable_mm_runtime=config.multimodal is not None,
        model_config=SimpleNamespace(max_model_len=config.max_model_len),
        parallel_config=SimpleNamespace(local_engine_worker_queue_port=0, tensor_parallel_size=1),
        scheduler_config=SimpleNamespace(
            max_num_batched_tokens=config.max_num_batched_tokens,
            max_num_seqs=config.max_num_seqs,
            splitwise_role=config.role,
        ),
        speculative_config=SimpleNamespace(
            method=None if method is None else upstream.methods(method),
            num_speculative_tokens=config.num_speculative_tokens,
        ),
    )


def environment(config: EngineConfig) -> dict[str, str]:
    """Return the environment variables that FastDeploy reads its other settings from."""
    return {
        "FD_DISABLE_CHUNKED_PREFILL": str(int(not config.chunked_prefill)),
        "FD_DETERMINISTIC_MODE": str(int(config.deterministic)),
        "FD_DETERMINISTIC_SPLIT_KV_SIZE": str(config.split_kv_size),
        **reserve_environment(config),
    }


def reserve_environment(config: EngineConfig) -> dict[str, str]:
    reserve = config.reserve
    if isinstance(reserve, Reserve):
        name = "FD_RESERVE_{}OUTPUT_BLOCK_NUM_FOR_DECODE_WHEN_SCHEDULE_NEW_PREFILL"
        return {
            "FD_USE_NEW_TOKEN_RATIO_RESERVE": "0",
            name.format(""): str(reserve.initial),
            name.format("DECAY_"): str(reserve.decay),
            name.format("MIN_"): str(reserve.minimum),
        }
    return {
        "FD_USE_NEW_TOKEN_RATIO_RESERVE": "1",
        "FD_INIT_NEW_TOKEN_RATIO": str(reserve.initial_ratio),
        "FD_MIN_NEW_TOKEN_RATIO": str(reserve.minimum_ratio),
        "FD_NEW_TOKEN_RATIO_DECAY": str(reserve.decay),
        "FD_CLIP_MAX_NEW_TOKENS": str(reserve.most_tokens),
    }
