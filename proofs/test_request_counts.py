"""What events make of one request's counts: all that they may, and no more.

A request starts with as much of its cached prefix as leaves a token to prefill and cuts no item. A decode produces
the accepted drafts and one token more, up to its end, and nothing without a free KV slot.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from proofs.mutants.mutant import Mutant
from proofs.theorems import check_held, check_refuted

from schedproof.engines.fastdeploy.life import request_events as life
from schedproof.request import new_request
from schedproof_spec.states.domain import any_item, draw_config
from schedproof_spec.states.life import any_living_decode
from schedproof_spec.states.merged import merged_on_path

BLOCK_SIZES = (1, 2, 16, 64, 256)


def usable(num_blocks, num_prompt_tokens, items, config):
    """A prefix of this many blocks leaves something to prefill and ends inside no item."""
    end = num_blocks * config.block_size
    return end < num_prompt_tokens and not any(item.start < end and end < item.end for item in items)


def any_prompt(ctx, config):
    num_prompt_tokens = ctx.integer("num_prompt_tokens", 1)
    first, second = any_item(ctx, "first", config), any_item(ctx, "second", config)
    ctx.assume(first.end <= second.start)
    ctx.assume(second.end <= num_prompt_tokens)
    num_cached = ctx.integer("num_cached_blocks", 0)
    request = new_request("a", num_prompt_tokens, (first, second))
    return request, num_cached, merged_on_path(life.num_usable_cached_blocks, request, num_cached, config)


def permitted(ctx):
    """What is used is cached, and may be used."""
    config = draw_config(ctx)
    request, num_cached, num_used = any_prompt(ctx, config)
    ctx.prove("it is cached", ctx.merged(lambda: num_used >= 0 and num_used <= num_cached))
    may = ctx.merged(lambda: usable(num_used, request.need_prefill_tokens, request.items, config))
    ctx.prove("it may be used", may)


def longest(ctx):
    """No longer prefix that is cached may be used."""
    config = replace(draw_config(ctx), block_size=ctx.one_of("drawn_block_size", BLOCK_SIZES))
    request, num_cached, num_used = any_prompt(ctx, config)
    longer = ctx.integer("longer", 1)
    ctx.assume(longer > num_used)
    ctx.assume(longer <= num_cached)
    may = ctx.merged(lambda: usable(longer, request.need_prefill_tokens, request.items, config))
    ctx.prove("a longer one may not", ctx.merged(lambda: not may))


def produced(ctx):
    """A decode with a free KV slot produces what was accepted and one more, up to its end; one without, nothing."""
    config = draw_config(ctx)
    request, limit = any_living_decode(ctx, config)
    num_accepted = ctx.integer("num_accepted", 0)
    num_produced = merged_on_path(life.num_produced_tokens, request, num_accepted, limit, config)
    after = life.after_tokens(request, num_produced)
    has_slot = ctx.merged(lambda: request.num_computed_tokens < request.num_blocks * config.block_size)
    if has_slot:
        ends = request.num_total_tokens + num_accepted + 1 >= limit
        ctx.prove(
            "it ends, or has one more than was accepted",
            ctx.merged(lambda: ends or num_produced == num_accepted + 1),
        )
        ctx.prove("it ends where it has to", ctx.merged(lambda: not ends or after.num_total_tokens == limit))
    else:
        ctx.prove("it waits", num_produced == 0)
    ctx.prove("the last token is not computed", after.num_computed_tokens + 1 == after.num_total_tokens)


def life_mutant(function, name, old, new):
    return Mutant(
        name=name, module="schedproof.engines.fastdeploy.life.request_events", function=function, old=old, new=new
    )


RULES = {
    permitted: (
        "every configuration, a prompt of any length with two items",
        life_mutant(
            "num_usable_cached_blocks", "leave nothing to prefill", "need_prefill_tokens - 1", "need_prefill_tokens"
        ),
    ),
    longest: (
        "blocks of 1, 2, 16, 64 or 256 tokens, a prompt of any length with two items",
        life_mutant(
            "num_usable_cached_blocks",
            "give up an item that ends with a block",
            "position < item.end",
            "position <= item.end",
        ),
    ),
    produced: (
        "every configuration, a decode of any length",
        life_mutant("num_produced_tokens", "forget the bonus token", "num_accepted + 1", "num_accepted"),
    ),
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_counts_are_right(rule, theorem):
    scope, _ = RULES[rule]
    check_held(f"life: {rule.__name__}", rule, theorem, scope=scope)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_mutant_is_refuted(rule, theorem):
    scope, mutant = RULES[rule]
    check_refuted(f"life: {rule.__name__}", rule, mutant, theorem, scope=scope)
