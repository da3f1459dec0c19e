"""Every configuration that an engine starts with, and every state that it can find at the beginning of a step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from schedproof.engines.fastdeploy.config import MultimodalInput, Platform, Role, ServingConfig
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.engines.fastdeploy.rules.blocks import threshold_with_drafts
from schedproof.engines.fastdeploy.speculation import SpeculativeConfig, SpeculativeMethod
from schedproof.output.message_layout import MAX_DRAFT_TOKENS
from schedproof.request import MultimodalItem, Request
from schedproof_spec.prover.context import Context
from schedproof_spec.prover.symbolic import SymBool, SymInt
from schedproof_spec.states.drawn import AnyItems, AnyName
from schedproof_spec.states.logic import all_of, any_of
from schedproof_spec.states.merged import with_merged_properties
from schedproof_spec.states.not_drawn import NotDrawn

Configs = Callable[[Context, Policy], ServingConfig]
"""Draws one of the configurations that a theorem is about."""


def any_config(ctx: Context, policy: Policy) -> ServingConfig:
    """Draw a well-formed configuration that the policy's start-up checks accept.

    The configured dispatch capacity is left out: nothing but the rule for dispatch capacity reads it.
    """
    return accepted(ctx, policy, draw_config(ctx))


def any_config_with_dispatch(ctx: Context, policy: Policy) -> ServingConfig:
    """Draw as `any_config`, with the configured dispatch capacity absent, 0 or any number."""
    config = replace(draw_config(ctx), num_max_dispatch_tokens_per_rank=draw_configured_dispatch(ctx))
    return accepted(ctx, policy, config)


def draw_configured_dispatch(ctx: Context) -> int | None:
    """Draw no dispatch capacity, or any number that is not negative."""
    if ctx.one_of("num_max_dispatch_tokens", ("absent", "present")) == "absent":
        return None
    configured: int = ctx.integer("num_max_dispatch_tokens_per_rank", 0)
    return configured


def with_any_pool(config: ServingConfig) -> Configs:
    """Return the domain of one configuration whose pool is measured at start-up: any that holds every request."""

    def draw(ctx: Context, policy: Policy) -> ServingConfig:
        num_kv_blocks = ctx.integer("num_kv_blocks", 1)
        ctx.assume(ctx.merged(lambda: holds_every_request(num_kv_blocks, config, policy)))
        return accepted(ctx, policy, replace(config, num_kv_blocks=num_kv_blocks))

    return draw


def holds_every_request(num_kv_blocks: int, config: ServingConfig, policy: Policy) -> bool:
    """Return whether a pool holds the longest request after its last growth, so that nobody preempts itself.

    Where a prompt in its middle waits for its own output reserve, the last block of that reserve and a spare one
    are in the pool too.
    """
    threshold = config.prealloc_dec_block_slot_num_threshold
    if policy.grows_early_with_drafts:
        threshold = threshold_with_drafts(config)
    last_growth_at = config.max_model_len - 1 + threshold
    num_spare = 3 if policy.preempts_only_decodes else 1
    grown: bool = num_kv_blocks >= last_growth_at // config.block_size + config.enc_dec_block_num
    return grown and num_kv_blocks >= config.max_blocks_per_seq + num_spare


def the_config(config: ServingConfig) -> Configs:
    """Return the domain that holds a single configuration."""
    return lambda ctx, policy: accepted(ctx, policy, config)


def accepted(ctx: Context, policy: Policy, config: ServingConfig) -> ServingConfig:
    """Leave out configurations that the engine refuses at start-up."""
    for check in policy.startup_checks():
        ctx.assume(ctx.merged(lambda check=check: check.holds(config)))  # type: ignore[misc]
    return config


def familiar_config(ctx: Context, policy: Policy) -> ServingConfig:
    """Draw what people set first, with one to five drafts if any, and leave the rest at its default.

    A violation found here is a violation, easier to read and much easier to find; that there is none says
    nothing.
    """
    speculation = None
    if ctx.one_of("speculation", ("absent", "present")) == "present":
        speculation = SpeculativeConfig(
            method=ctx.member("method", SpeculativeMethod),
            num_speculative_tokens=ctx.integer("num_speculative_tokens", 1, MAX_DRAFT_TOKENS - 1),
        )
    config = ServingConfig(
        max_num_batched_tokens=ctx.integer("max_num_batched_tokens", 1),
        max_num_seqs=ctx.integer("max_num_seqs", 1),
        max_model_len=ctx.integer("max_model_len", 1),
        role=ctx.member("role", Role),
        speculation=speculation,
        max_multimodal_item_tokens=ctx.integer("max_multimodal_item_tokens", 0),
    )
    return accepted(ctx, policy, with_merged_properties(config))


def familiar_config_with_dispatch(ctx: Context, policy: Policy) -> ServingConfig:
    """Draw what people set first for expert parallelism, and leave the rest at its default."""
    config = replace(
        familiar_config(ctx, policy),
        num_max_dispatch_tokens_per_rank=draw_configured_dispatch(ctx),
        expert_parallel_size=ctx.integer("expert_parallel_size", 1),
    )
    return accepted(ctx, policy, config)


def draw_config(ctx: Context) -> ServingConfig:
    """Draw a configuration of well-formed values, acceptable or not."""
    config = ServingConfig(
        max_num_batched_tokens=ctx.integer("max_num_batched_tokens", 1),
        max_num_seqs=ctx.integer("max_num_seqs", 1),
        max_model_len=ctx.integer("max_model_len", 1),
        block_size=ctx.integer("block_size", 1),
        role=ctx.member("role", Role),
        platform=ctx.member("platform", Platform),
        speculation=draw_speculation(ctx),
        chunked_prefill=ctx.boolean("chunked_prefill"),
        deterministic=ctx.boolean("deterministic"),
        split_kv_size=ctx.integer("split_kv_size", 1),
        max_multimodal_item_tokens=ctx.integer("max_multimodal_item_tokens", 0),
        multimodal_input=ctx.member("multimodal_input", MultimodalInput),
        tensor_parallel_size=ctx.integer("tensor_parallel_size", 1),
        data_parallel_size=ctx.integer("data_parallel_size", 1),
        enc_dec_block_num=ctx.integer("enc_dec_block_num", 0),
        prealloc_dec_block_slot_num_threshold=ctx.integer("prealloc_dec_block_slot_num_threshold", 0),
        expert_parallel_size=ctx.integer("expert_parallel_size", 1),
        num_experts=ctx.integer("num_experts", 0),
        num_max_dispatch_tokens_per_rank=NotDrawn("num_max_dispatch_tokens_per_rank"),  # type: ignore[arg-type]
        dispatch_queue_depth=ctx.integer("dispatch_queue_depth", 1),
    )
    return with_merged_properties(config)


def draw_speculation(ctx: Context) -> SpeculativeConfig | None:
    """Draw no speculative config, or one with any method, none included."""
    if ctx.one_of("speculation", ("absent", "present")) == "absent":
        return None
    return SpeculativeConfig(
        method=ctx.member("method", SpeculativeMethod),
        num_speculative_tokens=ctx.integer("num_speculative_tokens", 0),
        num_model_steps=ctx.integer("num_model_steps", 1),
    )


LEFT_OPEN = ("num_shared_blocks", "holds_slot", "is_aborted", "max_output_tokens")
"""Fields of a request that only those theorems draw which say something of them."""


def any_request(ctx: Context, name: str, config: ServingConfig, num_items: int = 0) -> Request:
    """Draw a well-formed request: prefilling or decoding, on any node, with room for what it has computed."""
    need = ctx.integer(f"{name}.need_prefill_tokens", 1)
    computed = ctx.integer(f"{name}.num_computed_tokens", 0)
    total = ctx.integer(f"{name}.num_total_tokens", 1)
    num_blocks = ctx.integer(f"{name}.num_blocks", 0)
    items: Any = tuple(any_item(ctx, f"{name}.items[{i}]", config) for i in range(num_items))
    if num_items > 0:
        has_items = ctx.boolean(f"{name}.has_items")
        items = AnyItems(has_items, items) if isinstance(has_items, SymBool) else items if has_items else ()
    is_open = isinstance(need, SymInt)
    request = Request(
        request_id=AnyName(name) if is_open else name,  # type: ignore[arg-type]
        need_prefill_tokens=need,
        num_computed_tokens=computed,
        num_total_tokens=total,
        num_blocks=num_blocks,
        items=items,
        num_resumed_tokens=ctx.integer(f"{name}.num_resumed_tokens", 0),
        **({field: NotDrawn(field) for field in LEFT_OPEN} if is_open else {}),  # type: ignore[arg-type]
    )
    ctx.assume(ctx.merged(lambda: is_well_formed(request, config)))
    return request


def any_item(ctx: Context, name: str, config: ServingConfig) -> MultimodalItem:
    """Draw an unsplittable segment of at most the configured length; an empty one stands for none."""
    start = ctx.integer(f"{name}.start", 0)
    end = ctx.integer(f"{name}.end", 0)
    ctx.assume(start <= end)
    ctx.assume(end - start <= config.max_multimodal_item_tokens)
    return MultimodalItem(start=start, end=end)


def is_well_formed(request: Request, config: ServingConfig) -> bool:
    """Return whether an engine can have such a request: the assumption of every theorem about requests."""
    computed, need, total = request.num_computed_tokens, request.need_prefill_tokens, request.num_total_tokens
    conditions: list[Any] = []
    position: Any = 0
    for item in request.items:
        conditions.append(item.start >= position)
        conditions.append(any_of(item.start >= computed, computed >= item.end))
        position = item.end
    well_formed: bool = all_of(
        *conditions,
        request.num_prompt_tokens >= 1,
        position <= request.num_prompt_tokens,
        request.num_blocks * config.block_size >= computed,
        total <= config.max_model_len,
        any_of(computed < need, computed == total - 1),
        any_of(computed >= need, need <= total),
    )
    return well_formed
