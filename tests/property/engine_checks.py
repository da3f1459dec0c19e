"""What holds for an engine after every event; stated without the engine's own rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from schedproof import REFERENCE, Engine, Policy, Role, ServingConfig
from schedproof.engines.fastdeploy.config import ceil_div
from schedproof.engines.fastdeploy.life.places import Place
from schedproof_spec.rules.blocks import blocks_cover_tokens
from schedproof_spec.states.life import is_alive

WITHOUT_SLOT = (Place.WAITING,)
WITHOUT_BLOCKS = (Place.WAITING, Place.PREEMPTED)


def check_engine(engine: Engine, arrivals: Mapping[str, int]) -> None:
    """Check everything that holds under every policy."""
    check_places(engine)
    check_pool(engine)
    check_tables(engine)
    if not engine.policy.skips_unfit_prompts or engine.policy.uses_up_budget(engine.config):
        check_order(engine, arrivals)


def check_places(engine: Engine) -> None:
    """Each request is in one queue, the engine agrees, and slots suffice."""
    places = engine.places
    queued = [(name, place) for place in Place for name in places[place]]
    assert len(queued) == len(dict(queued)), "a request is queued twice"
    assert dict(queued) == places.place_of, "the queues and place_of disagree"
    assert places.place_of.keys() == engine.requests.keys() == engine.jobs.keys() == engine.pool.tables.keys()
    assert num_slots_held(engine) <= engine.config.max_num_seqs, "more requests than slots"
    assert engine.has_work == bool(queued)


def check_pool(engine: Engine) -> None:
    """Each KV block is free once, or in at most one position of each table."""
    pool = engine.pool
    free = list(pool.free)
    held = Counter(block_id for table in pool.tables.values() for block_id in table)
    assert len(free) == len(set(free)) == pool.num_free_blocks
    assert held.keys().isdisjoint(free), "a block is free and held"
    assert held.keys() | set(free) == set(range(pool.num_blocks)), "a block is lost"
    assert pool.num_holders == [held[block_id] for block_id in range(pool.num_blocks)]
    assert all(len(table) == len(set(table)) for table in pool.tables.values()), "a block is twice in a table"


def check_tables(engine: Engine) -> None:
    """Requests' counts are those of their tables, and who has no place in the batch holds nothing."""
    for name, request in engine.requests.items():
        assert request.request_id == name
        assert request.num_blocks == len(engine.pool.tables[name]), "num_blocks is not the table's"
        assert request.num_free_cached_blocks == request.num_shared_blocks == 0, "a count of planning was kept"
        assert request.num_total_tokens <= engine.jobs[name].max_total_tokens <= engine.config.max_model_len
        if engine.places.place_of[name] in WITHOUT_BLOCKS:
            assert request.num_blocks == request.num_computed_tokens == 0


def check_order(engine: Engine, arrivals: Mapping[str, int]) -> None:
    """First come, first served: running requests are older than preempted ones, and those than waiting ones.

    What a decode node preempts does not come back, so it is not overtaken.
    """
    places = engine.places
    preempted = [] if engine.config.role is Role.DECODE else reversed(places[Place.PREEMPTED])
    names = [*places[Place.RUNNING], *preempted, *places[Place.WAITING]]
    assert names == sorted(names, key=lambda name: arrivals[name]), "a request was overtaken"


def check_requests(engine: Engine) -> None:
    """Under the reference policy, every request is as the proofs assume it."""
    config = engine.config
    for name, request in engine.requests.items():
        assert blocks_cover_tokens(request, config), "more tokens than KV slots"
        if engine.places.place_of[name] is Place.RUNNING and engine.launched is None:
            assert is_alive(request, engine.jobs[name].max_total_tokens, config), "not as the next event expects it"


def num_preallocated(num_prompt_tokens: int, config: ServingConfig, policy: Policy) -> int:
    """Blocks that either node of a pair takes up front; published versions do not look at the table's width."""
    num_blocks = ceil_div(num_prompt_tokens, config.block_size) + config.enc_dec_block_num
    return min(num_blocks, config.max_blocks_per_seq) if policy is REFERENCE else num_blocks


def has_room(engine: Engine, num_blocks: int) -> bool:
    """Whether a slot and this many blocks are there, the output reserve of a decode node apart; nobody waits."""
    num_slots = num_slots_held(engine)
    is_first = not engine.places[Place.WAITING] and not engine.places[Place.PREEMPTED]
    per_seq = engine.num_reserved_blocks_per_seq if engine.config.role is Role.DECODE else 0
    has_blocks = num_blocks + num_slots * per_seq <= engine.pool.num_free_blocks
    return num_slots < engine.config.max_num_seqs and is_first and has_blocks


def num_slots_held(engine: Engine) -> int:
    """Slots of requests that do not wait for one."""
    places = engine.places.place_of
    return sum(1 for name in places if places[name] not in WITHOUT_SLOT or engine.requests[name].holds_slot)


def num_out_of_reach(engine: Engine) -> int:
    """Blocks that preemption cannot take: of aborted requests, and of those that wait for their hand-over.

    What a decode node lets its requests receive leaves each of them the blocks to finish.
    """
    waits_for_hand_over = engine.places[Place.RUNNING] if engine.config.role is Role.PREFILL else []
    return sum(engine.requests[name].num_blocks for name in (*engine.places[Place.ABORTING], *waits_for_hand_over))


def check_idle(engine: Engine) -> None:
    """Nothing is left of requests that ended."""
    assert not engine.has_work
    assert engine.pool.num_free_blocks == engine.pool.num_blocks
    assert engine.acknowledge() == {}


def rank(engine: Engine, request_id: str) -> int:
    """Tokens that a request has still to prefill and to generate; every step of the oldest request lowers them."""
    request = engine.requests[request_id]
    to_prefill = max(request.num_prefill_tokens_left, 0)
    return to_prefill + engine.jobs[request_id].max_total_tokens - request.num_total_tokens


def oldest(engine: Engine, arrivals: Mapping[str, int], names: Sequence[str]) -> str:
    """Return the request that came first."""
    return min(names, key=lambda name: arrivals[name])
