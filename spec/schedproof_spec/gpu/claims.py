"""Claims about states with products of unknown integers, proved without looking into these where that suffices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import z3

from schedproof_spec.gpu.products import Product, Unknowns
from schedproof_spec.prover.context import SymbolicContext
from schedproof_spec.prover.paths import PathExplorer
from schedproof_spec.prover.symbolic import SymBool

Claim = tuple[str, Callable[[], z3.BoolRef]]
"""What is claimed, and the condition that is to hold."""


def settle(ctx: SymbolicContext, unknowns: Unknowns, products: Iterable[Product], claims: Iterable[Claim]) -> None:
    """Prove claims about the same state, together if that is possible, else one by one."""
    if ctx.explorer.is_replaying:
        return
    conditions = [(label, unknowns.simplified(condition())) for label, condition in claims]
    doubtful = [claim for claim in conditions if not z3.is_true(claim[1])]
    if len(doubtful) > 1 and is_known(ctx, z3.And(*(condition for _, condition in doubtful))):
        doubtful = []
    for label, condition in doubtful:
        settle_alone(ctx, unknowns, products, label, condition)
    ctx.claims.proved.update(label for label, _ in conditions)


def is_known(ctx: SymbolicContext, condition: z3.BoolRef) -> bool:
    """Whether a condition holds by what is known of products."""
    return bool(ctx.explorer.is_satisfiable(z3.Not(condition)) == z3.unsat)


def settle_alone(
    ctx: SymbolicContext, unknowns: Unknowns, products: Iterable[Product], label: str, condition: z3.BoolRef
) -> None:
    """Prove a claim from what is known of products, or if that is not enough from their definition.

    A product without its definition has more values than it should, so that only a proof can rest on it.
    """
    if is_known(ctx, condition):
        return
    explorer, defined = ctx.explorer, tuple(products)
    with explorer.supposing(z3.Not(condition)):
        is_refuted = has_linear_state(explorer, unknowns, defined)
    with explorer.supposing(*(product.definition for product in defined)):
        if is_refuted:
            ctx.claims.refuted = label
            ctx.on_refuted(label, z3.Not(condition))
        ctx.prove(label, SymBool(condition))


def cover(ctx: SymbolicContext, unknowns: Unknowns, products: Iterable[Product], labels: Iterable[str]) -> None:
    """Note which of these claims a state of the path gets to, in which every product is as defined."""
    glimpse(ctx, unknowns, products, labels)
    explorer = ctx.explorer
    if explorer.is_replaying or ctx.claims.reached.issuperset(labels):
        return
    with explorer.supposing(*(product.definition for product in products)):
        for label in labels:
            ctx.cover(label)


def glimpse(ctx: SymbolicContext, unknowns: Unknowns, products: Iterable[Product], labels: Iterable[str]) -> None:
    """As `cover`, if a state is found at little cost."""
    explorer = ctx.explorer
    if explorer.is_replaying or ctx.claims.reached.issuperset(labels):
        return
    with explorer.supposing():
        if has_linear_state(explorer, unknowns, tuple(products)):
            ctx.claims.reached.update(labels)


def has_linear_state(explorer: PathExplorer, unknowns: Unknowns, products: Sequence[Product]) -> bool:
    """Look for a state in which every product is as defined, giving one factor after the other a value.

    With one factor of each product given, what the solver has to find is linear. Adds to the solver.
    """
    given: dict[int, int] = {}
    for product in products:
        known = [factors for factors in product.factors() if factors[0].get_id() in given]
        factor, other = max(known or product.factors(), key=lambda factors: factors[0].get_id() in unknowns.sizes)
        if not known:
            _, state = explorer.look()
            if state is None:
                return False
            given[factor.get_id()] = explorer.value_in(state, factor).as_long()
            explorer.tell(factor == given[factor.get_id()])
        explorer.tell(product.value == given[factor.get_id()] * other)
    found, _ = explorer.look()
    return bool(found == z3.sat)
