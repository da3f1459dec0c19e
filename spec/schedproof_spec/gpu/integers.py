"""What a thread computes with: integers of a machine's width, and data whose value decides no index."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import z3

from schedproof_spec.prover.context import SymbolicContext
from schedproof_spec.prover.symbolic import SymBool, SymInt, integer_term


class Arithmetic(Protocol):
    """What integers ask of the thread that computes them."""

    def result(self, term: z3.ArithRef) -> DeviceInt:
        """Return a computed value, which has to fit the machine's integers."""

    def multiply(self, left: z3.ArithRef, right: z3.ArithRef) -> z3.ArithRef:
        """Return a product."""

    def divide(self, left: z3.ArithRef, right: z3.ArithRef) -> tuple[z3.ArithRef, z3.ArithRef]:
        """Return quotient and remainder."""

    def any_truth(self) -> SymBool:
        """Return a truth value of which nothing is known."""


class DeviceInt(SymInt):
    """A symbolic integer whose every sum, product and quotient has to fit the machine's integers."""

    __slots__ = ("thread",)

    def __init__(self, term: z3.ArithRef, thread: Arithmetic) -> None:
        super().__init__(term)
        self.thread = thread

    def __add__(self, other: Any) -> Any:
        return self._sum(super().__add__(other))

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self._sum(super().__sub__(other))

    def __rsub__(self, other: Any) -> Any:
        return self._sum(super().__rsub__(other))

    def __neg__(self) -> DeviceInt:
        return self.thread.result(z3.simplify(-self.term))

    def __mul__(self, other: Any) -> Any:
        term = integer_term(other)
        return NotImplemented if term is None else self.thread.result(self.thread.multiply(self.term, term))

    __rmul__ = __mul__

    def __floordiv__(self, other: Any) -> Any:
        term = integer_term(other)
        return NotImplemented if term is None else self.thread.result(self.thread.divide(self.term, term)[0])

    def __mod__(self, other: Any) -> Any:
        term = integer_term(other)
        return NotImplemented if term is None else self.thread.result(self.thread.divide(self.term, term)[1])

    def _sum(self, value: Any) -> Any:
        return self.thread.result(z3.simplify(value.term)) if isinstance(value, SymInt) else value


class Data:
    """A value that is moved and computed with, but decides no index; a comparison may come out either way."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, thread: Arithmetic) -> None:
        self.thread = thread

    def _data(self, *_: object) -> Data:
        return self

    def _either(self, _: object) -> Any:
        return self.thread.any_truth()

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _data
    __and__ = __rand__ = __or__ = __ror__ = __lshift__ = __rshift__ = _data
    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = __ne__ = _either


@dataclass(frozen=True, slots=True)
class Product:
    """One multiplication of two unknown integers."""

    left: z3.ArithRef
    right: z3.ArithRef
    value: z3.ArithRef

    def factors(self) -> Iterator[tuple[z3.ArithRef, z3.ArithRef]]:
        """Yield each factor with the other one."""
        yield self.left, self.right
        yield self.right, self.left

    def renamed(self, renaming: list[tuple[z3.ExprRef, z3.ExprRef]]) -> Product:
        """Return the product with other names for its unknowns."""
        return Product(*(z3.substitute(term, *renaming) for term in (self.left, self.right, self.value)))


def multiples_apart(first: Product, second: Product) -> Iterator[z3.BoolRef]:
    """Yield what the solver should know of two products that share a factor: true of all integers."""
    for step, one in first.factors():
        for other_step, other in second.factors():
            if step.eq(other_step):
                yield multiples_of(step, one, first.value, other, second.value)


BITS = (8, 14, 22, 32)
"""Sizes of factors for which the solver is told the size of the product."""


def bits_add_up(product: Product) -> Iterator[z3.BoolRef]:
    """Yield how large a product is at most, for factors of so many bits: true of all integers."""
    if z3.is_const(product.value):
        for left, right in itertools.product(BITS, repeat=2):
            fits = z3.And(*(z3.And(f >= 0, f <= 2**b) for f, b in ((product.left, left), (product.right, right))))
            yield z3.Implies(fits, product.value <= 2 ** (left + right))


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


def claim_of_products(ctx: SymbolicContext, products: Sequence[Product], label: str, condition: z3.BoolRef) -> None:
    """Prove a claim from what is known of products, or if that is not enough from their definition.

    A product without its definition has more values than it should, so that only a proof can rest on it.
    """
    explorer, claims = ctx.explorer, ctx.claims
    if explorer.is_replaying:
        return
    if label in claims.reached and explorer.is_satisfiable(z3.Not(condition)) == z3.unsat:
        claims.proved.add(label)
        return
    explorer.solver.push()
    explorer.solver.add(*(product.value == product.left * product.right for product in products))
    ctx.prove(label, SymBool(condition))
    explorer.solver.pop()


@dataclass(slots=True)
class Products:
    """The products of one path; an equal product is the same unknown."""

    known: dict[frozenset[int], z3.ArithRef] = field(default_factory=dict)
    """By the factors' terms, which `made` keeps alive."""
    made: list[Product] = field(default_factory=list)


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
