"""What a request asks for in a step, stated without the rules that say it: the most tokens, the fewest blocks.

The invariants say that the engine is safe. These theorems say that it is no worse than it needs to be: a chunk is
the longest that is permitted, and no blocks are taken but those that a step needs.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from proofs.mutants.mutant import Mutant
from proofs.theorems import check_held, check_refuted

from schedproof.engines.fastdeploy.ledger import Grant
from schedproof.engines.fastdeploy.policies import REFERENCE
from schedproof.engines.fastdeploy.rules import blocks
from schedproof.engines.fastdeploy.turns import ask
from schedproof.request import Request
from schedproof_spec.rules.budget import decode_is_served
from schedproof_spec.states.domain import any_request, draw_config
from schedproof_spec.states.merged import next_chunk, prefill_blocks


def permitted(request, chunk, config):
    """A chunk may end here: at the prompt's end, or at a boundary that splits no item."""
    end = request.num_computed_tokens + chunk
    if end == request.need_prefill_tokens:
        return True
    splits = any(item.start < end and end < item.end for item in request.items)
    aligned = not config.deterministic or end % config.split_kv_size == 0
    return config.chunked_prefill and aligned and not splits and end < request.need_prefill_tokens


def nothing_for_nothing(ctx):
    """A request that runs no tokens in a step takes no KV blocks from the others."""
    config = draw_config(ctx)
    request = any_request(ctx, "request", config)
    ctx.assume(ctx.merged(lambda: not request.is_decoding))
    budget = ctx.integer("budget", 0)
    grant = ctx.merged(lambda: ask(request, budget, config, REFERENCE))
    ctx.prove("no tokens, no blocks", ctx.merged(lambda: grant.num_tokens != 0 or grant.num_new_blocks == 0))


def longest_chunk(ctx):
    """No permitted chunk within the budget is longer than the one that is taken."""
    config = draw_config(ctx)
    request = any_request(ctx, "request", config, num_items=2)
    ctx.assume(ctx.merged(lambda: not request.is_decoding))
    budget = ctx.integer("budget", 0)
    chunk = next_chunk(request, budget, config)
    longer = ctx.integer("longer", 1)
    ctx.assume(longer <= budget)
    ctx.assume(ctx.merged(lambda: permitted(request, longer, config)))
    ctx.prove("no longer chunk is permitted", longer <= chunk)


def item_that_alignment_cuts(ctx):
    """An item that fits the budget, and that a boundary of the alignment lies in, is run to its end."""
    config = draw_config(ctx)
    request = any_request(ctx, "request", config, num_items=2)
    budget, boundary = ctx.integer("budget", 0), ctx.integer("boundary", 0)
    ctx.assume(bool(request.items))
    item = request.items[0]
    ctx.assume(ctx.merged(lambda: config.chunked_prefill and not request.is_decoding))
    ctx.assume(ctx.merged(lambda: boundary % config.split_kv_size == 0))
    ctx.assume(ctx.merged(lambda: item.start < boundary and boundary < item.end))
    ctx.assume(ctx.merged(lambda: request.num_computed_tokens <= item.start))
    ctx.assume(item.end <= request.num_computed_tokens + budget)
    chunk = next_chunk(request, budget, config)
    ctx.prove("to its end or beyond", request.num_computed_tokens + chunk >= item.end)


def chunk_ends_where_it_may(ctx):
    """A text chunk ends its prompt, or where chunked prefill and alignment allow it."""
    config = draw_config(ctx)
    request = any_request(ctx, "request", config)
    ctx.assume(ctx.merged(lambda: not request.is_decoding))
    chunk = next_chunk(request, ctx.integer("budget", 0), config)
    ctx.prove("it is permitted or empty", ctx.merged(lambda: chunk == 0 or permitted(request, chunk, config)))


def decode_growth(ctx):
    """A decode asks for its slots, for its usual growth near the end of its blocks, and for nothing else."""
    config = draw_config(ctx)
    request = any_request(ctx, "request", config)
    ctx.assume(ctx.merged(lambda: request.is_decoding))
    grown = ctx.merged(lambda: blocks.decode_blocks(request, config))
    last_slot = request.num_total_tokens - 1 + config.tokens_per_seq
    owned = request.num_blocks * config.block_size
    room = config.max_blocks_per_seq - request.num_blocks
    usual = ctx.merged(lambda: max(min(config.enc_dec_block_num, room), 0))
    few = owned - request.num_total_tokens <= config.prealloc_dec_block_slot_num_threshold
    ctx.prove("never negative", grown >= 0)
    ctx.prove("few slots left, usual growth", ctx.merged(lambda: not few or grown >= usual))
    ctx.prove("many slots left, no growth", ctx.merged(lambda: few or owned < last_slot or grown == 0))
    short = (request.num_blocks + grown - 1) * config.block_size < last_slot
    ctx.prove("no more than needed or usual", ctx.merged(lambda: grown <= usual or short))


