"""Conditions without branches: on symbols they become one term, where `and`, `or` and `not` would split the path."""

from __future__ import annotations

from typing import Any


def all_of(*conditions: Any) -> Any:
    """Return whether all conditions hold."""
    result: Any = True
    for condition in conditions:
        result = result & condition
    return result


def any_of(*conditions: Any) -> Any:
    """Return whether one of the conditions holds."""
    result: Any = False
    for condition in conditions:
        result = result | condition
    return result


def negated(condition: Any) -> Any:
    """Return whether a condition does not hold."""
    return condition ^ True
