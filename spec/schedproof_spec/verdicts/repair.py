"""The nearest change of a configuration that makes every invariant hold, or one that is violated.

Each flag is changed alone. The solver names the nearest value that meets the conditions on the configuration
itself; the full decision of every invariant in question then judges it, so that what is offered has been proved.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import z3

from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.engines.fastdeploy.rules.capacity import loaded_dispatch_tokens
from schedproof_spec.invariant import Invariant, Proof
from schedproof_spec.prover.inquiry import Minimiser
from schedproof_spec.prover.merge import merge
from schedproof_spec.prover.paths import PathExplorer
from schedproof_spec.prover.prove import failures
from schedproof_spec.prover.symbolic import SymInt, term_of
from schedproof_spec.prover.verdict import Status
from schedproof_spec.registry import INVARIANTS
from schedproof_spec.states.domain import the_config
from schedproof_spec.states.ledger import nothing
from schedproof_spec.verdicts.decide import Verdict, proof_alone
from schedproof_spec.verdicts.question import Question
from schedproof_spec.verdicts.witness import RunWitness, Witness

MAX_VALUE = 2**20
"""Where the search for a larger value ends."""


@dataclass(frozen=True, slots=True)
class Change:
    """One field of the configuration, its value, and the value that it should have."""

    field: str
    old: int
    new: int


def find_repairs(
    policy: Policy, config: ServingConfig, verdicts: Iterable[Verdict], fields: Sequence[str]
) -> list[tuple[Change, ...]]:
    """Return the alternatives, each of which alone makes the engine start and every invariant hold.

    For each field: the nearest larger value and the nearest smaller value, where there is one.
    """
    violations = [verdict for verdict in verdicts if verdict.status is Status.VIOLATED]
    return nearest_changes(policy, config, violations, list(INVARIANTS.values()), fields)


def find_repairs_of_startup(
    policy: Policy, config: ServingConfig, fields: Sequence[str]
) -> list[tuple[Change, ...]]:
    """Return the alternatives, each of which alone makes the engine start, whatever holds then."""
    return nearest_changes(policy, config, [], [], fields)


def find_repairs_of(
    policy: Policy, config: ServingConfig, violation: Verdict, verdicts: Iterable[Verdict], fields: Sequence[str]
) -> list[tuple[Change, ...]]:
    """Return the alternatives, each of which alone makes one violated invariant hold and breaks none that holds.

    The engine starts with each; what else is violated or undecided may stay so.
    """
    others = {verdict.invariant for verdict in verdicts if verdict.status is not Status.HELD} - {
        violation.invariant
    }
    wanted = [invariant for invariant in INVARIANTS.values() if invariant.name not in others]
    return nearest_changes(policy, config, [violation], wanted, fields)


def nearest_changes(
    policy: Policy,
    config: ServingConfig,
    violations: Sequence[Verdict],
    wanted: Sequence[Invariant],
    fields: Sequence[str],
) -> list[tuple[Change, ...]]:
    """Return the nearest change of each field, upwards and downwards, with which the wanted invariants hold."""
    judge = Judge(policy, violations, wanted)
    repairs: list[tuple[Change, ...]] = []
    for field in fields:
        old = value_of(config, field)
        if old is None or any(field not in INVARIANTS[verdict.invariant].fields for verdict in violations):
            continue
        candidates = Candidates(policy, config, field, wanted)
        for direction in (1, -1):
            new = nearest_safe(old, direction, candidates, functools.partial(with_value, config, field), judge)
            if new is not None:
                repairs.append((Change(field, old, new),))
    return repairs


def nearest(old: int, direction: int, candidates: Candidates, is_good: Callable[[int], bool]) -> int | None:
    """Return a good candidate beyond the old value, upwards or downwards, whose nearer neighbour is not good.

    Ever longer steps from the nearest candidate find a good one, and halving the last step the neighbours; None if
    neither the nearest nor the farthest is good.
    """
    first, last = candidates.beyond(old, direction, 1), candidates.farthest(old, direction)
    if first is None or last is None:
        return None
    if is_good(first):
        return first
    if not is_good(last):
        return None
    bad, good, step = first, last, 1
    while (nearer := candidates.beyond(bad, direction, step)) is not None and nearer != good:
        if is_good(nearer):
            good = nearer
            break
        bad, step = nearer, 2 * step
    while True:
        middle = candidates.beyond(bad, direction, max(abs(good - bad) // 2, 1))
        if middle is None or middle == good:
            return good
        if is_good(middle):
            good = middle
        else:
            bad = middle


def nearest_safe(
    old: int, direction: int, candidates: Candidates, config_with: Callable[[int], ServingConfig], judge: Judge
) -> int | None:
    """Return the nearest candidate that is safe: most often the one with which the violated invariants hold."""
    new = nearest(old, direction, candidates, lambda value: judge.repairs(config_with(value)))
    if new is None or judge.is_safe(config_with(new)):
        return new
    return nearest(old, direction, candidates, lambda value: judge.is_safe(config_with(value)))


class Candidates:
    """The values of one field under which the engine starts and its fixed sizes are right."""

    def __init__(self, policy: Policy, config: ServingConfig, field: str, wanted: Iterable[Invariant]) -> None:
        self.explorer = PathExplorer()
        self.value = z3.Int(field)
        changed = with_value(config, field, SymInt(self.value))
        conditions = [functools.partial(check.holds, changed) for check in policy.startup_checks()]
        for invariant in wanted:
            for proof in (invariant.proof, invariant.existence):
                if proof is not None and invariant.applies(config):
                    conditions.append(functools.partial(holds_without_state, proof, changed, policy))
        terms = [term_of(merge(self.explorer, condition).value) for condition in conditions]
        self.conditions = [*terms, self.value >= 0, self.value <= MAX_VALUE]

    def beyond(self, start: int, direction: int, step: int) -> int | None:
        """Return the candidate nearest to a value among those at least a step beyond it."""
        distance = direction * (self.value - start) - step
        least = self._least(distance)
        return None if least is None else start + direction * (least + step)

    def farthest(self, start: int, direction: int) -> int | None:
        """Return the last candidate beyond a value."""
        end = MAX_VALUE if direction > 0 else 0
        least = self._least(direction * (end - self.value), direction * (self.value - start) > 0)
        return None if least is None else end - direction * least

    def _least(self, distance: z3.ArithRef, *further: z3.BoolRef) -> int | None:
        conditions = [*self.conditions, distance >= 0, *further]
        return Minimiser(conditions, self.explorer.resource_limit, self.explorer.work).least(distance)


def holds_without_state(proof: Proof, config: ServingConfig, policy: Policy) -> bool:
    """Return whether a proof's claims hold as far as they speak of the configuration alone."""
    return not failures(lambda ctx: proof(ctx, the_config(config), policy, nothing), {})


