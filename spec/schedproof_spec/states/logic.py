"""Conditions without branches: on symbols they become one term; `and`, `or` and `not` would split the path."""

from __future__ import annotations

from typing import Any

from schedproof_spec.prover import terms
from schedproof_spec.prover.symbolic import SymBool, term_of


def all_of(*conditions: Any) -> Any:
    """Return whether all conditions hold."""
    open_terms = [term_of(condition) for condition in conditions if condition is not True]
    if not open_terms:
        return True
    if any(condition is False for condition in conditions):
        return False
    return SymBool(terms.conjunction(open_terms))


def any_of(*conditions: Any) -> Any:
    """Return whether one of the conditions holds."""
    open_terms = [term_of(condition) for condition in conditions if condition is not False]
    if not open_terms:
        return False
    if any(condition is True for condition in conditions):
        return True
    return SymBool(terms.disjunction(open_terms))


def negated(condition: Any) -> Any:
    """Return whether a condition does not hold."""
    return condition ^ True
