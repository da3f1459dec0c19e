"""What a configuration means, stated without the rules that say it, and that nothing safe is refused.

The invariants say that the engine is safe. These theorems say that it is no worse than it needs to be: a capacity
is the smallest that is enough, and a start-up check refuses only a configuration in which some step goes wrong or
some request waits forever.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from proofs.mutants.mutant import Mutant
from proofs.theorems import check_held, check_refuted

from schedproof.engines.fastdeploy import startup
from schedproof.engines.fastdeploy.config import Platform, Role, ServingConfig
from schedproof.engines.fastdeploy.policies import REFERENCE
from schedproof.engines.fastdeploy.rules import capacity
from schedproof.engines.fastdeploy.speculation import SpeculativeMethod
from schedproof.output.message_layout import MAX_DRAFT_TOKENS
from schedproof_spec.states.domain import draw_config, draw_configured_dispatch


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
    config = replace(
        draw_config(ctx),
        max_num_seqs=ctx.integer("slots", 0),
        enable_chunked_prefill=ctx.boolean("enable_chunked_prefill"),
    )
    if config.speculation is not None:
        steps = ctx.integer("steps", 0)
        config = replace(config, speculation=replace(config.speculation, num_model_steps=steps))
    refused = {
        check.name: ctx.merged(lambda check=check: not check.holds(config)) for check in REFERENCE.startup_checks()
    }
    limit, seqs = config.max_num_batched_tokens, config.max_num_seqs
    tokens, full = config.tokens_per_seq, config.max_decode_tokens
    others = ctx.merged(lambda: full - tokens if config.runs_decode else 0)
    item = config.max_multimodal_item_tokens
    whole = config.max_model_len
    by_itself = ctx.merged(
        lambda: (
            config.chunked_prefill
            and config.role == Role.MIXED
            and (config.platform == Platform.GPU or config.platform == Platform.MACA)
        )
    )
    has_method = ctx.merged(
        lambda: config.speculation is not None and config.speculation.method != SpeculativeMethod.NONE
    )
    cuts_prompts = ctx.merged(lambda: config.enable_chunked_prefill or by_itself)
    wrong = {
        "seqs_fit_message": lambda: seqs < 1 or seqs > (256 if has_method else 512),
        "model_len_in_range": lambda: whole < 16,
        "block_fits_budget": lambda: cuts_prompts and limit < config.block_size,
        "budget_can_be_filled": lambda: limit > whole * seqs,
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
    tokens_of_a_decode: Mutant(
        name="MTP ignores its model steps",
        module="schedproof.engines.fastdeploy.config",
        function="ServingConfig.num_speculative_tokens",
        old="max(self",
        new="min(self",
    ),
    step_of_every_slot: Mutant(
        name="a prefill node decodes",
        module="schedproof.engines.fastdeploy.config",
        function="ServingConfig.runs_decode",
        old="self.role != Role.PREFILL",
        new="True",
    ),
    longest_sequence: Mutant(
        name="forget the last step's drafts",
        module="schedproof.engines.fastdeploy.config",
        function="ServingConfig.max_blocks_per_seq",
        old="self.max_model_len + self.tokens_per_seq - 1",
        new="self.max_model_len - 1",
    ),
    loaded_dispatch_buffer: Mutant(
        name="take 0 for a silent config",
        module="schedproof.engines.fastdeploy.rules.capacity",
        function="loaded_dispatch_tokens",
        old="return PRESET_DISPATCH_TOKENS",
        new="return 0",
    ),
    smallest_dispatch_capacity: Mutant(
        name="leave the capacity unaligned",
        module="schedproof.engines.fastdeploy.rules.capacity",
        function="dispatch_capacity",
        old="ceil_div(config.max_decode_tokens, DISPATCH_ALIGNMENT) * DISPATCH_ALIGNMENT",
        new="config.max_decode_tokens",
    ),
    library_limits: Mutant(
        name="a queue one entry short",
        module="schedproof.engines.fastdeploy.rules.capacity",
        function="fits_dispatch_library",
        old="2 * (capacity + 1)",
        new="2 * capacity + 1",
    ),
    refused_only_if_unsafe: Mutant(
        name="refuse equality",
        module="schedproof.engines.fastdeploy.startup",
        function="decodes_fit_budget",
        old="config.max_decode_tokens <=",
        new="config.max_decode_tokens <",
    ),
    pool_holds_the_longest_request: Mutant(
        name="ask for one block more",
        module="schedproof.engines.fastdeploy.startup",
        function="longest_request_fits_pool",
        old="config.max_blocks_per_seq <=",
        new="config.max_blocks_per_seq <",
    ),
    largest_step: Mutant(
        name="plan for the limit everywhere",
        module="schedproof.engines.fastdeploy.rules.capacity",
        function="max_chunk_tokens",
        old="config.role == Role.DECODE",
        new="False",
    ),
    override_is_recorded: Mutant(
        name="report every configured value",
        module="schedproof.engines.fastdeploy.rules.capacity",
        function="DispatchCapacity.is_override",
        old="self.configured != self.tokens",
        new="True",
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
