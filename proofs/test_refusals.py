"""An engine refuses exactly what it can never serve, and what is out of order; neither leaves a trace."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from proofs.mutants.mutant import Mutant
from proofs.theorems import check_held, check_refuted

from schedproof.engines.fastdeploy.config import Role, ServingConfig
from schedproof.engines.fastdeploy.life import job
from schedproof.engines.fastdeploy.life.engine import Engine
from schedproof.engines.fastdeploy.life.job import RequestRefusedError
from schedproof.engines.fastdeploy.policies import POLICIES, REFERENCE
from schedproof.engines.fastdeploy.reference_policy import ReferencePolicy
from schedproof.engines.fastdeploy.rules.blocks import preallocated_blocks
from schedproof.engines.fastdeploy.speculation import SpeculativeConfig, SpeculativeMethod
from schedproof.kv.free_list import FreeList
from schedproof.kv.pool import BlockPool
from schedproof.request import MultimodalItem
from schedproof_spec.states.domain import any_config
from schedproof_spec.states.merged import MergedPolicy


def refuses(function, *arguments):
    try:
        function(*arguments)
    except RequestRefusedError:
        return True
    return False


def any_pool_config(ctx):
    config = any_config(ctx, MergedPolicy(REFERENCE))
    return replace(config, num_kv_blocks=ctx.integer("num_kv_blocks", 1))


def hopeless(ctx):
    """Refused: nothing to do, no room for output, or more KV slots than the whole pool has."""
    config = any_pool_config(ctx)
    prompt, new = ctx.integer("num_prompt_tokens"), ctx.integer("max_new_tokens")
    total = ctx.merged(lambda: min(prompt + new, config.max_model_len))
    refused = refuses(job.refuse_hopeless, "a", prompt, new, total, config)
    ends_with_first = ctx.merged(lambda: total <= prompt + 1 or config.role == Role.PREFILL)
    num_slots = ctx.merged(lambda: prompt if ends_with_first else total - 2 + config.tokens_per_seq)
    num_slots_of_pool = config.num_kv_blocks * config.block_size
    right = ctx.merged(
        lambda: prompt < 1 or new < 1 or prompt >= config.max_model_len or num_slots > num_slots_of_pool
    )
    ctx.prove("refused" if refused else "accepted", right if refused else ctx.merged(lambda: not right))


def bad_items(ctx):
    """Refused: items that are empty, too long, outside the prompt, or not one after the other."""
    config = any_pool_config(ctx)
    prompt = ctx.integer("num_prompt_tokens", 1)
    first, second = (
        MultimodalItem(start=ctx.integer(f"{name}.start"), end=ctx.integer(f"{name}.end"))
        for name in ("first", "second")
    )
    refused = refuses(job.refuse_bad_items, "a", prompt, (first, second), config)
    longest = config.max_multimodal_item_tokens
    in_order = ctx.merged(
        lambda: (
            first.start >= 0
            and first.start < first.end
            and first.end <= second.start
            and second.start < second.end
            and second.end <= prompt
        )
    )
    short = ctx.merged(lambda: first.end <= first.start + longest and second.end <= second.start + longest)
    ctx.prove("refused" if refused else "accepted", ctx.merged(lambda: refused != (in_order and short)))


def bad_hashes(ctx):
    """Refused: a hash for a block that the prompt does not fill, or one for two blocks."""
    config = any_pool_config(ctx)
    prompt = ctx.integer("num_prompt_tokens", 1)
    hashes = ctx.one_of("block_hashes", ((), ("x",), ("x", "y"), ("x", "x")))
    refused = refuses(job.refuse_bad_hashes, "a", prompt, hashes, config)
    filled = ctx.merged(lambda: prompt >= len(hashes) * config.block_size)
    right = ctx.merged(lambda: filled and hashes != ("x", "x"))
    ctx.prove("refused" if refused else "accepted", ctx.merged(lambda: refused != right))


def bad_preallocation(ctx):
    """Refused: more blocks than the pool has, or nothing to decode on a decode node."""
    config = any_pool_config(ctx)
    prompt, total = ctx.integer("num_prompt_tokens", 1), ctx.integer("max_total_tokens", 2)
    ctx.assume(prompt < total)
    num_blocks = ctx.merged(lambda: preallocated_blocks(prompt, config))
    refused = refuses(job.refuse_preallocation, "a", prompt, total, num_blocks, config)
    nothing = ctx.merged(lambda: config.role == Role.DECODE and total - prompt == 1)
    right = ctx.merged(lambda: num_blocks > config.num_kv_blocks or nothing)
    ctx.prove("refused" if refused else "accepted", ctx.merged(lambda: refused == right))


JOB = "schedproof.engines.fastdeploy.life.job"
RULES = {
    hopeless: Mutant(
        name="accept a prompt without room for output",
        module=JOB,
        function="refuse_hopeless",
        old="num_prompt_tokens >= config",
        new="num_prompt_tokens > config",
    ),
    bad_items: Mutant(
        name="accept an item that begins inside the one before",
        module=JOB,
        function="refuse_bad_items",
        old="position = item.end",
        new="position = item.start",
    ),
    bad_hashes: Mutant(
        name="accept a hash for a block that is not full",
        module=JOB,
        function="refuse_bad_hashes",
        old="len(block_hashes) > num_full_blocks",
        new="len(block_hashes) > num_full_blocks + 1",
    ),
    bad_preallocation: Mutant(
        name="refuse what takes the whole pool",
        module=JOB,
        function="refuse_preallocation",
        old="num_blocks > config.num_kv_blocks",
        new="num_blocks >= config.num_kv_blocks",
    ),
}
SCOPE = "every configuration, requests of any size"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_refuses_exactly(rule, theorem):
    outcome = check_held(f"refused: {rule.__name__}", rule, theorem, scope=SCOPE)
    assert outcome.reached == {"refused", "accepted"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_mutant_is_refuted(rule, theorem):
    check_refuted(f"refused: {rule.__name__}", rule, RULES[rule], theorem, scope=SCOPE)


CONFIG = ServingConfig(max_num_seqs=2, max_num_batched_tokens=64, max_model_len=64, num_kv_blocks=8, block_size=16)
MTP = SpeculativeConfig(method=SpeculativeMethod.MTP, num_speculative_tokens=1)
NODES = {role: replace(CONFIG, role=role, speculation=MTP) for role in Role}


@pytest.mark.parametrize("num_kv_blocks", [None, 0])
def test_an_engine_needs_blocks(num_kv_blocks):
    with pytest.raises(ValueError, match="num_kv_blocks"):
        Engine(replace(CONFIG, num_kv_blocks=num_kv_blocks))


def test_an_engine_with_one_block_starts():
    Engine(replace(CONFIG, num_kv_blocks=1, block_size=64), POLICIES["original"])


def test_an_engine_starts_as_its_policy_allows():
    config = replace(CONFIG, max_num_seqs=513, max_model_len=1)
    first, second, *_ = REFERENCE.problems(config)
    with pytest.raises(ValueError, match=re.escape(f"policy reference refuses to start: {first}")):
        Engine(config)
    assert first != second


def state(engine):
    """What an event may change."""
    return (
        dict(engine.requests),
        {place: list(queue) for place, queue in engine.places.queues.items()},
        {name: list(table) for name, table in engine.pool.tables.items()},
        list(engine.pool.free),
        engine.forecast,
        engine.launched,
    )


def prefilling(engine):
    """Let request ``a`` arrive and launch its first step."""
    if engine.config.role is Role.MIXED:
        engine.add_request("a", 40, 4)
    else:
        assert engine.preallocate("a", 40, 4)
    engine.schedule()


OUT_OF_ORDER = {
    "a decode node gets no prompts": (
        Role.DECODE,
        "a decode node takes requests with `preallocate`",
        [],
        lambda e: e.add_request("b", 4, 4),
    ),
    "a mixed node preallocates nothing": (
        Role.MIXED,
        "a mixed node takes requests with `add_request`",
        [],
        lambda e: e.preallocate("b", 4, 4),
    ),
    "an id is in use": (Role.MIXED, "'a' is already running", [prefilling], lambda e: e.add_request("a", 4, 4)),
    "an id is in use on another node": (
        Role.PREFILL,
        "'a' is already running",
        [prefilling],
        lambda e: e.preallocate("a", 4, 4),
    ),
    "two launches": (Role.MIXED, "schedule: a step is launched", [prefilling], lambda e: e.schedule()),
    "nothing is launched": (Role.MIXED, "complete: no step is launched", [], lambda e: e.complete()),
    "an acknowledgement while a step runs": (
        Role.MIXED,
        "acknowledge: a step is launched",
        [prefilling],
        lambda e: e.acknowledge(),
    ),
    "a hand-over while a step runs": (
        Role.PREFILL,
        "hand_over: a step is launched",
        [prefilling],
        lambda e: e.hand_over("a"),
    ),
    "a hand-over before the prompt is done": (
        Role.PREFILL,
        "not a prefilled request of a prefill node",
        [lambda e: e.preallocate("a", 40, 4)],
        lambda e: e.hand_over("a"),
    ),
    "a hand-over on a mixed node": (
        Role.MIXED,
        "not a prefilled request of a prefill node",
        [prefilling, lambda e: e.complete()],
        lambda e: e.hand_over("a"),
    ),
    "a cache that arrives while a step runs": (
        Role.DECODE,
        "receive: a step is launched",
        [prefilling],
        lambda e: e.receive("a"),
    ),
    "a cache that nobody waits for": (
        Role.MIXED,
        "'a' is waiting and receives nothing",
        [lambda e: e.add_request("a", 4, 4)],
        lambda e: e.receive("a"),
    ),
    "a request that is not here": (Role.MIXED, "'a' is not here", [], lambda e: e.abort("a")),
    "more drafts than were verified": (
        Role.MIXED,
        "expected 0 to 1, got 2",
        [prefilling, lambda e: e.complete(), lambda e: e.schedule()],
        lambda e: e.complete(lambda name: 2),
    ),
    "fewer drafts than none": (
        Role.MIXED,
        "expected 0 to 1, got -1",
        [prefilling, lambda e: e.complete(), lambda e: e.schedule()],
        lambda e: e.complete(lambda name: -1),
    ),
}


@pytest.mark.parametrize("case", OUT_OF_ORDER)
def test_what_is_out_of_order_is_refused_and_changes_nothing(case):
    role, words, events, wrong = OUT_OF_ORDER[case]
    engine = Engine(NODES[role])
    for event in events:
        event(engine)
    before = state(engine)
    with pytest.raises((KeyError, ValueError), match=words):
        wrong(engine)
    assert state(engine) == before


def test_a_long_item_is_named_with_its_length():
    item = MultimodalItem(start=1, end=3)
    with pytest.raises(
        RequestRefusedError, match="item 1 to 3 has 2 tokens, more than max_multimodal_item_tokens 0"
    ):
        Engine(CONFIG).add_request("a", 40, 4, items=(item,))


def test_an_abort_of_an_aborted_request_changes_nothing():
    engine = Engine(NODES[Role.MIXED])
    prefilling(engine)
    engine.abort("a")
    before = state(engine)
    engine.abort("a")
    assert state(engine) == before


def test_a_preallocation_waits_for_slots_blocks_and_its_turn():
    engine = Engine(NODES[Role.DECODE])
    assert engine.preallocate("a", 4, 4)
    assert engine.preallocate("b", 4, 4) is False, "the output reserve of the first is left free"
    engine.reserve = replace(engine.reserve, initial_blocks=0)
    assert engine.preallocate("b", 4, 4)
    assert engine.preallocate("c", 4, 4) is False, "both slots are taken"


class WithoutChecks(ReferencePolicy):
    def startup_checks(self):
        return ()


def test_an_idle_decode_node_takes_what_it_can_just_finish():
    engine = Engine(replace(NODES[Role.DECODE], num_kv_blocks=4, max_model_len=128), WithoutChecks())
    assert engine.preallocate("a", 4, 60), "alone it needs 4 blocks, though it could come to hold more"


def opened_twice():
    pool = BlockPool(1)
    pool.open_table("a")
    pool.open_table("a")


BLOCK_MISUSES = {
    "no free KV block": lambda: FreeList(()).pop(),
    "KV block 3 is free already": lambda: FreeList((3,)).append(3),
    "request 'a' already has a block table": opened_twice,
}


@pytest.mark.parametrize("words", BLOCK_MISUSES)
def test_a_block_is_free_once_and_a_table_opened_once(words):
    with pytest.raises(KeyError, match=words):
        BLOCK_MISUSES[words]()
