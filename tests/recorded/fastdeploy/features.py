"""The feature sets: what engines and workloads each recorded file draws.

Sizes are small, so that limits meet often: pools that hold little more than one longest request, budgets of a few
chunks, and requests that arrive faster than they are served.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from settings import (
    DECODE,
    IMAGES,
    PATCH_MAP,
    PREFILL,
    EngineConfig,
    Reserve,
    Speculation,
    TokenRatio,
    Workload,
)

Drawn = tuple[EngineConfig, Workload]


def draw_config(
    rng: random.Random,
    *,
    speculation: Speculation | None = None,
    max_seqs: int = 16,
    most_blocks_per_seq: float = 1.0,
    block_sizes: tuple[int, ...] = (4, 8, 16, 32, 64),
    max_batched: int = 512,
) -> EngineConfig:
    """Draw a configuration that FastDeploy starts with.

    The pool holds one longest request, and up to ``most_blocks_per_seq`` of one for each slot beyond the first.
    The limit of batched tokens is mostly near the least that FastDeploy takes.
    """
    block_size = rng.choice(block_sizes)
    num_seqs = rng.choice([rng.randint(1, 4), rng.randint(1, min(8, max_seqs)), rng.randint(1, max_seqs)])
    model_len = rng.randint(max(24, block_size), 320)
    least = max(16, num_seqs * tokens_per_seq(speculation), block_size)
    most = max(least, min(max_batched, model_len * num_seqs))
    blocks_per_seq = model_len // block_size
    extra = int(blocks_per_seq * most_blocks_per_seq * (num_seqs - 1))
    return EngineConfig(
        max_num_seqs=num_seqs,
        max_num_batched_tokens=rng.randint(least, rng.choice([min(least + 48, most), most])),
        max_model_len=model_len,
        block_size=block_size,
        num_kv_blocks=blocks_per_seq + 2 + rng.randint(0, extra),
        speculation=speculation,
    )


def tokens_per_seq(speculation: Speculation | None) -> int:
    return 1 if speculation is None else speculation.num_speculative_tokens + 1


def draw_load(rng: random.Random, config: EngineConfig, *, abort_rate: float = 0.0) -> Workload:
    return Workload(
        num_steps=rng.randint(50, rng.choice([120, 240, 400])),
        arrival_rate=rng.choice([0.1, 0.3, 0.6]),
        max_waiting=rng.randint(1, 4),
        max_prompt=rng.randint(8, config.max_model_len),
        max_output=rng.choice([8, 32, config.max_model_len]),
        accept_rate=rng.choice([0.2, 0.6, 0.9]),
        abort_rate=abort_rate,
    )


def draw_speculation(rng: random.Random) -> Speculation:
    method = rng.choice(["mtp", "mtp", "ngram"])
    return Speculation(method=method, num_speculative_tokens=rng.choice([1, 3, 5]))


def maybe_speculation(rng: random.Random, chance: float) -> Speculation | None:
    return draw_speculation(rng) if rng.random() < chance else None


def draw_token_ratio(rng: random.Random) -> TokenRatio:
    return TokenRatio(
        initial_ratio=rng.choice([0.7, 0.7, 0.3, 1.0]),
        minimum_ratio=rng.choice([0.1, 0.1, 0.0, 0.05]),
        decay=rng.choice([0.001, 0.01, 0.05, 0.2]),
        most_tokens=rng.choice([4096, 4096, 8, 40]),
    )


def with_token_ratio(rng: random.Random, drawn: Drawn) -> Drawn:
    """Return what was drawn, three times out of four with the reserve that PR 7444 brought."""
    config, load = drawn
    if isinstance(config.reserve, TokenRatio):
        return drawn
    return (replace(config, reserve=draw_token_ratio(rng)) if rng.random() < 0.75 else config), load


def draw_reserve(rng: random.Random) -> Reserve:
    return Reserve(
        initial=rng.choice([0, 1, 2, 3, 5, 8]),
        decay=rng.choice([0.0, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0]),
        minimum=rng.choice([0, 0, 1, 2]),
    )


def text(rng: random.Random) -> Drawn:
    config = draw_config(rng)
    return config, draw_load(rng, config)


def speculative(rng: random.Random) -> Drawn:
    config = draw_config(rng, speculation=draw_speculation(rng))
    return config, draw_load(rng, config)


def tight_pools(rng: random.Random) -> Drawn:
    config = draw_config(
        rng,
        speculation=maybe_speculation(rng, 0.4),
        max_seqs=8,
        most_blocks_per_seq=0.4,
        block_sizes=(4, 8, 16, 32),
    )
    config = replace(
        config,
        enc_dec_block_num=rng.choice([1, 2, 2, 3]),
        prealloc_dec_block_slot_num_threshold=rng.choice([0, 4, 12, 12, 20]),
        reserve=rng.choice([Reserve(), Reserve(initial=1, decay=0.1), Reserve(initial=0)]),
    )
    config = replace(config, num_kv_blocks=config.num_kv_blocks - 2 + config.enc_dec_block_num)
    load = draw_load(rng, config)
    return config, replace(load, max_output=config.max_model_len)


def whole_prompts(rng: random.Random) -> Drawn:
    config = draw_config(rng, speculation=maybe_speculation(rng, 0.5))
    config = replace(config, chunked_prefill=False)
    if rng.random() < 0.6:
        config = replace(config, max_num_batched_tokens=max(config.max_num_batched_tokens, config.max_model_len))
    load = replace(draw_load(rng, config), max_output=32)
    if rng.random() < 0.2:
        return config, load  # a prompt above the limit blocks the queue for good
    return config, replace(load, max_prompt=min(config.max_model_len, config.max_num_batched_tokens))


def deterministic(rng: random.Random) -> Drawn:
    if rng.random() < 0.4:
        return deterministic_beside_decodes(rng)
    config = draw_config(rng, speculation=maybe_speculation(rng, 0.3), block_sizes=(4, 8, 16), max_batched=96)
    config = replace(config, deterministic=True, split_kv_size=rng.choice([2, 4, 8, 16, 32]))
    return config, replace(draw_load(rng, config), max_prompt=config.max_model_len)


def deterministic_beside_decodes(rng: random.Random) -> Drawn:
    """Draw an engine whose decodes can leave less than one split, which stops a prompt in the middle."""
    speculation = Speculation(method="mtp", num_speculative_tokens=rng.choice([3, 5]))
    config = draw_config(rng, speculation=speculation, max_seqs=4, block_sizes=(4, 8, 16))
    least = max(32, config.max_num_seqs * tokens_per_seq(speculation))
    config = replace(
        config, deterministic=True, split_kv_size=32, max_num_batched_tokens=least + rng.randint(0, 16)
    )
    load = replace(draw_load(rng, config), arrival_rate=0.6, max_waiting=4, max_prompt=config.max_model_len)
    return config, replace(load, max_output=64, max_short_prompt=6)


def prompts_beside_victims(rng: random.Random) -> Drawn:
    """Draw an engine in which long prompts take many steps beside decodes, with few blocks and little reserve."""
    model_len, block_size = rng.randint(120, 320), rng.choice([4, 8])
    config = EngineConfig(
        max_num_seqs=rng.randint(4, 10),
        max_num_batched_tokens=rng.randint(20, 40),
        max_model_len=model_len,
        block_size=block_size,
        num_kv_blocks=int(model_len // block_size * rng.choice([1.1, 1.3, 1.6])) + 2,
        deterministic=rng.random() < 0.5,
        split_kv_size=rng.choice([4, 8, 16]),
        reserve=TokenRatio(initial_ratio=rng.choice([0.0, 0.02, 0.1]), minimum_ratio=0.0, decay=0.01),
    )
    load = replace(draw_load(rng, config), arrival_rate=0.8, max_waiting=4, max_prompt=model_len * 3 // 4)
    return config, replace(load, max_output=model_len, max_short_prompt=6)


def aborts(rng: random.Random) -> Drawn:
    config = draw_config(rng, speculation=maybe_speculation(rng, 0.3), most_blocks_per_seq=0.6)
    config = replace(config, reserve=rng.choice([Reserve(), Reserve(initial=1, decay=0.1)]))
    load = draw_load(rng, config, abort_rate=rng.choice([0.03, 0.1, 0.3]))
    return config, replace(load, acknowledge_rate=rng.choice([0.2, 0.7]))


def decode_node(rng: random.Random) -> Drawn:
    speculation = rng.choice([None, None, Speculation(method="mtp", num_speculative_tokens=rng.choice([1, 3]))])
    config = draw_config(rng, speculation=speculation, most_blocks_per_seq=0.3, block_sizes=(4, 8, 16, 32))
    config = replace(
        config,
        role=DECODE,
        enc_dec_block_num=rng.choice([1, 2, 2]),
        reserve=rng.choice([Reserve(), draw_reserve(rng)]),
    )
    load = replace(draw_load(rng, config, abort_rate=rng.choice([0.0, 0.03])), transfer_failure_rate=0.03)
    return config, replace(load, max_output=rng.choice([16, 64, config.max_model_len]))


def prefill_node(rng: random.Random) -> Drawn:
    speculation = rng.choice([None, Speculation(method="mtp", num_speculative_tokens=1)])
    config = replace(draw_config(rng, speculation=speculation, max_batched=192), role=PREFILL)
    load = replace(draw_load(rng, config), transfer_rate=rng.choice([0.2, 0.5, 0.9]), transfer_failure_rate=0.03)
    return config, replace(load, max_prompt=config.max_model_len)


def patch_map(rng: random.Random) -> Drawn:
    config, load = with_media(rng, PATCH_MAP, most_blocks_per_seq=0.7)
    return config, replace(load, max_output=rng.choice([8, 32]))


def images(rng: random.Random) -> Drawn:
    config, load = with_media(rng, IMAGES, most_blocks_per_seq=0.35)
    return config, replace(load, max_output=config.max_model_len)


def with_media(rng: random.Random, kind: str, *, most_blocks_per_seq: float) -> Drawn:
    config = draw_config(
        rng,
        speculation=maybe_speculation(rng, 0.25),
        max_seqs=8,
        most_blocks_per_seq=most_blocks_per_seq,
        max_batched=128,
    )
    config = replace(
        config,
        multimodal=kind,
        max_multimodal_item_tokens=rng.randint(4, min(64, config.max_model_len // 2)),
        reserve=rng.choice([Reserve(), Reserve(initial=1, decay=0.1)]),
    )
    load = draw_load(rng, config)
    return config, replace(load, max_prompt=config.max_model_len)


def idle_object(rng: random.Random) -> Drawn:
    idle = Speculation(method=None, num_speculative_tokens=rng.choice([1, 1, 3, 5]))
    config = draw_config(rng, speculation=idle, most_blocks_per_seq=0.7)
    return config, draw_load(rng, config)


def equality(rng: random.Random) -> Drawn:
    num_drafts = rng.choice([0, 1, 3])
    speculation = Speculation(method="mtp", num_speculative_tokens=num_drafts) if num_drafts else None
    config = draw_config(rng, speculation=speculation, block_sizes=(4, 8, 16), most_blocks_per_seq=2)
    num_seqs = -(-16 // (num_drafts + 1)) if config.max_num_seqs * (num_drafts + 1) < 16 else config.max_num_seqs
    config = replace(config, max_num_seqs=num_seqs, max_num_batched_tokens=num_seqs * (num_drafts + 1))
    load = draw_load(rng, config, abort_rate=rng.choice([0.0, 0.05]))
    return config, replace(
        load,
        arrival_rate=0.6,
        max_prompt=rng.choice([8, 16, load.max_prompt]),
        max_output=rng.choice([32, 64, config.max_model_len]),
    )


def output_reserve(rng: random.Random) -> Drawn:
    config = draw_config(
        rng, speculation=maybe_speculation(rng, 0.3), most_blocks_per_seq=0.6, block_sizes=(4, 8, 16)
    )
    config = replace(config, reserve=draw_reserve(rng))
    load = draw_load(rng, config)
    return config, replace(load, max_output=config.max_model_len, num_steps=rng.randint(150, 400))


FEATURES: dict[str, Callable[[random.Random], Drawn]] = {
    "text": text,
    "speculative": speculative,
    "tight_pools": tight_pools,
    "whole_prompts": whole_prompts,
    "deterministic": deterministic,
    "aborts": aborts,
    "decode_node": decode_node,
    "prefill_node": prefill_node,
    "multimodal_patch_map": patch_map,
    "multimodal_images": images,
    "speculation_object_without_method": idle_object,
    "budget_equals_decodes": equality,
    "output_reserve": output_reserve,
}

FEATURES_OF_7444 = {**FEATURES, "prompts_beside_victims": prompts_beside_victims}
