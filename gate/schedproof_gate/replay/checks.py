"""What a replay checks after every step: the predicates that the prover decides, on the numbers of the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain

from schedproof import Engine, Policy, ServingConfig
from schedproof.engines.fastdeploy.life.places import Place
from schedproof.kv.pool import BlockPool
from schedproof_spec import INVARIANTS
from schedproof_spec.rules.blocks import block_is_conserved, blocks_cover_tokens
from schedproof_spec.rules.budget import budget_is_not_negative
from schedproof_spec.rules.life import request_is_in_one_place
from schedproof_spec.rules.overlap import launch_covers_step
from schedproof_spec.states.runs import RunStep

STEPS_PER_INVENTORY = 500
"""Steps between two inventories of the pool, block by block; its totals are compared after every step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedStep:
    """A step, and the engine after it."""

    index: int
    engine: Engine
    step: RunStep


@dataclass(frozen=True, slots=True)
class Check:
    """One invariant by name, asked of a completed step."""

    name: str
    holds: Callable[[CompletedStep], bool]


def checks_of(config: ServingConfig, policy: Policy) -> tuple[Check, ...]:
    """Return every check that applies to a configuration, in the order of the invariants.

    Where the engine itself, or the lowest point of a step, tells the same sooner than the statement about a whole
    step of a run, that is asked instead.
    """
    checks = []
    for name, invariant in INVARIANTS.items():
        if name in SHORT_CUTS and invariant.applies(config):
            checks.append(Check(name, SHORT_CUTS[name]))
        elif invariant.on_run is not None and invariant.applies(config) and name != NO_STANDSTILL:
            checks.append(Check(name, lambda done, on_run=invariant.on_run: on_run(done.step, policy)))  # type: ignore[misc]
    return tuple(checks)


def budget_stays(done: CompletedStep) -> bool:
    """The budget is not negative where it is lowest."""
    lowest = min(done.step.plan.ledgers, key=lambda ledger: ledger.budget)
    return budget_is_not_negative(lowest.view(done.step.config))


def tokens_are_covered(done: CompletedStep) -> bool:
    """Every running request's blocks have slots for its tokens; no other request holds any."""
    engine = done.engine
    return all(
        blocks_cover_tokens(engine.requests[request_id], engine.config)
        for request_id in engine.places[Place.RUNNING]
    )


def blocks_add_up(done: CompletedStep) -> bool:
    """As many blocks are free as nobody holds, and all are held as often as tables list them."""
    pool = done.engine.pool
    num_listed = sum(map(len, pool.tables.values()))
    totals = pool.num_holders.count(0) == pool.num_free_blocks and sum(pool.num_holders) == num_listed
    return totals and (done.index % STEPS_PER_INVENTORY != 0 or inventory_is_right(pool))


def inventory_is_right(pool: BlockPool) -> bool:
    """Every block is where it has to be."""
    times_listed = Counter(chain.from_iterable(pool.tables.values()))
    num_tables = Counter(chain.from_iterable(set(table) for table in pool.tables.values()))
    for block, num_holders in enumerate(pool.num_holders):
        elsewhere = max(num_tables[block] - 1, 0)
        in_table = times_listed[block] - elsewhere
        if not block_is_conserved(num_holders, block in pool.free, in_table, elsewhere):
            return False
    return True


def requests_add_up(done: CompletedStep) -> bool:
    """The queues hold as many requests as live, each with its state, and none that has just ended."""
    places, live = done.engine.places, len(done.engine.requests)
    in_queues = sum(map(len, places.queues.values()))
    ended = all(request_is_in_one_place(places.place_of.get(name), []) for name in done.step.outcome.ended)
    return in_queues == live and len(places.place_of) == live and ended


def launch_is_covered(done: CompletedStep) -> bool:
    """The step was launched with what it runs."""
    launch = done.step.outcome.launch
    return launch_covers_step(launch.launch_tokens, launch.num_tokens, launch.plan.num_chunks)


SHORT_CUTS: dict[str, Callable[[CompletedStep], bool]] = {
    "budget_nonnegative": budget_stays,
    "blocks_conserved": blocks_add_up,
    "blocks_cover_tokens": tokens_are_covered,
    "requests_conserved": requests_add_up,
    "launch_covers_step": launch_is_covered,
}

NO_STANDSTILL = "progress"
"""Decided over the whole run: the scheduler never finds the same queues again with nothing produced in between."""
