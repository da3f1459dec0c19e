"""The feature sets: what engines and workloads each recorded file draws.

Sizes are small, so that limits meet often: pools that hold little more than one longest request, budgets of a few
chunks, and requests that arrive faster than they are served.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from settings import PRIORITY, EngineConfig, Speculation, Workload

Drawn = tuple[EngineConfig, Workload]

HIDDEN_STATES = ("eagle", "eagle3", "mtp")


def draw_speculation(rng: random.Random, methods: tuple[str, ...]) -> Speculation:
    method = rng.choice(methods)
    num_drafts = rng.choice([1, 2, 3, 5, 7])
    return Speculation(method=method, num_speculative_tokens=num_drafts)


def maybe_speculation(rng: random.Random, chance: float) -> Speculation | None:
    methods = ("ngram", "eagle", "mtp", "draft_model")
    return draw_speculation(rng, methods) if rng.random() < chance else None


def draw_config(
    rng: random.Random,
    *,
    speculation: Speculation | None = None,
    max_seqs: int = 16,
    most_pools: float = 1.0,
    max_batched: int = 256,
) -> EngineConfig:
    """Draw a configuration that vLLM starts with.

    The pool holds one longest request, and up to ``most_pools`` of one for each sequence beyond the first. The
    limit of batched tokens is mostly near one decode with its drafts for each sequence, on either side of it.
    """
    block_size = rng.choice([8, 16, 32])
    num_seqs = rng.choice([rng.randint(1, 4), rng.randint(1, min(8, max_seqs)), rng.randint(1, max_seqs)])
    model_len = rng.randint(24, 320)
    num_drafts = 0 if speculation is None else speculation.num_speculative_tokens
    least = max(num_seqs, num_drafts + 2)
    decodes = num_seqs * (num_drafts + 1)
    most = min(rng.choice([decodes, decodes + 48, max_batched]), model_len * num_seqs)
    blocks_per_seq = -(-model_len // block_size)
    extra = int(blocks_per_seq * most_pools * (num_seqs - 1))
    return EngineConfig(
        max_num_seqs=num_seqs,
        max_num_batched_tokens=rng.randint(least, max(least, most)),
        max_model_len=model_len,
        block_size=block_size,
        num_gpu_blocks=blocks_per_seq + 1 + rng.randint(0, extra),
        speculation=speculation,
    )


def draw_load(rng: random.Random, config: EngineConfig) -> Workload:
    return Workload(
        num_steps=rng.randint(60, 200),
        arrival_rate=rng.choice([0.1, 0.3, 0.6]),
        most_arrivals=rng.choice([1, 2, config.max_num_seqs]),
        max_waiting=rng.randint(1, 5),
        max_prompt=rng.choice([config.max_model_len // 2, config.max_model_len]),
        max_short_prompt=rng.choice([1, 4, 16]),
        max_output=rng.choice([8, 32, config.max_model_len]),
        accept_rate=rng.choice([0.0, 0.3, 0.6, 0.9]),
        draft_rate=rng.choice([0.5, 1.0]),
        early_rate=rng.choice([0.0, 0.1, 0.5]),
    )


def text(rng: random.Random) -> Drawn:
    config = draw_config(rng)
    return config, draw_load(rng, config)


def ngram(rng: random.Random) -> Drawn:
    config = draw_config(rng, speculation=draw_speculation(rng, ("ngram", "ngram", "suffix", "ngram_gpu")))
    return config, draw_load(rng, config)


def hidden_states(rng: random.Random) -> Drawn:
    config = draw_config(rng, speculation=draw_speculation(rng, HIDDEN_STATES))
    return config, replace(draw_load(rng, config), draft_rate=1.0)


def mtp_modules(rng: random.Random) -> Drawn:
    """Draw drafters that read several prompt tokens ahead, and steps with little room for a chunk."""
    num_drafts = rng.choice([2, 3, 5, 7])
    speculation = Speculation(
        method="mtp", num_speculative_tokens=num_drafts, num_mtp_modules=rng.randint(2, num_drafts + 1)
    )
    config = draw_config(rng, speculation=speculation, max_batched=64)
    if rng.random() < 0.5:
        config = replace(config, long_prefill_token_threshold=rng.randint(num_drafts + 1, 20))
    return config, replace(draw_load(rng, config), draft_rate=1.0)


def draft_model(rng: random.Random) -> Drawn:
    speculation = replace(draw_speculation(rng, ("draft_model",)), parallel_drafting=rng.random() < 0.4)
    config = draw_config(rng, speculation=speculation)
    return config, replace(draw_load(rng, config), draft_rate=1.0)


def own_pass(rng: random.Random) -> Drawn:
    """Draw drafters with a pass of their own, and EAGLE with parallel drafting."""
    speculation = draw_speculation(rng, ("dflash", "dspark", "eagle3"))
    if speculation.method == "eagle3":
        speculation = replace(speculation, parallel_drafting=True)
    if speculation.method == "dspark":
        speculation = replace(speculation, samples_from_anchor=rng.random() < 0.5)
    config = draw_config(rng, speculation=speculation)
    return config, replace(draw_load(rng, config), draft_rate=1.0)


def limits(rng: random.Random) -> Drawn:
    """Draw fewer scheduled tokens than rows, fewer active requests than sequences, and bounds on long prefills."""
    config = draw_config(rng, speculation=maybe_speculation(rng, 0.5))
    least = config.num_speculative_tokens + 1
    if rng.random() < 0.6:
        config = replace(config, max_num_scheduled_tokens=rng.randint(1, config.max_num_batched_tokens + 8))
    if rng.random() < 0.5:
        config = replace(config, max_num_active_seqs=rng.randint(1, config.max_num_seqs))
    if rng.random() < 0.7:
        config = replace(
            config,
            long_prefill_token_threshold=rng.randint(least, min(least + 40, config.max_model_len)),
            long_prefill_token_threshold_adaptive=rng.random() < 0.4,
        )
    return config, draw_load(rng, config)


def tight_pools(rng: random.Random) -> Drawn:
    config = draw_config(rng, speculation=maybe_speculation(rng, 0.5), max_seqs=8, most_pools=0.3)
    config = replace(
        config,
        max_num_seqs=max(config.max_num_seqs, 3),
        max_num_batched_tokens=max(config.max_num_batched_tokens, 3 * (config.num_speculative_tokens + 2)),
        scheduler_reserve_full_isl=rng.random() < 0.6,
        watermark=rng.choice([0.0, 0.0, 0.05, 0.2]),
    )
    return config, growing_load(rng, config)


def growing_load(rng: random.Random, config: EngineConfig) -> Workload:
    """Draw requests that come fast and short and grow long, so that blocks run out while they decode."""
    return replace(
        draw_load(rng, config),
        arrival_rate=rng.choice([0.4, 0.8]),
        most_arrivals=rng.choice([1, 3]),
        max_prompt=rng.choice([config.max_model_len // 4, config.max_model_len // 2]),
        max_output=config.max_model_len,
    )


def priority(rng: random.Random) -> Drawn:
    config = draw_config(rng, speculation=maybe_speculation(rng, 0.4))
    config = replace(config, policy=PRIORITY)
    return config, draw_load(rng, config)


def priority_tight_pools(rng: random.Random) -> Drawn:
    config, load = tight_pools(rng)
    return replace(config, policy=PRIORITY), load


def whole_prompts(rng: random.Random) -> Drawn:
    config = draw_config(rng, speculation=maybe_speculation(rng, 0.5))
    config = replace(
        config,
        enable_chunked_prefill=False,
        max_num_batched_tokens=max(config.max_num_batched_tokens, config.max_model_len),
    )
    if rng.random() < 0.3:
        config = replace(config, max_num_scheduled_tokens=rng.randint(8, config.max_num_batched_tokens))
    return config, draw_load(rng, config)


def asynchronous(rng: random.Random) -> Drawn:
    methods = ("eagle", "mtp", "draft_model")
    speculation = draw_speculation(rng, methods) if rng.random() < 0.6 else None
    config = replace(draw_config(rng, speculation=speculation), async_scheduling=True)
    return config, draw_load(rng, config)


def asynchronous_tight_pools(rng: random.Random) -> Drawn:
    methods = ("eagle", "mtp", "draft_model")
    speculation = draw_speculation(rng, methods) if rng.random() < 0.6 else None
    config = draw_config(rng, speculation=speculation, max_seqs=8, most_pools=0.3)
    config = replace(
        config,
        async_scheduling=True,
        policy=rng.choice(["fcfs", PRIORITY]),
        scheduler_reserve_full_isl=rng.random() < 0.6,
    )
    return config, replace(growing_load(rng, config), most_under_way=rng.choice([1, 2, 2]))


def with_items(rng: random.Random, config: EngineConfig, load: Workload) -> Drawn:
    """Return an engine for images and video segments, up to a third of the context each; chunks may cut them."""
    item = rng.randint(1, max(1, config.max_model_len // 3))
    keeps_whole = rng.random() < 0.5
    if keeps_whole:
        item = min(item, config.max_num_batched_tokens)
    config = replace(config, max_multimodal_item_tokens=item, disable_chunked_mm_input=keeps_whole)
    return config, replace(load, max_short_prompt=config.max_model_len // 2)


def items(rng: random.Random) -> Drawn:
    drawn = rng.choice([text, hidden_states, mtp_modules, limits, asynchronous])(rng)
    return with_items(rng, *drawn)


def items_in_tight_pools(rng: random.Random) -> Drawn:
    drawn = rng.choice([tight_pools, priority_tight_pools, priority_tight_pools, asynchronous_tight_pools])(rng)
    return with_items(rng, *drawn)


def items_by_priority(rng: random.Random) -> Drawn:
    """Draw prompts full of small items, many of which are under way at once, with too few blocks for all."""
    model_len, item = rng.randint(60, 160), rng.randint(2, 6)
    config = EngineConfig(
        max_num_seqs=rng.randint(3, 8),
        max_num_batched_tokens=rng.randint(24, 60),
        max_model_len=model_len,
        block_size=8,
        num_gpu_blocks=-(-model_len // 8) + 1 + rng.randint(0, 6),
        long_prefill_token_threshold=rng.randint(4, 12),
        policy=PRIORITY,
        scheduler_reserve_full_isl=False,
        max_multimodal_item_tokens=item,
        disable_chunked_mm_input=rng.random() < 0.3,
    )
    load = replace(growing_load(rng, config), max_prompt=model_len * 3 // 4, max_short_prompt=model_len // 2)
    return config, replace(load, max_output=rng.choice([8, model_len]))


def prefix_caching(rng: random.Random) -> Drawn:
    draws = [text, ngram, hidden_states, mtp_modules, tight_pools, priority_tight_pools, asynchronous]
    config, load = rng.choice([*draws, tight_pools, priority_tight_pools])(rng)
    load = replace(
        load,
        arrival_rate=rng.choice([0.4, 0.8]),
        max_waiting=5,
        max_short_prompt=config.max_model_len // 2,
        max_output=rng.choice([4, 16, config.max_model_len]),
    )
    return replace(config, enable_prefix_caching=True), load


def aborts(rng: random.Random) -> Drawn:
    draw = rng.choice([text, hidden_states, tight_pools, asynchronous, asynchronous_tight_pools])
    config, load = draw(rng)
    return config, replace(load, abort_rate=rng.choice([0.05, 0.2]))


FEATURES: dict[str, Callable[[random.Random], Drawn]] = {
    "text": text,
    "ngram": ngram,
    "hidden_states": hidden_states,
    "mtp_modules": mtp_modules,
    "draft_model": draft_model,
    "own_pass": own_pass,
    "limits": limits,
    "tight_pools": tight_pools,
    "priority": priority,
    "priority_tight_pools": priority_tight_pools,
    "whole_prompts": whole_prompts,
    "asynchronous": asynchronous,
    "asynchronous_tight_pools": asynchronous_tight_pools,
    "items": items,
    "items_in_tight_pools": items_in_tight_pools,
    "items_by_priority": items_by_priority,
    "prefix_caching": prefix_caching,
    "aborts": aborts,
}
