"""Draws what an engine can meet: configurations that its policy accepts, and well-formed queues.

Sizes are tiny in one half of the draws, where limits meet often, and realistic in the other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import assume
from hypothesis import strategies as st

from schedproof import (
    MultimodalItem,
    Platform,
    Policy,
    Queues,
    Request,
    Role,
    ServingConfig,
    SpeculativeConfig,
    SpeculativeMethod,
)
from schedproof.engines.fastdeploy.config import MultimodalInput, ceil_div
from schedproof.engines.fastdeploy.rules.token_ratio import RatioReserve, TokenRatio
from schedproof_spec.states.domain import is_well_formed

MAX_REQUESTS = 8
"""Running requests of a drawn state at most, and waiting ones."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """The ranges of a configuration's numbers, both ends included."""

    seqs: tuple[int, int]
    model_len: tuple[int, int]
    block: tuple[int, ...]
    split: tuple[int, ...]
    growth: tuple[int, int]
    threshold: tuple[int, int]
    dispatch: tuple[int, ...]


TINY = Sizes((1, 8), (16, 40), (1, 2, 5, 8, 16), (1, 3, 4, 8), (0, 3), (0, 6), (0, 1, 4, 8, 128))
REALISTIC = Sizes(
    (1, 256), (2048, 131_072), (16, 32, 64, 128), (16, 64), (1, 4), (0, 64), (0, 128, 256, 1024, 2048)
)


def speculations() -> st.SearchStrategy[SpeculativeConfig | None]:
    """Draw no speculation, or any method; mostly few drafts, sometimes more than a message carries."""
    return st.none() | st.builds(
        SpeculativeConfig,
        method=st.sampled_from(SpeculativeMethod),
        num_speculative_tokens=st.integers(1, 5) | st.integers(0, 8),
        num_model_steps=st.integers(1, 3),
    )


