"""What the reference's rules mean, stated without them, and that they refuse nothing that would be safe.

The invariants say that the engine is safe. These theorems say that it is no worse than it needs to be: a chunk is
the longest that is permitted, a capacity the smallest that is enough, and a start-up check refuses only a
configuration in which some step goes wrong or some request waits forever.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from schedproof import blocks, capacity, startup
from schedproof.config import Platform, Role, ServingConfig
from schedproof.message_layout import MAX_DRAFT_TOKENS
from schedproof.policies import REFERENCE
from schedproof.request import Request
from schedproof.speculation import SpeculativeMethod
from schedproof.step import Grant, ask
from schedproof_spec.domain import any_request, draw_config, draw_configured_dispatch
from schedproof_spec.invariants.budget import decode_is_served
from schedproof_spec.mutants import Mutant
from schedproof_spec.prover.prove import prove
from schedproof_spec.prover.verdict import Status
from schedproof_spec.summaries import next_chunk, prefill_blocks


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


def tokens_of_a_decode(ctx):
    """The worker runs the drafts and one more token; without drafts, one token."""
    config = draw_config(ctx)
    tokens = config.tokens_per_seq
    if config.speculation is None:
        ctx.prove("no config, one token", tokens == 1)
        ctx.prove("no config, no drafts", config.num_speculative_tokens == 0)
        return
    method = config.speculation.method
    configured, steps = config.speculation.num_speculative_tokens, config.speculation.num_model_steps
    if method == SpeculativeMethod.NONE or method == SpeculativeMethod.NAIVE:
        ctx.prove("no drafts, one token", tokens == 1)
    elif method == SpeculativeMethod.MTP:
        if config.role == Role.PREFILL:
            ctx.prove("a prefill node runs one MTP draft", tokens == 2)
        else:
            ctx.prove("MTP runs at least its drafts", tokens >= configured + 1)
            ctx.prove("MTP runs at least its model steps", tokens >= steps + 1)
            ctx.prove("MTP runs no more", ctx.merged(lambda: tokens == configured + 1 or tokens == steps + 1))
    else:
        ctx.prove("drafts of n-grams and suffixes are verified too", tokens == configured + 1)


def step_of_every_slot(ctx):
    """A node that decodes runs every slot's tokens; a prefill node none."""
    config = draw_config(ctx)
    if config.role == Role.PREFILL:
        ctx.prove("a prefill node decodes nothing", config.max_decode_tokens == 0)
        ctx.prove("a prefill node dispatches nothing", ctx.merged(lambda: not config.uses_low_latency_dispatch))
        return
    full = config.max_num_seqs * config.tokens_per_seq
    ctx.prove("every slot decodes", config.max_decode_tokens == full)
    several = config.expert_parallel_size > 1
    ctx.prove("several ranks dispatch", ctx.merged(lambda: config.uses_low_latency_dispatch == several))


def longest_sequence(ctx):
    """The block table is wide enough for the last step of the longest sequence, and no wider."""
    config = draw_config(ctx)
    last_slot = config.max_model_len - 1 + config.tokens_per_seq
    width = config.max_blocks_per_seq
    ctx.prove("it is wide enough", width * config.block_size >= last_slot)
    ctx.prove("it is no wider", (width - 1) * config.block_size < last_slot)


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


def loaded_dispatch_buffer(ctx):
    """A silent config.json counts as 128 dispatch tokens, any other value as itself."""
    config = replace(draw_config(ctx), num_max_dispatch_tokens_per_rank=draw_configured_dispatch(ctx))
    loaded = capacity.loaded_dispatch_tokens(config)
    if config.num_max_dispatch_tokens_per_rank is None:
        ctx.prove("the preset", loaded == 128)
    else:
        ctx.prove("as configured", loaded == config.num_max_dispatch_tokens_per_rank)


def smallest_dispatch_capacity(ctx):
    """The derived capacity is aligned for any number of ranks, enough, and less than one unit more."""
    config = draw_config(ctx)
    tokens = capacity.dispatch_capacity(config).tokens
    ctx.prove("aligned", (config.expert_parallel_size * tokens) % 4 == 0)
    ctx.prove("enough", tokens >= config.max_decode_tokens)
    ctx.prove("least", tokens < config.max_decode_tokens + 4)


