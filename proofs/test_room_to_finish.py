"""A decode node accepts a transfer only if everybody can still finish, and refuses none for nothing.

Preemption takes blocks from decodes alone. So the last decode left finishes if the blocks that wait for a cache,
and the most that it comes to hold, are no more than the pool; and so does whoever receives its cache.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from proofs.mutants.mutant import Mutant
from proofs.theorems import check_held, check_refuted

from schedproof.engines.fastdeploy.config import Role, ServingConfig
from schedproof.engines.fastdeploy.life import request_events as life
from schedproof.engines.fastdeploy.policies import REFERENCE
from schedproof.engines.fastdeploy.rules.blocks import blocks_to_finish, preallocated_blocks
from schedproof.engines.fastdeploy.rules.transfers import leaves_room_to_finish, most_blocks
from schedproof.engines.fastdeploy.turns import ask
from schedproof.request import new_request
from schedproof_spec.states.domain import any_config
from schedproof_spec.states.life import any_living_decode
from schedproof_spec.states.merged import MergedPolicy


def any_decode_node(ctx):
    config = any_config(ctx, MergedPolicy(REFERENCE))
    ctx.assume(ctx.merged(lambda: config.role == Role.DECODE))
    return config


def bounded_at_arrival(ctx):
    """What is preallocated is within the bound, for a request with something left to decode."""
    config = any_decode_node(ctx)
    prompt, limit = ctx.integer("num_prompt_tokens", 1), ctx.integer("max_total_tokens", 1)
    ctx.assume(prompt + 1 < limit)
    ctx.assume(limit <= config.max_model_len)
    num_blocks = ctx.merged(lambda: preallocated_blocks(prompt, config))
    most = ctx.merged(lambda: most_blocks(new_request("a", prompt), limit, config))
    ctx.prove("its blocks are within the bound", num_blocks <= most)


def bounded_by_growth(ctx):
    """A decode within the bound is within it after the scheduler visited it."""
    config = any_decode_node(ctx)
    request, limit = any_living_decode(ctx, config)
    ctx.assume(request.need_prefill_tokens < request.num_total_tokens)
    most = ctx.merged(lambda: most_blocks(request, limit, config))
    ctx.assume(request.num_blocks <= most)
    grant = ctx.merged(lambda: ask(request, 0, config, MergedPolicy(REFERENCE)))
    after = life.after_growth(request, grant.num_new_blocks)
    ctx.prove("its blocks are within the bound", after.num_blocks <= most)
    ctx.prove("its bound is as before", ctx.merged(lambda: most_blocks(after, limit, config)) == most)


def bound_is_reached(ctx):
    """The bound is within a table's width, and if more than one growth past the end, a decode reaches it."""
    config = any_decode_node(ctx)
    request, limit = any_living_decode(ctx, config)
    ctx.assume(request.need_prefill_tokens < request.num_total_tokens)
    ctx.assume(request.num_total_tokens == limit - 1)
    most = ctx.merged(lambda: most_blocks(request, limit, config))
    ctx.prove("the bound is no wider than a table", most <= config.max_blocks_per_seq)
    to_finish = ctx.merged(lambda: blocks_to_finish(request.need_prefill_tokens, limit, config))
    ctx.assume(most > to_finish + config.enc_dec_block_num)
    ctx.assume(request.num_blocks == most - config.enc_dec_block_num)
    grant = ctx.merged(lambda: ask(request, 0, config, MergedPolicy(REFERENCE)))
    after = life.after_growth(request, grant.num_new_blocks)
    ctx.prove("a decode reaches the bound", after.num_blocks == most)


NODE = ServingConfig(role=Role.DECODE, block_size=16, max_model_len=4096)


def any_sharer(ctx, name, least_blocks):
    """Draw a request, and the tokens at which it is finished."""
    prompt, limit = ctx.integer(f"{name}.num_prompt_tokens", 1), ctx.integer(f"{name}.max_total_tokens", 3)
    ctx.assume(prompt + 1 < limit)
    ctx.assume(limit <= NODE.max_model_len)
    num_blocks = ctx.integer(f"{name}.num_blocks", least_blocks)
    return replace(new_request(name, prompt), num_blocks=num_blocks), limit


def decides_exactly(ctx):
    """Accepted: each alone fits beside the blocks that wait for a cache. Refused: one of them would not."""
    config = replace(NODE, num_kv_blocks=ctx.integer("num_kv_blocks", 1))
    receiving = [any_sharer(ctx, f"receiving_{i}", 1) for i in range(ctx.one_of("num_receiving", (1, 2)))]
    decoding = [any_sharer(ctx, f"decoding_{i}", 1) for i in range(ctx.one_of("num_decoding", (0, 1, 2)))]
    accepted = leaves_room_to_finish(receiving, decoding, config)

    def fits(request, limit, is_receiving):
        others = [other.num_blocks for other, _ in receiving if not is_receiving or other is not request]
        return sum(others) + most_blocks(request, limit, config) <= config.num_kv_blocks

    alone = [ctx.merged(lambda pair=pair: fits(*pair, True)) for pair in receiving]
    alone += [ctx.merged(lambda pair=pair: fits(*pair, False)) for pair in decoding]
    if accepted:
        for each in alone:
            ctx.prove("accepted: each alone fits", each)
    else:
        ctx.prove("refused: one does not fit", ctx.merged(lambda: not all(alone)))


TRANSFERS = "schedproof.engines.fastdeploy.rules.transfers"
ANY = "every configuration, requests of any size"
RULES = {
    bounded_at_arrival: (
        ANY,
        {"its blocks are within the bound"},
        Mutant(
            name="count no growth",
            module=TRANSFERS,
            function="most_blocks",
            old=" + config.enc_dec_block_num",
            new="",
        ),
    ),
    bounded_by_growth: (
        ANY,
        {"its blocks are within the bound", "its bound is as before"},
        Mutant(
            name="forget the last growth",
            module=TRANSFERS,
            function="most_blocks",
            old="max(to_finish, last_growth_at)",
            new="to_finish",
        ),
    ),
    bound_is_reached: (
        ANY,
        {"the bound is no wider than a table", "a decode reaches the bound"},
        Mutant(
            name="count a growth after the end",
            module=TRANSFERS,
            function="most_blocks",
            old="max_total_tokens - 1 +",
            new="max_total_tokens +",
        ),
    ),
    decides_exactly: (
        "1 or 2 requests that wait for a cache and up to 2 that decode, of any size; blocks of 16 tokens",
        {"accepted: each alone fits", "refused: one does not fit"},
        Mutant(
            name="look at the smallest",
            module=TRANSFERS,
            function="leaves_room_to_finish",
            old="max(missing)",
            new="min(missing)",
        ),
    ),
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_transfers_leave_room(rule, theorem):
    scope, claims, _ = RULES[rule]
    outcome = check_held(f"transfers: {rule.__name__}", rule, theorem, scope=scope)
    assert outcome.reached == claims


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_mutant_is_refuted(rule, theorem):
    scope, _, mutant = RULES[rule]
    check_refuted(f"transfers: {rule.__name__}", rule, mutant, theorem, scope=scope)