@st.composite
def configs(draw: st.DrawFn, policy: Policy) -> ServingConfig:
    """Draw a configuration with which the engine of this policy starts."""
    sizes = draw(st.sampled_from((TINY, REALISTIC)))
    model_len = draw(st.integers(*sizes.model_len))
    config = ServingConfig(
        max_num_seqs=draw(st.integers(1, MAX_REQUESTS) | st.integers(*sizes.seqs)),
        max_model_len=model_len,
        block_size=draw(st.sampled_from(sizes.block)),
        role=draw(st.sampled_from(Role)),
        platform=draw(st.sampled_from(Platform)),
        speculation=draw(speculations()),
        chunked_prefill=draw(st.integers(0, 4)) > 0,
        deterministic=draw(st.booleans()),
        split_kv_size=draw(st.sampled_from(sizes.split)),
        max_multimodal_item_tokens=draw(st.just(0) | st.integers(1, 8) | st.integers(1, model_len // 2)),
        multimodal_input=draw(st.sampled_from(MultimodalInput)),
        enc_dec_block_num=draw(st.integers(*sizes.growth)),
        prealloc_dec_block_slot_num_threshold=draw(st.integers(*sizes.threshold)),
        expert_parallel_size=draw(st.sampled_from((1, 1, 2, 4))),
        num_experts=draw(st.sampled_from((0, 64, 256))),
        num_max_dispatch_tokens_per_rank=draw(st.none() | st.sampled_from(sizes.dispatch)),
        dispatch_queue_depth=draw(st.sampled_from((1024, 4096))),
    )
    with_limits = (replace(config, max_num_batched_tokens=limit) for limit in limits(config, draw(st.integers(1))))
    accepted = [candidate for candidate in with_limits if not policy.problems(candidate)]
    assume(accepted)
    return draw(st.sampled_from(accepted[:2]) | st.sampled_from(accepted))


def limits(config: ServingConfig, anywhere: int) -> list[int]:
    """Return the limits at which the rules change their mind, and one that may be anywhere."""
    full = config.max_num_seqs * config.tokens_per_seq
    item, block = config.max_multimodal_item_tokens, config.block_size
    corners = {full, full + 1, full + block, full + item, full + config.split_kv_size, full + 512}
    corners |= {config.max_num_seqs, block, item, config.max_model_len, 512}
    return sorted(corners - {0} | {1 + anywhere % (2 * max(corners))})


@st.composite
def items(draw: st.DrawFn, longest: int, prompt: int) -> tuple[MultimodalItem, ...]:
    """Draw up to three disjoint segments of a prompt, in order."""
    found: list[MultimodalItem] = []
    position = 0
    for _ in range(draw(st.integers(0, 3)) if longest > 0 else 0):
        if position == prompt:
            break
        start = draw(st.integers(position, prompt - 1))
        end = draw(st.integers(start + 1, min(start + longest, prompt)))
        found.append(MultimodalItem(start=start, end=end))
        position = end
    return tuple(found)


@st.composite
def prefilling(draw: st.DrawFn, name: str, config: ServingConfig, *, is_new: bool = False) -> Request:
    """Draw a request with prompt left; a new one has computed nothing."""
    total = draw(st.integers(1, config.max_model_len))
    need = draw(st.just(total) | st.integers(1, total))
    segments = draw(items(config.max_multimodal_item_tokens, need))
    computed = 0 if is_new else draw(st.just(0) | st.integers(0, need - 1))
    computed = next((item.start for item in segments if item.start < computed < item.end), computed)
    return Request(
        request_id=name,
        need_prefill_tokens=need,
        num_computed_tokens=computed,
        num_total_tokens=total,
        num_blocks=ceil_div(computed, config.block_size) + (0 if is_new else draw(st.integers(0, 2))),
        items=segments,
    )


@st.composite
def decoding(draw: st.DrawFn, name: str, config: ServingConfig) -> Request:
    """Draw a request that decodes, often at the edge of its last block."""
    total = draw(st.integers(2, config.max_model_len))
    return Request(
        request_id=name,
        need_prefill_tokens=draw(st.integers(1, total - 1)),
        num_computed_tokens=total - 1,
        num_total_tokens=total,
        num_blocks=ceil_div(total - 1, config.block_size) + draw(st.integers(0, 2)),
    )


@st.composite
def arriving(draw: st.DrawFn, name: str, config: ServingConfig) -> Request:
    """Draw what has just arrived on FastDeploy's decode node: its first token is still to be prefilled."""
    total = draw(st.integers(2, config.max_model_len))
    return Request(
        request_id=name,
        need_prefill_tokens=total,
        num_resumed_tokens=1,
        num_computed_tokens=total - 1,
        num_total_tokens=total,
        num_blocks=ceil_div(total - 1, config.block_size) + draw(st.integers(0, 2)),
    )


@st.composite
def queues(draw: st.DrawFn, config: ServingConfig, policy: Policy) -> Queues:
    """Draw what a scheduler of this configuration can find at the beginning of a step."""
    most = min(MAX_REQUESTS, config.max_num_seqs)
    num_running = draw(st.just(most) | st.integers(0, most))
    all_decode = (config.role is Role.DECODE and not policy.prefills_on_arrival) or draw(st.integers(0, 2)) == 0
    prompts = arriving if config.role is Role.DECODE else prefilling
    running = [
        draw((decoding if all_decode or draw(st.booleans()) else prompts)(f"running[{i}]", config))
        for i in range(num_running)
    ]
    if policy.uses_up_budget(config):
        running.sort(key=lambda request: not request.is_decoding)
    if policy.aborts_when_visited:
        running = [replace(request, is_aborted=draw(st.integers(0, 5)) == 0) for request in running]
    num_waiting = 0 if config.role is Role.DECODE else draw(st.integers(0, MAX_REQUESTS))
    waiting = [draw(prefilling(f"waiting[{i}]", config, is_new=draw(st.booleans()))) for i in range(num_waiting)]
    num_holding = 0
    if policy.keeps_slot_of_preempted:
        num_holding = draw(st.integers(0, min(num_waiting, config.max_num_seqs - num_running)))
        waiting[:num_holding] = [replace(request, holds_slot=True) for request in waiting[:num_holding]]
    plenty = 2 * MAX_REQUESTS * (config.max_blocks_per_seq + config.enc_dec_block_num)
    state = Queues(
        running=tuple(running),
        waiting=tuple(waiting),
        num_free_blocks=draw(st.just(plenty) | st.integers(0, 8) | st.integers(0, plenty)),
        num_held_slots=draw(st.just(num_holding) | st.integers(num_holding, config.max_num_seqs - num_running)),
        num_reserved_blocks_per_seq=draw(st.just(0) | st.integers(0, 4)),
    )
    assert all(is_well_formed(request, config) for request in running + waiting)
    return draw(with_reserve_of_7444(state, config)) if policy.reserves_by_token_ratio else state


@st.composite
def with_reserve_of_7444(draw: st.DrawFn, state: Queues, config: ServingConfig) -> Queues:
    """Draw the token ratio, or what the older reserve becomes with a preemption."""
    if draw(st.booleans()):
        return replace(state, num_reserved_blocks_after_preemption=draw(st.integers(0, 4)))
    most = st.integers(0, config.max_model_len)
    return replace(
        state,
        running=tuple(replace(request, max_output_tokens=draw(most)) for request in state.running),
        waiting=tuple(replace(request, max_output_tokens=draw(most)) for request in state.waiting),
        num_reserved_blocks_per_seq=0,
        ratio_reserve=RatioReserve(settings=TokenRatio(), ratio=draw(st.floats(0, 1))),
    )


@st.composite
def states(draw: st.DrawFn, policy: Policy) -> tuple[ServingConfig, Queues]:
    """Draw an accepted configuration and a state of it."""
    config = draw(configs(policy))
    return config, draw(queues(config, policy))