def library_limits(ctx):
    """DeepEP's limits, each stated as DeepEP checks it."""
    config = draw_config(ctx)
    tokens = ctx.integer("tokens", 0)
    ranks = config.expert_parallel_size
    size = tokens <= 1024
    rows = ctx.merged(lambda: (ranks * tokens) % 4 == 0)
    queue = config.dispatch_queue_depth >= 2 * tokens + 2
    experts = ctx.merged(lambda: config.num_experts % ranks == 0)
    accepted = ctx.merged(lambda: capacity.fits_dispatch_library(tokens, config))
    ctx.prove(
        "accepted where every limit holds", ctx.merged(lambda: accepted == (size and rows and queue and experts))
    )


def refused_only_if_unsafe(ctx):
    """Each of the reference's own start-up checks refuses only what goes wrong, and accepts nothing that does."""
    config = replace(draw_config(ctx), max_num_seqs=ctx.integer("slots", 0))
    if config.speculation is not None:
        steps = ctx.integer("steps", 0)
        config = replace(config, speculation=replace(config.speculation, num_model_steps=steps))
    refused = {
        check.name: ctx.merged(lambda check=check: not check.holds(config)) for check in REFERENCE.startup_checks()
    }
    limit, seqs = config.max_num_batched_tokens, config.max_num_seqs
    tokens, full = config.tokens_per_seq, config.max_decode_tokens
    others = ctx.merged(lambda: full - tokens if config.runs_decode else 0)
    mtp = ctx.merged(lambda: config.speculation is not None and config.speculation.method == SpeculativeMethod.MTP)
    drafts = config.num_speculative_tokens
    item = config.max_multimodal_item_tokens
    whole = config.max_model_len
    wrong = {
        "seqs_in_range": lambda: seqs < 1 or seqs > 256,
        "model_len_in_range": lambda: whole < 16,
        "block_fits_budget": lambda: config.chunked_prefill and limit < config.block_size,
        "budget_can_be_filled": lambda: limit > whole * seqs,
        "mtp_drafts_in_range": lambda: mtp and (drafts < 1 or drafts > 5),
        "decodes_fit_budget": lambda: full > limit,
        "drafts_fit_message": lambda: tokens > MAX_DRAFT_TOKENS,
        "whole_prompt_fits_budget": lambda: not config.chunked_prefill and limit < whole,
        "item_fits_beside_decodes": lambda: item > 0 and limit - others < item,
        "aligned_chunk_fits_beside_decodes": lambda: config.deterministic and limit - others < config.split_kv_size,
        "longest_request_fits_pool": lambda: False,
        "dispatch_fits_library": lambda: (
            config.uses_low_latency_dispatch
            and not capacity.fits_dispatch_library(capacity.dispatch_capacity(config).tokens, config)
        ),
    }
    assert wrong.keys() == refused.keys()
    for name, reason in wrong.items():
        goes_wrong = ctx.merged(reason)
        ctx.prove(f"{name} refuses what goes wrong, and nothing else", refused[name] == goes_wrong)


def pool_holds_the_longest_request(ctx):
    """A pool of known size is refused exactly when one request of max_model_len does not fit it."""
    config = replace(draw_config(ctx), num_kv_blocks=ctx.integer("num_kv_blocks", 1))
    accepted = ctx.merged(lambda: startup.longest_request_fits_pool(config))
    ctx.prove("exactly", ctx.merged(lambda: accepted == (config.num_kv_blocks >= config.max_blocks_per_seq)))


def largest_step(ctx):
    """A decode node plans for every slot decoding, another node for the limit, on every platform."""
    config = draw_config(ctx)
    planned = ctx.merged(lambda: capacity.max_chunk_tokens(config))
    if config.role == Role.DECODE:
        ctx.prove("every slot decodes", planned == config.max_decode_tokens)
    else:
        ctx.prove("the limit", planned == config.max_num_batched_tokens)
    if config.platform == Platform.XPU:
        ctx.cover("on XPU too")


def override_is_recorded(ctx):
    """An override is reported exactly when a configured value differs from the derived one."""
    config: ServingConfig = draw_config(ctx)
    configured = None
    if ctx.one_of("configured", ("absent", "present")) == "present":
        configured = ctx.integer("num_max_dispatch_tokens_per_rank", 0)
    result = capacity.dispatch_capacity(replace(config, num_max_dispatch_tokens_per_rank=configured))
    reported = ctx.merged(lambda: result.is_override)
    if configured is None:
        ctx.prove("absent, nothing to override", ctx.merged(lambda: not reported))
    else:
        ctx.prove("present, reported if replaced", reported == (configured != result.tokens))


