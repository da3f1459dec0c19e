"""What nobody can mean: sizes below zero, truth values in place of numbers, and the like, named in one sentence.

The engine asks when it is made and when a request arrives. `schedule`, which is proved for every state, trusts what
it is given: ask `step_fault` first where you build the state of a step yourself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from schedproof.engines.fastdeploy.config import MultimodalInput, Platform, Role, ServingConfig
from schedproof.engines.fastdeploy.rules.token_ratio import RatioReserve
from schedproof.engines.fastdeploy.speculation import SpeculativeConfig, SpeculativeMethod
from schedproof.engines.fastdeploy.turns import Queues
from schedproof.request import MultimodalItem, Request
from schedproof.sizes import kind_fault, member_fault, truth_fault, whole_number_fault

LEAST_OF_CONFIG = {
    "max_num_seqs": 1,
    "max_num_batched_tokens": 1,
    "max_model_len": 1,
    "block_size": 1,
    "num_kv_blocks": 1,
    "split_kv_size": 1,
    "max_multimodal_item_tokens": 0,
    "enc_dec_block_num": 0,
    "prealloc_dec_block_slot_num_threshold": 0,
    "tensor_parallel_size": 1,
    "data_parallel_size": 1,
    "expert_parallel_size": 1,
    "num_experts": 0,
    "num_max_dispatch_tokens_per_rank": 0,
    "dispatch_queue_depth": 1,
}
MAY_BE_NONE = {"num_kv_blocks", "num_max_dispatch_tokens_per_rank"}
TRUTHS_OF_CONFIG = (
    "chunked_prefill",
    "enable_chunked_prefill",
    "deterministic",
    "has_router",
    "has_splitwise_scheduler",
)
CHOICES_OF_CONFIG = {"role": Role, "platform": Platform, "multimodal_input": MultimodalInput}

LEAST_OF_REQUEST = {
    "need_prefill_tokens": 1,
    "num_computed_tokens": 0,
    "num_total_tokens": 1,
    "num_blocks": 0,
    "num_shared_blocks": 0,
    "num_free_cached_blocks": 0,
    "num_resumed_tokens": 0,
    "max_output_tokens": 0,
}
LEAST_OF_QUEUES = {
    "num_free_blocks": 0,
    "num_held_slots": 0,
    "num_reserved_blocks_per_seq": 0,
    "num_reserved_blocks_after_preemption": 0,
}


def config_fault(config: ServingConfig) -> str:
    """What is wrong with a configuration: the field, its value and what is allowed; empty when nothing is."""
    return next(filter(None, config_faults(config)), "")


def config_faults(config: ServingConfig) -> Iterator[str]:
    """Yield what is wrong with each field of a configuration, empty where nothing is."""
    yield kind_fault("config", config, ServingConfig)
    for name, least in LEAST_OF_CONFIG.items():
        value = getattr(config, name)
        if value is not None or name not in MAY_BE_NONE:
            yield whole_number_fault(name, value, least)
    for name in TRUTHS_OF_CONFIG:
        yield truth_fault(name, getattr(config, name))
    for name, choices in CHOICES_OF_CONFIG.items():
        yield member_fault(name, getattr(config, name), choices)
    yield kind_fault("speculation", config.speculation, SpeculativeConfig, or_none=True)
    if config.speculation is not None:
        yield member_fault("speculation.method", config.speculation.method, SpeculativeMethod)
        drafts, steps = config.speculation.num_speculative_tokens, config.speculation.num_model_steps
        yield whole_number_fault("speculation.num_speculative_tokens", drafts, 0)
        yield whole_number_fault("speculation.num_model_steps", steps, 1)


def arrival_fault(num_prompt_tokens: object, max_new_tokens: object, items: Iterable[MultimodalItem]) -> str:
    """What is no number among the sizes of a request that arrives; empty when all are."""
    faults = [
        whole_number_fault("num_prompt_tokens", num_prompt_tokens, None),
        whole_number_fault("max_new_tokens", max_new_tokens, None),
        *item_faults("items", items),
    ]
    return next(filter(None, faults), "")


def item_faults(name: str, items: Iterable[MultimodalItem]) -> Iterator[str]:
    """Yield what is wrong with each item of a prompt, empty where nothing is."""
    for index, item in enumerate(items):
        fault = kind_fault(f"{name}[{index}]", item, MultimodalItem)
        yield fault or whole_number_fault(f"{name}[{index}].start", item.start, None)
        yield fault or whole_number_fault(f"{name}[{index}].end", item.end, None)


def step_fault(queues: Queues) -> str:
    """What is wrong with the state of a step: the field, its value and what is allowed; empty when nothing is."""
    return next(filter(None, step_faults(queues)), "")


def step_faults(queues: Queues) -> Iterator[str]:
    """Yield what is wrong with each field of the state of a step, empty where nothing is."""
    yield kind_fault("queues", queues, Queues)
    for name, least in LEAST_OF_QUEUES.items():
        yield whole_number_fault(name, getattr(queues, name), least)
    yield kind_fault("ratio_reserve", queues.ratio_reserve, RatioReserve, or_none=True)
    for name, requests in (("running", queues.running), ("waiting", queues.waiting)):
        yield kind_fault(name, requests, tuple)
        for index, request in enumerate(requests):
            yield from request_faults(f"{name}[{index}]", request)


def request_faults(name: str, request: Request) -> Iterator[str]:
    """Yield what is wrong with each field of a request, empty where nothing is."""
    fault = kind_fault(name, request, Request)
    if fault:
        yield fault
        return
    yield kind_fault(f"{name}.request_id", request.request_id, str)
    for field, least in LEAST_OF_REQUEST.items():
        yield whole_number_fault(f"{name}.{field}", getattr(request, field), least)
    yield truth_fault(f"{name}.holds_slot", request.holds_slot)
    yield truth_fault(f"{name}.is_aborted", request.is_aborted)
    yield kind_fault(f"{name}.items", request.items, tuple)
    yield from item_faults(f"{name}.items", request.items)