def prefill_growth(ctx):
    """A chunk takes the free part of its cached prefix, and asks for the blocks of its tokens, with speculation one
    more, within the table's width."""
    config = draw_config(ctx)
    cached = ctx.integer("num_free_cached_blocks", 0)
    request = replace(any_request(ctx, "request", config), num_free_cached_blocks=cached)
    chunk = ctx.integer("chunk", 1)
    ctx.assume(request.num_computed_tokens + chunk <= request.need_prefill_tokens)
    ctx.assume(request.need_prefill_tokens <= request.num_total_tokens)
    grown = prefill_blocks(request, chunk, config) - cached
    owned = request.num_blocks + grown
    slots = request.num_computed_tokens + chunk
    spare = 1 if config.speculation is not None else 0
    ctx.prove("never negative", grown >= 0)
    ctx.prove("the chunk's tokens have slots", owned * config.block_size >= slots)
    ctx.prove(
        "a spare block with speculation, if the table is wide enough",
        ctx.merged(lambda: (owned - spare) * config.block_size >= slots or owned >= config.max_blocks_per_seq),
    )
    enough = (owned - spare - 1) * config.block_size < slots
    ctx.prove("no more", ctx.merged(lambda: grown == 0 or (enough and owned <= config.max_blocks_per_seq)))


def preallocation(ctx):
    """A disaggregated pair takes the prompt's blocks up front and the usual growth, within the table's width."""
    config = draw_config(ctx)
    prompt = ctx.integer("prompt", 1)
    taken = ctx.merged(lambda: blocks.preallocated_blocks(prompt, config))
    of_prompt = taken - config.enc_dec_block_num
    width = config.max_blocks_per_seq
    ctx.prove("no wider than the table", taken <= width)
    ctx.prove(
        "the prompt and the growth", ctx.merged(lambda: of_prompt * config.block_size >= prompt or taken == width)
    )
    ctx.prove("no more", (of_prompt - 1) * config.block_size < prompt)


def whole_life(ctx):
    """The blocks of a whole life serve its last decode, or hold its prompt where nothing is decoded; fewer fail."""
    config = draw_config(ctx)
    prompt, total = ctx.integer("prompt", 1), ctx.integer("max_total_tokens", 1)
    ctx.assume(total > prompt)
    needed = ctx.merged(lambda: blocks.blocks_to_finish(prompt, total, config))
    grant = Grant(num_tokens=config.tokens_per_seq, num_new_blocks=0)
    last = Request(request_id="request", need_prefill_tokens=prompt, num_total_tokens=total - 1, num_blocks=needed)
    short = replace(last, num_blocks=needed - 1)
    if config.runs_decode and total > prompt + 1:
        ctx.prove("the last decode is served", ctx.merged(lambda: decode_is_served(last, grant, config)))
        ctx.prove("not with fewer", ctx.merged(lambda: not decode_is_served(short, grant, config)))
    else:
        ctx.prove("the prompt has slots", needed * config.block_size >= prompt)
        ctx.prove("no more than it needs", (needed - 1) * config.block_size < prompt)


RULES = {
    nothing_for_nothing: Mutant(
        name="give a request without tokens its spare block",
        module="schedproof.engines.fastdeploy.turns",
        function="ask",
        old="if chunk == 0:",
        new="if False:",
    ),
    longest_chunk: Mutant(
        name="a prompt that just fits waits",
        module="schedproof.engines.fastdeploy.rules.chunk",
        function="reachable_end",
        old="budget >= need - computed",
        new="budget > need - computed",
    ),
    item_that_alignment_cuts: Mutant(
        name="wait with an item that fits",
        module="schedproof.engines.fastdeploy.rules.chunk",
        function="next_chunk",
        old="end = item.end",
        new="pass",
    ),
    chunk_ends_where_it_may: Mutant(
        name="align to the wrong side",
        module="schedproof.engines.fastdeploy.rules.chunk",
        function="reachable_end",
        old="end - end %",
        new="end + end %",
    ),
    decode_growth: Mutant(
        name="grow when many slots are left",
        module="schedproof.engines.fastdeploy.rules.blocks",
        function="has_few_free_slots",
        old="<=",
        new=">=",
    ),
    prefill_growth: Mutant(
        name="two spare blocks",
        module="schedproof.engines.fastdeploy.rules.blocks",
        function="prefill_blocks",
        old="blocks + 1",
        new="blocks + 2",
    ),
    preallocation: Mutant(
        name="prompts grow beyond the table",
        module="schedproof.engines.fastdeploy.rules.blocks",
        function="preallocated_blocks",
        old="min(published",
        new="max(published",
    ),
    whole_life: Mutant(
        name="forget that the last token is not written",
        module="schedproof.engines.fastdeploy.rules.blocks",
        function="blocks_to_finish",
        old="max_total_tokens - 2 +",
        new="max_total_tokens +",
    ),
}
"""Each theorem with a change of the code that it refutes."""

SCOPE = "every configuration, accepted or not"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule_means_what_it_says(rule, theorem):
    check_held(rule.__name__, rule, theorem, scope=SCOPE)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.__name__}: {RULES[rule].name}")
def test_mutant_is_refuted(rule, theorem):
    check_refuted(rule.__name__, rule, RULES[rule], theorem, scope=SCOPE)