RULES = {
    nothing_for_nothing: Mutant(
        name="give a request without tokens its spare block",
        module="schedproof.step",
        function="ask",
        old="if chunk == 0:",
        new="if False:",
    ),
    longest_chunk: Mutant(
        name="a prompt that just fits waits",
        module="schedproof.chunk",
        function="reachable_end",
        old="budget >= need - computed",
        new="budget > need - computed",
    ),
    item_that_alignment_cuts: Mutant(
        name="wait with an item that fits",
        module="schedproof.chunk",
        function="next_chunk",
        old="end = item.end",
        new="pass",
    ),
    chunk_ends_where_it_may: Mutant(
        name="align to the wrong side",
        module="schedproof.chunk",
        function="reachable_end",
        old="end - end %",
        new="end + end %",
    ),
    tokens_of_a_decode: Mutant(
        name="MTP ignores its model steps",
        module="schedproof.config",
        function="ServingConfig.num_speculative_tokens",
        old="max(self",
        new="min(self",
    ),
    step_of_every_slot: Mutant(
        name="a prefill node decodes",
        module="schedproof.config",
        function="ServingConfig.runs_decode",
        old="self.role != Role.PREFILL",
        new="True",
    ),
    longest_sequence: Mutant(
        name="forget the last step's drafts",
        module="schedproof.config",
        function="ServingConfig.max_blocks_per_seq",
        old="self.max_model_len + self.tokens_per_seq - 1",
        new="self.max_model_len - 1",
    ),
    decode_growth: Mutant(
        name="grow when many slots are left",
        module="schedproof.blocks",
        function="has_few_free_slots",
        old="<=",
        new=">=",
    ),
    prefill_growth: Mutant(
        name="two spare blocks",
        module="schedproof.blocks",
        function="prefill_blocks",
        old="blocks + 1",
        new="blocks + 2",
    ),
    preallocation: Mutant(
        name="prompts grow beyond the table",
        module="schedproof.blocks",
        function="preallocated_blocks",
        old="min(blocks",
        new="max(blocks",
    ),
    whole_life: Mutant(
        name="forget that the last token is not written",
        module="schedproof.blocks",
        function="blocks_to_finish",
        old="max_total_tokens - 2 +",
        new="max_total_tokens +",
    ),
    loaded_dispatch_buffer: Mutant(
        name="take 0 for a silent config",
        module="schedproof.capacity",
        function="loaded_dispatch_tokens",
        old="return PRESET_DISPATCH_TOKENS",
        new="return 0",
    ),
    smallest_dispatch_capacity: Mutant(
        name="leave the capacity unaligned",
        module="schedproof.capacity",
        function="dispatch_capacity",
        old="ceil_div(config.max_decode_tokens, DISPATCH_ALIGNMENT) * DISPATCH_ALIGNMENT",
        new="config.max_decode_tokens",
    ),
    library_limits: Mutant(
        name="a queue one entry short",
        module="schedproof.capacity",
        function="fits_dispatch_library",
        old="2 * (capacity + 1)",
        new="2 * capacity + 1",
    ),
    refused_only_if_unsafe: Mutant(
        name="refuse equality",
        module="schedproof.startup",
        function="decodes_fit_budget",
        old="config.max_decode_tokens <=",
        new="config.max_decode_tokens <",
    ),
    pool_holds_the_longest_request: Mutant(
        name="ask for one block more",
        module="schedproof.startup",
        function="longest_request_fits_pool",
        old="config.max_blocks_per_seq <=",
        new="config.max_blocks_per_seq <",
    ),
    largest_step: Mutant(
        name="plan for the limit everywhere",
        module="schedproof.capacity",
        function="max_chunk_tokens",
        old="config.role == Role.DECODE",
        new="False",
    ),
    override_is_recorded: Mutant(
        name="report every configured value",
        module="schedproof.capacity",
        function="DispatchCapacity.is_override",
        old="self.configured != self.tokens",
        new="True",
    ),
}
"""Each theorem with a change of the code that it refutes."""

SCOPE = "every configuration, accepted or not"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule_means_what_it_says(rule, theorem):
    outcome = prove(rule)
    assert outcome.status is Status.HELD, outcome.reason
    assert not outcome.unreached
    theorem(rule.__name__, outcome, scope=SCOPE)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.__name__}: {RULES[rule].name}")
def test_mutant_is_refuted(rule, theorem):
    with RULES[rule].applied():
        outcome = prove(rule)
    assert outcome.status is Status.VIOLATED, outcome.reason
    theorem(f"{rule.__name__} with the mutant '{RULES[rule].name}'", outcome, scope=SCOPE)
