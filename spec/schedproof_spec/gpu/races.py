"""No two threads of a launch meet in one word, unless both only read it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import z3

from schedproof_spec.gpu.claims import cover, glimpse, settle
from schedproof_spec.gpu.counting import all_of, any_of
from schedproof_spec.gpu.memory import Access, Log, Place
from schedproof_spec.gpu.products import Product
from schedproof_spec.prover.context import Context, SymbolicContext
from schedproof_spec.prover.prove import Theorem
from schedproof_spec.prover.symbolic import SymBool, SymInt

Known = Callable[[Access, Access], list[SymBool]]
"""Facts about what two accesses of different threads depend on."""


def nothing_known(first: Access, second: Access) -> list[SymBool]:
    """Return no facts."""
    return []


def conflicts(log: Log) -> Iterator[tuple[Access, Access]]:
    """Yield every two accesses of one array, each also with itself, of which one writes."""
    for first, second in itertools.combinations_with_replacement(log.accesses.values(), 2):
        apart = first.place is Place.SHARED and first.phase != second.phase
        if first.array == second.array and (first.writes or second.writes) and not apart:
            yield first, second


def no_races(log: Log, known: Known = nothing_known) -> Theorem:
    """The theorem about a launch whose accesses have been recorded."""
    if len(log.barriers) > 1:
        raise ValueError(f"threads meet different numbers of barriers: {sorted(log.barriers)}")
    others = as_another_thread(log)
    pairs = [(first, others[second.key()]) for first, second in conflicts(log)]
    last_of = {pair[0].array: pair for pair in pairs}
    happens = {id(access): access.happens() for access in (*log.accesses.values(), *others.values())}

    def theorem(ctx: Context) -> None:
        assert isinstance(ctx, SymbolicContext)
        pair = first, other = ctx.one_of("pair", pairs)
        products = dict.fromkeys([*first.products, *other.products])
        facts = [happens[id(first)], happens[id(other)]]
        for one, two in itertools.product(first.products, other.products):
            if one not in other.products and two not in first.products:
                facts += log.unknowns.comparison(one, two)
        for fact in facts:
            ctx.explorer.assume(fact)
        for known_fact in known(first, other):
            ctx.assume(known_fact)
        ctx.assume(differ(first.coordinates, other.coordinates))
        if first.place is Place.SHARED:
            ctx.assume(equal(first.block, other.block))
        apart = differ(first.indices, other.indices).term
        label = f"no two threads meet in {first.array}"
        look = cover if pair is last_of[first.array] else glimpse
        look(ctx, log.unknowns, products, [label])
        settle(ctx, log.unknowns, products, [(label, lambda: apart)])

    return theorem


class Renaming:
    """New names for what every thread has its own of, in any number of terms at once."""

    def __init__(self, own: Sequence[z3.ExprRef], terms: Sequence[z3.ExprRef]) -> None:
        self.old = {term.get_id(): term for term in terms}
        together = z3.Function("together", *(term.sort() for term in self.old.values()), z3.BoolSort())
        names = [(term, z3.Int(f"{term.decl().name()}'")) for term in own]
        renamed = z3.substitute(together(*self.old.values()), *names).children()
        self.new = dict(zip(self.old, renamed, strict=True))

    def __call__(self, term: z3.ExprRef) -> z3.ExprRef:
        """Return one of the terms, renamed."""
        return self.new[term.get_id()]

    def product(self, product: Product) -> Product:
        """Return a product, which stays the same one where no part has a new name."""
        left, right, value = self(product.left), self(product.right), self(product.value)
        return product if value.eq(product.value) else Product(left, right, value)

    def of_all(self, values: Sequence[SymInt]) -> tuple[SymInt, ...]:
        """Return several of them."""
        return tuple(SymInt(self(value.term)) for value in values)


def as_another_thread(log: Log) -> dict[tuple[object, ...], Access]:
    """Return every access with new names for what its thread has its own of, by the access's own key."""
    products = {product: None for access in log.accesses.values() for product in access.products}
    renamed = Renaming(
        list(log.unknowns.own.values()),
        [
            *(fact for access in log.accesses.values() for way in access.ways for fact in way.values()),
            *(number.term for access in log.accesses.values() for number in access.numbers()),
            *(term for product in products for term in (product.left, product.right, product.value)),
        ],
    )
    others = {product: renamed.product(product) for product in products}
    return {
        key: replace(
            access,
            indices=renamed.of_all(access.indices),
            value=None if access.value is None else renamed.of_all([access.value])[0],
            ways=[{key: renamed(fact) for key, fact in way.items()} for way in access.ways],
            products=dict.fromkeys(others[product] for product in access.products),
            coordinates=renamed.of_all(access.coordinates),
            block=renamed.of_all(access.block),
        )
        for key, access in log.accesses.items()
    }


def differ(ours: tuple[SymInt, ...], theirs: tuple[SymInt, ...]) -> SymBool:
    """Return that two places are not the same."""
    return any_of(*(one != other for one, other in zip(ours, theirs, strict=True)))


def equal(ours: tuple[SymInt, ...], theirs: tuple[SymInt, ...]) -> SymBool:
    """Return that two places are the same."""
    return all_of(*(one == other for one, other in zip(ours, theirs, strict=True)))
