"""What the scheduler finds of an engine at the beginning of a step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from schedproof.engines.fastdeploy.life import request_events as life
from schedproof.engines.fastdeploy.life.places import Place
from schedproof.engines.fastdeploy.turns import Queues
from schedproof.kv.prefix_cache import num_blocks_free_without, num_blocks_held_twice, num_shared_blocks
from schedproof.request import Request

if TYPE_CHECKING:
    from schedproof.engines.fastdeploy.life.engine import Engine


def queues_of(engine: Engine) -> Queues:
    """Return the queues, and what is free.

    A request that waits for its hand-over keeps its slot and its blocks, and is listed only where the policy counts
    it: nothing preempts it, because its first token must not be generated again. Nothing is listed as waiting while
    an older request is preempted and not acknowledged yet: it would be overtaken.
    """
    lists_all = engine.policy.counts_prefilled
    running = [name for name in engine.places[Place.RUNNING] if lists_all or not engine.awaits_hand_over(name)]
    waiting = () if engine.places[Place.PREEMPTED] else engine.first_waiting()
    return Queues(
        running=tuple(with_most_output(engine, request) for request in as_victims(engine, running)),
        waiting=tuple(
            with_cached_prefix(engine, with_most_output(engine, engine.requests[name])) for name in waiting
        ),
        num_free_blocks=engine.pool.num_free_blocks,
        num_held_slots=engine.num_slots_used - len(running),
        num_reserved_blocks_per_seq=engine.num_reserved_blocks_per_seq,
        num_reserved_blocks_after_preemption=0 if engine.ratio_reserve else engine.reserve.initial_blocks,
        ratio_reserve=engine.ratio_reserve,
    )


def with_most_output(engine: Engine, request: Request) -> Request:
    """Return a request with the tokens that it may generate, where blocks are reserved by them."""
    if engine.ratio_reserve is None:
        return request
    most = engine.jobs[request.request_id].max_total_tokens - request.num_prompt_tokens
    return replace(request, max_output_tokens=most)


def as_victims(engine: Engine, running: Sequence[str]) -> list[Request]:
    """Return running requests with the blocks that stay in use when each leaves.

    An aborted decode leaves from the middle of the list when it is visited; who left before it is not known yet, so
    as many of its blocks as may stay are counted.
    """
    if not engine.prefix_cache.has_content:
        return [engine.requests[request_id] for request_id in running]
    shared = num_shared_blocks(engine.pool, running)
    leaving = [name for name in running if leaves_when_visited(engine, name)]
    shared |= {name: num_blocks_held_twice(engine.pool, name) for name in leaving}
    return [replace(engine.requests[name], num_shared_blocks=shared[name]) for name in running]


def leaves_when_visited(engine: Engine, request_id: str) -> bool:
    """Return whether a running request is an aborted decode, which the loop takes out."""
    request = engine.requests[request_id]
    return engine.policy.aborts_when_visited and request.is_aborted and request.is_decoding


def cached_prefix(engine: Engine, request: Request) -> list[int]:
    """Return the blocks of the longest cached beginning of a prompt that the request can use."""
    cached = engine.prefix_cache.longest_prefix(engine.jobs[request.request_id].block_hashes)
    return cached[: life.num_usable_cached_blocks(request, len(cached), engine.config)]


def with_cached_prefix(engine: Engine, request: Request) -> Request:
    """Return a waiting request as it is admitted: its cached prefix is computed already."""
    if not engine.prefix_cache.has_content:
        return request
    blocks = cached_prefix(engine, request)
    leaving = [name for name in engine.places[Place.RUNNING] if leaves_when_visited(engine, name)]
    num_free = num_blocks_free_without(engine.pool, blocks, leaving)
    return life.with_cached_prefix(request, len(blocks), num_free, engine.config)
