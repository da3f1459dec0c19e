"""Searches for the smallest state that breaks an invariant."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping

from schedproof.engines.fastdeploy.loop import schedule
from schedproof.engines.fastdeploy.policy import Policy
from schedproof_spec.invariant import Invariant
from schedproof_spec.prover.context import Context, RecordingContext
from schedproof_spec.prover.prove import Theorem, failures_in, search
from schedproof_spec.prover.verdict import Outcome
from schedproof_spec.states.domain import Configs, Shape, any_queues
from schedproof_spec.states.ledger import Claim
from schedproof_spec.verdicts.question import Question
from schedproof_spec.verdicts.witness import Witness, plain_config


def refute(question: Question, policy: Policy, given: Claim) -> tuple[list[Outcome], Witness | None]:
    """Search domain by domain and shape by shape; return what became of each search, and the state of the last."""
    searches = []
    theorems = theorems_about_states(question.invariant, policy, given)
    for configs, (shape, theorem_in) in itertools.product(question.searched_configs, theorems.items()):
        theorem = theorem_in(configs)
        found = search(theorem)
        searches.append(found)
        if found.values is not None:
            return searches, witness_of(theorem, configs, policy, found.values, shape)
    return searches, None


def theorems_about_states(
    invariant: Invariant, policy: Policy, given: Claim
) -> dict[Shape | None, Callable[[Configs], Theorem]]:
    """Return the claims whose refutation is a state: one a shape, or a single one about configurations."""
    if invariant.on_plan is None:
        return {None: lambda configs: lambda ctx: invariant.proof(ctx, configs, policy, given)}
    return {shape: functools.partial(step_theorem, invariant, policy, shape) for shape in invariant.shapes}


def step_theorem(invariant: Invariant, policy: Policy, shape: Shape, configs: Configs) -> Theorem:
    """Return the claim that every planned step of this shape keeps the invariant."""

    def theorem(ctx: Context) -> None:
        config = configs(ctx, policy)
        queues = any_queues(ctx, config, shape)
        plan = schedule(queues, config, policy)
        assert invariant.on_plan is not None
        on_plan = invariant.on_plan
        ctx.prove(invariant.name, ctx.merged(lambda: on_plan(plan, queues, config, policy)))

    return theorem


def witness_of(
    theorem: Theorem, configs: Configs, policy: Policy, values: Mapping[str, int], shape: Shape | None
) -> Witness:
    """Return the state that these numbers stand for."""
    ctx = RecordingContext(values)
    config = configs(ctx, policy)
    if shape is not None:
        return Witness(config=plain_config(config), queues=any_queues(ctx, config, shape))
    whole = RecordingContext(values)
    failures_in(theorem, whole)
    numbers = {name: values[name] for name in whole.drawn if name not in ctx.drawn}
    return Witness(config=plain_config(config), numbers=numbers)