class Judge:
    """Says whether a configuration is safe; the states that broke the one at hand may break it too."""

    def __init__(self, policy: Policy, violations: Iterable[Verdict], wanted: Sequence[Invariant]) -> None:
        self.policy = policy
        self.wanted = wanted
        self.violated = [INVARIANTS[verdict.invariant] for verdict in violations]
        self.known = [
            (INVARIANTS[verdict.invariant], verdict.witness)
            for verdict in violations
            if verdict.witness is not None
        ]

    def repairs(self, config: ServingConfig) -> bool:
        """Return whether the engine starts and what is violated now holds in every state."""
        if self.policy.problems(config):
            return False
        if any(breaks(witness, invariant, self.policy, config) for invariant, witness in self.known):
            return False
        return self._hold(self.violated, config)

    def is_safe(self, config: ServingConfig) -> bool:
        """Return whether the engine starts and every wanted invariant that applies holds in every state."""
        return self.repairs(config) and self._hold(self.wanted, config)

    def _hold(self, invariants: Sequence[Invariant], config: ServingConfig) -> bool:
        return all(
            proof_alone(Question(invariant, self.policy, config)).status is Status.HELD
            for invariant in invariants
            if invariant.applies(config)
        )


def breaks(witness: Witness, invariant: Invariant, policy: Policy, config: ServingConfig) -> bool:
    """Return whether what broke an invariant does so in this configuration; False when in doubt."""
    if not invariant.applies(config):
        return False
    if isinstance(witness, RunWitness):
        changed = replace(witness, config=replace(config, num_kv_blocks=witness.config.num_kv_blocks))
        try:
            return not changed.replay(invariant, policy).holds
        except ValueError:
            return False
    proof = invariant.existence if witness.note and invariant.existence is not None else invariant.proof
    return bool(failures(lambda ctx: proof(ctx, the_config(config), policy, nothing), dict(witness.numbers)))


def value_of(config: ServingConfig, field: str) -> int | None:
    """Return a field's value, which may be the engine's; the draft count lives in the speculative config."""
    if field == "num_speculative_tokens":
        return None if config.speculation is None else config.speculation.num_speculative_tokens
    if field == "num_max_dispatch_tokens_per_rank":
        return loaded_dispatch_tokens(config)
    value = getattr(config, field)
    return value if isinstance(value, int) else None


def with_value(config: ServingConfig, field: str, value: Any) -> ServingConfig:
    """Return the configuration with one field changed."""
    if field == "num_speculative_tokens":
        assert config.speculation is not None
        return replace(config, speculation=replace(config.speculation, num_speculative_tokens=value))
    return replace(config, **{field: value})
