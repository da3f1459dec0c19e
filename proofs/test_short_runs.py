"""Short runs of the engine itself, in which everything that is proved event by event has to come together.

Sizes, drafts and the moment of each event are free; the number of requests and steps is not, and is printed.
"""

from __future__ import annotations

import pytest
from proofs.mutants.mutant import Mutant
from proofs.theorems import check_held, check_refuted

from schedproof.engines.fastdeploy.config import Role, ServingConfig
from schedproof.engines.fastdeploy.life.engine import Engine
from schedproof.engines.fastdeploy.life.places import SLOT_HOLDERS, Place
from schedproof.engines.fastdeploy.policies import REFERENCE
from schedproof_spec.rules.blocks import blocks_cover_tokens
from schedproof_spec.rules.budget import decode_is_served, without_visit
from schedproof_spec.rules.overlap import launch_covers_step
from schedproof_spec.states.domain import accepted
from schedproof_spec.states.merged import MergedPolicy, with_merged_properties
from schedproof_spec.states.runs import NO_RESERVE
from schedproof_spec.states.short_runs import SPECULATION, CountingEngine
from schedproof_spec.theorems.places import is_in_one_place

FIRST, SECOND = "first", "second"


def any_engine(ctx, policy, role):
    """Draw an engine with a pool of any size, large enough for one request or for more."""
    config = with_merged_properties(
        ServingConfig(
            speculation=ctx.one_of("speculation", SPECULATION[:2]),
            block_size=2,
            max_num_batched_tokens=ctx.integer("max_num_batched_tokens", 1),
            max_num_seqs=ctx.integer("max_num_seqs", 1),
            max_model_len=ctx.integer("max_model_len", 16),
            num_kv_blocks=ctx.integer("num_kv_blocks", 1),
            role=role,
            tensor_parallel_size=2,
        )
    )
    return CountingEngine(accepted(ctx, policy, config), policy, reserve=NO_RESERVE)


def any_sizes(ctx, name, config):
    num_prompt_tokens = ctx.integer(f"{name}.num_prompt_tokens", 1)
    max_new_tokens = ctx.integer(f"{name}.max_new_tokens", 1)
    ctx.assume(num_prompt_tokens + max_new_tokens <= config.max_model_len)
    return num_prompt_tokens, max_new_tokens


def prove_consistent(ctx, engine: Engine, label):
    """Claim what has to hold between any two events."""
    config, pool = engine.config, engine.pool
    num_owned = sum(pool.num_blocks_of(name) for name in engine.requests)
    ctx.prove(f"{label}: no block is lost", pool.num_free_blocks + num_owned == pool.num_blocks)
    ctx.prove(f"{label}: no slot is used twice", engine.places.num_in(SLOT_HOLDERS) <= config.max_num_seqs)
    for name, request in engine.requests.items():
        ctx.prove(f"{label}: {name} is in one place", is_in_one_place(engine.places, name))
        ctx.prove(f"{label}: {name} counts its blocks", request.num_blocks == pool.num_blocks_of(name))
        covered = ctx.merged(lambda request=request: blocks_cover_tokens(request, config))
        ctx.prove(f"{label}: {name} holds its tokens", covered)


def prove_step(ctx, engine: Engine, label):
    """Run a step with any number of accepted drafts, and claim what has to hold in it."""
    config = engine.config
    decodes = [name for name in engine.places[Place.RUNNING] if engine.requests[name].is_decoding]
    launch = engine.schedule()
    covers = ctx.merged(lambda: launch_covers_step(launch.launch_tokens, launch.num_tokens, launch.plan.num_chunks))
    ctx.prove(f"{label}: the launch covers the step", covers)
    ctx.prove(f"{label}: the step is within the limit", launch.num_tokens <= config.max_num_batched_tokens)
    for name in decodes if config.runs_decode else ():
        if name in engine.places[Place.RUNNING]:
            served = ctx.merged(
                lambda name=name: decode_is_served(engine.requests[name], without_visit(config), config)
            )
            ctx.prove(f"{label}: {name} is served", served)

    def accepted_drafts(name):
        number = ctx.integer(f"{label}.{name}.num_accepted_drafts", 0)
        ctx.assume(number < config.tokens_per_seq)
        return number

    outcome = engine.complete(accepted_drafts)
    ctx.prove(f"{label}: rank 0 sends, once", outcome.sending_ranks == (0,))
    ctx.prove(f"{label}: every rank is cleaned up", engine.last_preempted_idx == [0, 0])
    prove_consistent(ctx, engine, label)
    return outcome


