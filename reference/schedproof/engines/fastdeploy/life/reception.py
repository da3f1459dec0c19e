"""Whether a decode node has room for a request that was prefilled elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schedproof.engines.fastdeploy.life.job import Job
from schedproof.engines.fastdeploy.life.places import Place
from schedproof.engines.fastdeploy.life.queues import with_most_output
from schedproof.engines.fastdeploy.rules.token_ratio import reserved_blocks
from schedproof.engines.fastdeploy.rules.transfers import leaves_room_to_finish
from schedproof.request import Request

if TYPE_CHECKING:
    from schedproof.engines.fastdeploy.life.engine import Engine


def may_receive(engine: Engine, newcomer: Request, num_slots: int, job: Job) -> bool:
    """Return whether the output reserve stays untouched, and everybody can finish beside the newcomer."""
    reserved = 0
    if engine.ratio_reserve is not None:
        running = (with_most_output(engine, engine.requests[name]) for name in engine.places[Place.RUNNING])
        reserved = reserved_blocks(running, engine.ratio_reserve, engine.config.block_size)
    num_needed = engine.policy.blocks_to_admit(
        newcomer.num_blocks,
        len(engine.places[Place.RUNNING]),
        num_slots,
        engine.num_reserved_blocks_per_seq,
        reserved,
        engine.config,
    )
    if num_needed > engine.pool.num_free_blocks:
        return False
    return not engine.policy.plans_transfers or num_slots == 0 or lets_all_finish(engine, newcomer, job)


def lets_all_finish(engine: Engine, newcomer: Request, job: Job) -> bool:
    """Return whether everybody on the node can finish beside a newcomer."""
    receiving = [(newcomer, job.max_total_tokens), *with_limits(engine, Place.RECEIVING)]
    return leaves_room_to_finish(receiving, with_limits(engine, Place.RUNNING), engine.config)


def with_limits(engine: Engine, place: Place) -> list[tuple[Request, int]]:
    """Return the requests of a place, each with the most tokens that it can come to."""
    return [(engine.requests[name], engine.jobs[name].max_total_tokens) for name in engine.places[place]]
