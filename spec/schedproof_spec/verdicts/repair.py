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
from schedproof_spec.verdicts.crowds import breaks_in_a_run_like
from schedproof_spec.verdicts.decide import Verdict, is_held
from schedproof_spec.verdicts.proved import always_attained
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
    """Return the nearest candidate that is safe.

    Most often it is the nearest that is not refused at little cost; else one beyond it.
    """

    def is_open(value: int) -> bool:
        return not judge.refuses(config_with(value))

    def is_safe(value: int) -> bool:
        return judge.is_safe(config_with(value))

    new = nearest(old, direction, candidates, is_open)
    if new is None or is_safe(new):
        return new
    last = candidates.farthest(new, direction)
    return None if last is None or not is_safe(last) else nearest(new, direction, candidates, is_safe)


class Candidates:
    """The values of one field under which the engine starts and its fixed sizes are right."""

    def __init__(self, policy: Policy, config: ServingConfig, field: str, wanted: Iterable[Invariant]) -> None:
        self.policy = policy
        self.config = config
        self.field = field
        self.proofs = [
            proof
            for invariant in wanted
            if invariant.applies(config)
            for proof in (invariant.proof, invariant.existence)
            if proof is not None
        ]
        self.explorer = PathExplorer()
        self.value = z3.Int(field)

    def beyond(self, start: int, direction: int, step: int) -> int | None:
        """Return the candidate nearest to a value among those at least a step beyond it."""
        nearest = start + direction * step
        if self._has(nearest):
            return nearest
        distance = direction * (self.value - start) - step
        least = self._least(distance)
        return None if least is None else start + direction * (least + step)

    def farthest(self, start: int, direction: int) -> int | None:
        """Return the last candidate beyond a value."""
        end = MAX_VALUE if direction > 0 else 0
        if direction * (end - start) > 0 and self._has(end):
            return end
        least = self._least(direction * (end - self.value), direction * (self.value - start) > 0)
        return None if least is None else end - direction * least

    def _has(self, value: int) -> bool:
        if not 0 <= value <= MAX_VALUE:
            return False
        return all(condition() for condition in self._conditions_with(value))

    def _conditions_with(self, value: Any) -> list[Callable[[], bool]]:
        changed = with_value(self.config, self.field, value)
        return [
            *(functools.partial(check.holds, changed) for check in self.policy.startup_checks()),
            *(functools.partial(holds_without_state, proof, changed, self.policy) for proof in self.proofs),
        ]

    @functools.cached_property
    def _conditions(self) -> list[z3.BoolRef]:
        symbolic = self._conditions_with(SymInt(self.value))
        terms = [term_of(merge(self.explorer, condition).value) for condition in symbolic]
        return [*terms, self.value >= 0, self.value <= MAX_VALUE]

    def _least(self, distance: z3.ArithRef, *further: z3.BoolRef) -> int | None:
        conditions = [*self._conditions, distance >= 0, *further]
        return Minimiser(conditions, self.explorer.resource_limit, self.explorer.work).least(distance)


def holds_without_state(proof: Proof, config: ServingConfig, policy: Policy) -> bool:
    """Return whether a proof's claims hold as far as they speak of the configuration alone."""
    return not failures(lambda ctx: proof(ctx, the_config(config), policy, nothing), {})


class Judge:
    """Says whether a configuration is safe; what broke the one at hand may break it too."""

    def __init__(self, policy: Policy, violations: Iterable[Verdict], wanted: Sequence[Invariant]) -> None:
        self.policy = policy
        violated = [INVARIANTS[verdict.invariant] for verdict in violations]
        self.wanted = [*violated, *(invariant for invariant in wanted if invariant not in violated)]
        self.bounds = [invariant for invariant in violated if invariant.existence is not None]
        self.known = [
            (INVARIANTS[verdict.invariant], verdict.witness)
            for verdict in violations
            if verdict.witness is not None
        ]
        self._refused: dict[ServingConfig, bool] = {}

    def refuses(self, config: ServingConfig) -> bool:
        """Return whether the engine does not start, or it costs little to see that what was violated still is.

        Either no state attains a bound, or runs on numbers break a rule.
        """
        if config not in self._refused:
            self._refused[config] = (
                bool(self.policy.problems(config))
                or any(not self._is_attained(invariant, config) for invariant in self.bounds)
                or any(breaks(witness, invariant, self.policy, config) for invariant, witness in self.known)
            )
        return self._refused[config]

    def _is_attained(self, invariant: Invariant, config: ServingConfig) -> bool:
        if not invariant.applies(config):
            return True
        return always_attained(Question(invariant, self.policy, config)).is_held

    def is_safe(self, config: ServingConfig) -> bool:
        """Return whether the engine starts and every wanted invariant that applies holds in every state."""
        return not self.refuses(config) and all(
            is_held(Question(invariant, self.policy, config))
            for invariant in self.wanted
            if invariant.applies(config)
        )


def breaks(witness: Witness, invariant: Invariant, policy: Policy, config: ServingConfig) -> bool:
    """Return whether what broke an invariant does so in this configuration; False when in doubt."""
    if not invariant.applies(config):
        return False
    if isinstance(witness, RunWitness):
        return breaks_in_a_run_like(witness, invariant, policy, config)
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
