"""What a replay checks after every step: the predicates that the prover decides, on the numbers of the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain

from schedproof import Engine, Launch, Policy, Queues, ServingConfig, StepOutcome
from schedproof.engines.fastdeploy.life.places import Place
from schedproof.kv.pool import BlockPool
from schedproof_spec import INVARIANTS
from schedproof_spec.invariants.blocks import BLOCKS_CONSERVED, block_is_conserved
from schedproof_spec.invariants.budget import BUDGET_FIELDS
from schedproof_spec.invariants.overlap import LAUNCH_COVERS_STEP, launch_covers_step
from schedproof_spec.invariants.places import REQUESTS_CONSERVED, request_is_in_one_place
from schedproof_spec.invariants.progress import PROGRESS
from schedproof_spec.invariants.tokens import BLOCKS_COVER_TOKENS, blocks_cover_tokens
from schedproof_spec.run_invariant import RunInvariant

STEPS_PER_INVENTORY = 500
"""Steps between two inventories of the pool, block by block; its totals are compared after every step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedStep:
    """A step with what the scheduler found before it, and the engine after it."""

    index: int
    engine: Engine
    queues: Queues
    launch: Launch
    outcome: StepOutcome


@dataclass(frozen=True, slots=True)
class Rule:
    """An invariant as a report needs it."""

    name: str
    sentence: str
    fields: tuple[str, ...]
    """The fields of `ServingConfig` to look at when it is violated."""


@dataclass(frozen=True, slots=True)
class Check:
    """One invariant, asked of a completed step."""

    rule: Rule
    holds: Callable[[CompletedStep], bool]


def checks_of(config: ServingConfig, policy: Policy) -> tuple[Check, ...]:
    """Return every check that applies to a configuration."""
    return (*plan_checks(config, policy), *RUN_CHECKS)


def plan_checks(config: ServingConfig, policy: Policy) -> tuple[Check, ...]:
    """Return the invariants of a planned step."""
    return tuple(
        Check(
            Rule(invariant.name, invariant.sentence, invariant.fields),
            lambda step, on_plan=invariant.on_plan: on_plan(step.launch.plan, step.queues, config, policy),  # type: ignore[misc]
        )
        for invariant in INVARIANTS.values()
        if invariant.on_plan is not None and invariant.applies(config)
    )


def tokens_are_covered(step: CompletedStep) -> bool:
    """Every running request's blocks have slots for its tokens."""
    engine = step.engine
    return all(
        blocks_cover_tokens(engine.requests[request_id], engine.config)
        for request_id in engine.places[Place.RUNNING]
    )


def blocks_add_up(step: CompletedStep) -> bool:
    """As many blocks are free as nobody holds, and all are held as often as tables list them."""
    pool = step.engine.pool
    num_listed = sum(map(len, pool.tables.values()))
    totals = pool.num_holders.count(0) == pool.num_free_blocks and sum(pool.num_holders) == num_listed
    return totals and (step.index % STEPS_PER_INVENTORY != 0 or inventory_is_right(pool))


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


def requests_add_up(step: CompletedStep) -> bool:
    """The queues hold as many requests as live, each with its state, and none that has just ended."""
    places, live = step.engine.places, len(step.engine.requests)
    in_queues = sum(map(len, places.queues.values()))
    ended = all(request_is_in_one_place(places.place_of.get(name), []) for name in step.outcome.ended)
    return in_queues == live and len(places.place_of) == live and ended


def launch_is_covered(step: CompletedStep) -> bool:
    """The step was launched with what it runs."""
    launch = step.launch
    return launch_covers_step(launch.launch_tokens, launch.num_tokens, launch.plan.num_chunks)


def rule_of(invariant: RunInvariant, fields: tuple[str, ...]) -> Rule:
    """Return an invariant over many steps as a rule."""
    return Rule(invariant.name, invariant.sentence, fields)


RUN_CHECKS = (
    Check(rule_of(BLOCKS_CONSERVED, ()), blocks_add_up),
    Check(rule_of(BLOCKS_COVER_TOKENS, BUDGET_FIELDS), tokens_are_covered),
    Check(rule_of(REQUESTS_CONSERVED, ()), requests_add_up),
    Check(rule_of(LAUNCH_COVERS_STEP, ()), launch_is_covered),
)

NO_STANDSTILL = rule_of(PROGRESS, ("num_kv_blocks", *BUDGET_FIELDS))
"""Decided over the whole run: the scheduler never finds the same queues again with nothing produced in between."""
