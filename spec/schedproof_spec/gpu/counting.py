"""Counts that a kernel's loops compute, named so that claims about different threads can speak of the same one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import z3

from schedproof_spec.gpu.memory import element_term
from schedproof_spec.prover.symbolic import SymBool, SymInt, integer_term, term_of

Function = Callable[..., SymInt]


def element(array: str, *indices: Any) -> SymInt:
    """Return what an array of this name holds there, without an access."""
    return SymInt(element_term(array, *indices))


def unknown_function(name: str) -> Function:
    """Return a function of which only the facts are known that a proof states."""
    return lambda *arguments: element(name, *arguments)


def chosen(condition: Any, yes: Any, no: Any) -> SymInt:
    """Return one of two values, without splitting the path."""
    return SymInt(z3.If(term_of(condition), integer_term(yes), integer_term(no)))


def implies(condition: Any, consequence: Any) -> SymBool:
    """Return that the second holds wherever the first does."""
    return SymBool(z3.Implies(term_of(condition), term_of(consequence)))


def all_of(*conditions: Any) -> SymBool:
    """Return that all hold."""
    return SymBool(z3.And(*(term_of(condition) for condition in conditions)))


def any_of(*conditions: Any) -> SymBool:
    """Return that one holds at least."""
    return SymBool(z3.Or(*(term_of(condition) for condition in conditions)))


def counts(total: Function, amount: Function, *where: Any, at: Any) -> SymBool:
    """What defines a running total: 0 at 0, and at ``at`` it grows by the amount there."""
    return all_of(
        total(*where, 0) == 0,
        implies(
            SymInt(integer_term(at)) >= 0,
            total(*where, SymInt(integer_term(at)) + 1) == total(*where, at) + amount(*where, at),
        ),
    )