def mixed_node(ctx):
    """Two requests; the second arrives with the first or later; one of them may be aborted in between."""
    policy = MergedPolicy(REFERENCE)
    engine = any_engine(ctx, policy, Role.MIXED)
    engine.add_request(FIRST, *any_sizes(ctx, FIRST, engine.config))
    second = any_sizes(ctx, SECOND, engine.config)
    arrives = ctx.one_of("second_arrives", ("at once", "later"))
    if arrives == "at once":
        engine.add_request(SECOND, *second)
    prove_step(ctx, engine, "step 1")
    engine.acknowledge()
    if arrives == "later":
        engine.add_request(SECOND, *second)
    elif ctx.one_of("abort", (False, True)) and FIRST in engine.requests:
        engine.abort(FIRST)
        prove_consistent(ctx, engine, "abort")
    prove_step(ctx, engine, "step 2")
    engine.acknowledge()
    prove_consistent(ctx, engine, "acknowledgement")


def decode_node(ctx):
    """Two requests come from a prefill node, the second between two steps."""
    policy = MergedPolicy(REFERENCE)
    engine = any_engine(ctx, policy, Role.DECODE)
    for name in (FIRST, SECOND):
        num_prompt_tokens, max_new_tokens = any_sizes(ctx, name, engine.config)
        ctx.assume(max_new_tokens > 1)
        if not engine.preallocate(name, num_prompt_tokens, max_new_tokens):
            ctx.cover(f"{name} is refused")
    if FIRST in engine.requests:
        engine.receive(FIRST)
    prove_step(ctx, engine, "step 1")
    if SECOND in engine.requests:
        engine.receive(SECOND)
        ctx.cover("the second joins")
    prove_step(ctx, engine, "step 2")
    engine.acknowledge()
    prove_consistent(ctx, engine, "acknowledgement")


def prefill_node(ctx):
    """Two requests are prefilled and handed over."""
    policy = MergedPolicy(REFERENCE)
    engine = any_engine(ctx, policy, Role.PREFILL)
    for name in (FIRST, SECOND):
        engine.preallocate(name, *any_sizes(ctx, name, engine.config))
    prove_step(ctx, engine, "step 1")
    for name in tuple(engine.requests):
        if engine.requests[name].is_decoding:
            engine.hand_over(name)
            ctx.cover(f"{name} is handed over")
    prove_step(ctx, engine, "step 2")
    prove_consistent(ctx, engine, "end")


NODES = {
    mixed_node: Mutant(
        name="admit a request and give it no blocks",
        module="schedproof.engines.fastdeploy.life.engine",
        function="Engine._hand_out_blocks",
        old="visit.grant.num_new_blocks - request.num_free_cached_blocks",
        new="0",
    ),
    decode_node: Mutant(
        name="receive a request and keep the forecast",
        module="schedproof.engines.fastdeploy.life.engine",
        function="Engine.receive",
        old="launch_forecast.after_batch_change(self.forecast)",
        new="self.forecast",
    ),
    prefill_node: Mutant(
        name="preallocate without looking at the slots",
        module="schedproof.engines.fastdeploy.life.engine",
        function="Engine.preallocate",
        old="num_slots >= self.config.max_num_seqs or ",
        new="",
    ),
}
SCOPE = "2 requests, 2 steps, blocks of 2 tokens, no drafts or one"


@pytest.mark.parametrize("node", NODES, ids=lambda node: node.__name__)
def test_runs_are_right(node, theorem):
    outcome = check_held(f"runs of a {node.__name__}", node, theorem, scope=SCOPE)
    assert {"step 2: no block is lost", "step 2: the launch covers the step"} <= outcome.reached


@pytest.mark.parametrize("node", NODES, ids=lambda node: node.__name__)
def test_mutant_is_refuted(node, theorem):
    check_refuted(f"runs of a {node.__name__}", node, NODES[node], theorem, scope=SCOPE)
