"""Builds solver terms of known sorts.

They mean what z3's own operators build; those find out the sorts of their operands first, which costs several times
as much.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import z3

CONTEXT = z3.main_ctx()
REF = CONTEXT.ref()


def _many(make: Callable[..., Any]) -> Callable[..., Any]:
    """Return how an operator of any number of operands is made, for two."""
    return lambda left, right: make(REF, 2, (z3.Ast * 2)(left, right))


def _two(make: Callable[..., Any]) -> Callable[..., Any]:
    return lambda left, right: make(REF, left, right)


OPERATORS: dict[Callable[..., Any], tuple[Callable[..., Any], type]] = {
    operator.add: (_many(z3.Z3_mk_add), z3.ArithRef),
    operator.sub: (_many(z3.Z3_mk_sub), z3.ArithRef),
    operator.mul: (_many(z3.Z3_mk_mul), z3.ArithRef),
    operator.truediv: (_two(z3.Z3_mk_div), z3.ArithRef),
    operator.mod: (_two(z3.Z3_mk_mod), z3.ArithRef),
    operator.lt: (_two(z3.Z3_mk_lt), z3.BoolRef),
    operator.le: (_two(z3.Z3_mk_le), z3.BoolRef),
    operator.gt: (_two(z3.Z3_mk_gt), z3.BoolRef),
    operator.ge: (_two(z3.Z3_mk_ge), z3.BoolRef),
    operator.eq: (_two(z3.Z3_mk_eq), z3.BoolRef),
    operator.ne: (_many(z3.Z3_mk_distinct), z3.BoolRef),
}
"""How each operator on two integers is made, and the kind of term that it gives."""


def applied(operation: Callable[..., Any], left: z3.ArithRef, right: z3.ArithRef) -> z3.ExprRef:
    """Return an operator of `OPERATORS`, applied to two integer terms."""
    make, kind = OPERATORS[operation]
    return kind(make(left.ast, right.ast), CONTEXT)


@functools.lru_cache(maxsize=4096)
def integer(value: int) -> z3.ArithRef:
    """Return the term of an integer."""
    return z3.IntVal(value)


def conjunction(terms: Sequence[z3.BoolRef]) -> z3.BoolRef:
    """Return that all of these hold."""
    return z3.BoolRef(z3.Z3_mk_and(REF, len(terms), _array(terms)), CONTEXT)


def disjunction(terms: Sequence[z3.BoolRef]) -> z3.BoolRef:
    """Return that one of these holds."""
    return z3.BoolRef(z3.Z3_mk_or(REF, len(terms), _array(terms)), CONTEXT)


def negation(term: z3.BoolRef) -> z3.BoolRef:
    """Return that this does not hold."""
    return z3.BoolRef(z3.Z3_mk_not(REF, term.ast), CONTEXT)


def choice(condition: z3.BoolRef, yes: z3.ExprRef, no: z3.ExprRef) -> z3.ExprRef:
    """Return one of two terms; a truth value counts as 0 or 1 where the other one is an integer."""
    is_truth = isinstance(yes, z3.BoolRef)
    if is_truth != isinstance(no, z3.BoolRef):
        return z3.If(condition, yes, no)
    kind = z3.BoolRef if is_truth else z3.ArithRef
    return kind(z3.Z3_mk_ite(REF, condition.ast, yes.ast, no.ast), CONTEXT)


def _array(terms: Sequence[z3.BoolRef]) -> Any:
    return (z3.Ast * len(terms))(*[term.ast for term in terms])
