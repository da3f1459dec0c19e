"""No two threads of a launch meet in one word, unless both only read it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace

import z3

from schedproof_spec.gpu.counting import all_of, any_of
from schedproof_spec.gpu.integers import claim_of_products, constants_of, multiples_apart
from schedproof_spec.gpu.memory import Access, Log, Place
from schedproof_spec.prover.context import Context, SymbolicContext
from schedproof_spec.prover.prove import Theorem
from schedproof_spec.prover.symbolic import SymBool, SymInt, term_of

Known = Callable[[Access, Access], list[SymBool]]
"""Facts about what two accesses of different threads depend on."""


def nothing_known(first: Access, second: Access) -> list[SymBool]:
    """Return no facts."""
    return []


def conflicts(log: Log) -> Iterator[tuple[Access, Access]]:
    """Yield every pair of accesses to one array of which one writes."""
    for first, second in itertools.product(log.writes(), log.accesses.values()):
        shared = first.place is Place.SHARED
        if first.array == second.array and (not shared or first.phase == second.phase):
            yield first, second


def no_races(log: Log, known: Known = nothing_known) -> Theorem:
    """The theorem about a launch whose accesses have been recorded."""
    others = {access.key(): as_another_thread(access) for access in log.accesses.values()}
    pairs = [(first, others[second.key()]) for first, second in conflicts(log)]
    if len(log.barriers) > 1:
        raise ValueError(f"threads meet different numbers of barriers: {sorted(log.barriers)}")

    def theorem(ctx: Context) -> None:
        assert isinstance(ctx, SymbolicContext)
        first, other = ctx.one_of("pair", pairs)
        for condition in (*first.conditions(), *other.conditions()):
            ctx.assume(SymBool(condition))
        for one, two in itertools.product(first.products, other.products):
            for fact in multiples_apart(one, two):
                ctx.assume(SymBool(fact))
        for fact in known(first, other):
            ctx.assume(fact)
        ctx.assume(differ(first.coordinates, other.coordinates))
        if first.place is Place.SHARED:
            ctx.assume(equal(first.block, other.block))
        apart = term_of(differ(first.indices, other.indices))
        assert isinstance(apart, z3.BoolRef)
        claim_of_products(ctx, [*first.products, *other.products], f"no two threads meet in {first.array}", apart)

    return theorem


def as_another_thread(access: Access) -> Access:
    """Return the access with new names for everything that a thread has its own of."""
    renaming = [(term, z3.Int(f"{term.decl().name()}'")) for term in access.private]
    own = {term.get_id() for term in access.private}

    def renamed(values: tuple[SymInt, ...]) -> tuple[SymInt, ...]:
        return tuple(SymInt(z3.substitute(value.term, *renaming)) for value in values)

    known = {key: fact for way in access.ways for key, fact in way.items()}
    facts = {key: z3.substitute(fact, *renaming) if own & mentioned(fact) else fact for key, fact in known.items()}
    return replace(
        access,
        indices=renamed(access.indices),
        value=None if access.value is None else renamed((access.value,))[0],
        ways=[{key: facts[key] for key in way} for way in access.ways],
        products=[product.renamed(renaming) for product in access.products],
        private=[new for _, new in renaming],
        coordinates=renamed(access.coordinates),
        block=renamed(access.block),
    )


def mentioned(fact: z3.BoolRef) -> set[int]:
    """Return the unknowns of a fact."""
    return {constant.get_id() for constant in constants_of(fact)}


def differ(ours: tuple[SymInt, ...], theirs: tuple[SymInt, ...]) -> SymBool:
    """Return that two places are not the same."""
    return any_of(*(one != other for one, other in zip(ours, theirs, strict=True)))


def equal(ours: tuple[SymInt, ...], theirs: tuple[SymInt, ...]) -> SymBool:
    """Return that two places are the same."""
    return all_of(*(one == other for one, other in zip(ours, theirs, strict=True)))
