"""Terms that are built directly mean what z3's own operators build, and have the same sort."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import z3

from schedproof_spec.prover import terms

X, Y, P, Q = z3.Int("x"), z3.Int("y"), z3.Bool("p"), z3.Bool("q")


def are_the_same(left: z3.ExprRef, right: z3.ExprRef) -> bool:
    solver = z3.Solver()
    solver.add(left != right)
    return bool(left.sort() == right.sort() and type(left) is type(right) and solver.check() == z3.unsat)


@pytest.mark.parametrize("operation", terms.OPERATORS, ids=lambda each: each.__name__)
@pytest.mark.parametrize(("left", "right"), [(X, Y), (X, z3.IntVal(3)), (z3.IntVal(-3), Y)], ids=str)
def test_an_operator(operation: Callable[..., Any], left: z3.ArithRef, right: z3.ArithRef) -> None:
    assert are_the_same(terms.applied(operation, left, right), operation(left, right))


@pytest.mark.parametrize("given", [[], [P], [P, Q], [P, Q, X > Y]], ids=len)
def test_truths(given: list[z3.BoolRef]) -> None:
    assert are_the_same(terms.conjunction(given), z3.And(*given, z3.BoolVal(True)))
    assert are_the_same(terms.disjunction(given), z3.Or(*given, z3.BoolVal(False)))
    assert are_the_same(terms.negation(terms.conjunction(given)), z3.Not(z3.And(*given, z3.BoolVal(True))))


@pytest.mark.parametrize(("yes", "no"), [(X, Y), (P, Q), (P, X), (X, Q), (z3.IntVal(1), X)], ids=str)
def test_a_choice(yes: z3.ExprRef, no: z3.ExprRef) -> None:
    assert are_the_same(terms.choice(P, yes, no), z3.If(P, yes, no))
