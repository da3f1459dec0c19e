"""Products and quotients of unknown integers: unknowns themselves, of which the solver is told what it needs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import z3

from schedproof_spec.prover.inquiry import Copies


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """One multiplication of two unknown integers; the same one only if it is the same object."""

    left: z3.ArithRef
    right: z3.ArithRef
    value: z3.ArithRef

    @property
    def definition(self) -> z3.BoolRef:
        """What the solver is told only where it does not get on without."""
        return self.value == self.left * self.right

    def factors(self) -> Iterator[tuple[z3.ArithRef, z3.ArithRef]]:
        """Yield each factor with the other one."""
        yield self.left, self.right
        if not self.left.eq(self.right):
            yield self.right, self.left


@dataclass(frozen=True, slots=True)
class Quotient:
    """One division by a positive unknown, rounded down as Python does."""

    value: z3.ArithRef
    rest: z3.ArithRef
    times_divisor: tuple[Product, ...]
    facts: tuple[z3.BoolRef, ...]


@dataclass(slots=True)
class Unknowns:
    """The unknowns of one exploration. One name has one meaning on all of its paths, equal operands one product."""

    own: dict[int, z3.ExprRef] = field(default_factory=dict)
    """Those that every thread has its own of, by term."""
    sizes: dict[int, z3.ExprRef] = field(default_factory=dict)
    """Those that a launch is made with, by term."""
    derived: dict[int, z3.ExprRef] = field(default_factory=dict)
    """Those that stand for a product or a quotient, by term."""
    _copies: Copies = field(default_factory=Copies)
    _simplified: dict[int, z3.ExprRef] = field(default_factory=dict)
    _products: dict[frozenset[int], tuple[Product, ...]] = field(default_factory=dict)
    _quotients: dict[tuple[int, int], tuple[Quotient, z3.ArithRef, z3.ArithRef]] = field(default_factory=dict)
    """With the operands, which must outlive their numbers in the key."""
    _facts: dict[Product, tuple[z3.BoolRef, ...]] = field(default_factory=dict)
    _comparisons: dict[tuple[Product, Product], tuple[z3.BoolRef, ...]] = field(default_factory=dict)

    def own_unknown(self, name: str) -> z3.ArithRef:
        """Return an unknown of which every thread has its own."""
        term = z3.Int(name)
        self.own[term.get_id()] = term
        return term

    def simplified(self, term: z3.ExprRef) -> z3.ExprRef:
        """Return an equal term in the solver's own form."""
        key = term.get_id()
        if key not in self._simplified:
            self._simplified[key] = self._copies.simplified(term)
        return self._simplified[key]

    def product(self, left: z3.ArithRef, right: z3.ArithRef) -> tuple[Product, ...]:
        """Return the product of two simplified terms, last, behind the products of their parts."""
        key = frozenset((left.get_id(), right.get_id()))
        if key not in self._products:
            self._products[key] = self._multiply(left, right)
        return self._products[key]

    def _multiply(self, left: z3.ArithRef, right: z3.ArithRef) -> tuple[Product, ...]:
        lefts, rights = linear_parts(left), linear_parts(right)
        if len(lefts) == len(rights) == 1 and lefts[0][0] == rights[0][0] == 1:
            return (Product(left, right, self._derived("product", left, right)),)
        value: z3.ArithRef = z3.IntVal(0)
        parts: list[Product] = []
        for (one, atom), (other, other_atom) in itertools.product(lefts, rights):
            if atom is not None and other_atom is not None:
                parts += self.product(atom, other_atom)
                value = value + one * other * parts[-1].value
            else:
                alone = other_atom if atom is None else atom
                value = value + (one * other if alone is None else one * other * alone)
        return (*parts, Product(left, right, self.simplified(value)))

    def quotient(self, left: z3.ArithRef, right: z3.ArithRef) -> Quotient:
        """Return quotient and rest of two simplified terms."""
        key = (left.get_id(), right.get_id())
        if key not in self._quotients:
            value, rest = self._derived("quotient", left, right), self._derived("rest", left, right)
            product = self.product(value, right)
            facts = (rest >= 0, rest < right, left == product[-1].value + rest)
            self._quotients[key] = Quotient(value, rest, product, facts), left, right
        return self._quotients[key][0]

    def _derived(self, name: str, *operands: z3.ArithRef) -> z3.ArithRef:
        """Return a new unknown, every thread's own if one of the operands is."""
        term = z3.Int(f"{name}!{len(self._products) + len(self._quotients)}")
        if any(constant.get_id() in self.own for operand in operands for constant in constants_of(operand)):
            self.own[term.get_id()] = term
        self.derived[term.get_id()] = term
        return term

    def facts(self, product: Product) -> tuple[z3.BoolRef, ...]:
        """Return what is known of a product alone."""
        if product not in self._facts:
            self._facts[product] = tuple(sign_and_size(product))
        return self._facts[product]

    def comparison(self, one: Product, other: Product) -> tuple[z3.BoolRef, ...]:
        """Return what is known of two products together."""
        if (one, other) not in self._comparisons:
            self._comparisons[one, other] = tuple(multiples_apart(one, other))
        return self._comparisons[one, other]


def multiples_apart(first: Product, second: Product) -> Iterator[z3.BoolRef]:
    """Yield what the solver should know of two products that share a factor: true of all integers."""
    for step, one in first.factors():
        for other_step, other in second.factors():
            if step.eq(other_step):
                yield multiples_of(step, one, first.value, other, second.value)


def multiples_of(
    step: z3.ArithRef, one: z3.ArithRef, one_value: z3.ArithRef, other: z3.ArithRef, other_value: z3.ArithRef
) -> z3.BoolRef:
    """Two multiples of a step that is not negative are equal, or at least a step apart, in their factors' order."""
    return z3.Implies(
        step >= 0,
        z3.And(
            z3.Implies(one == other, one_value == other_value),
            z3.Implies(one < other, other_value - one_value >= step),
            z3.Implies(one > other, one_value - other_value >= step),
        ),
    )


BITS = (8, 14, 32)
"""Sizes of factors for which the solver is told the size of the product."""


def sign_and_size(product: Product) -> Iterator[z3.BoolRef]:
    """Yield bounds of a product, for a factor that is not negative: true of all integers."""
    for step, factor in product.factors():
        yield multiples_of(step, z3.IntVal(0), z3.IntVal(0), factor, product.value)
        for bits in BITS if z3.is_const(product.value) else ():
            fits = z3.And(factor >= 0, factor <= 2**bits, step >= 0)
            yield z3.Implies(fits, product.value <= step * 2**bits)


def linear_parts(term: z3.ArithRef) -> list[tuple[int, z3.ArithRef | None]]:
    """Return coefficients and atoms of a simplified sum; None stands for the constant 1."""
    if z3.is_int_value(term):
        return [(term.as_long(), None)]
    if z3.is_add(term):
        return [part for child in term.children() for part in linear_parts(child)]
    if z3.is_mul(term) and term.num_args() == 2 and z3.is_int_value(term.arg(0)):
        return [(term.arg(0).as_long(), term.arg(1))]
    return [(1, term)]


def constants_of(term: z3.ExprRef) -> Iterator[z3.ExprRef]:
    """Yield the unknowns of a term."""
    pending, seen = [term], set()
    while pending:
        current = pending.pop()
        if current.get_id() in seen:
            continue
        seen.add(current.get_id())
        if z3.is_const(current) and current.decl().kind() == z3.Z3_OP_UNINTERPRETED:
            yield current
        pending.extend(current.children())
