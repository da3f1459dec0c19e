"""Patterns of a `match`: by the values of enums and integers, None, and tuples that are written out."""

from __future__ import annotations

import ast
from collections.abc import Iterator


def pattern_problem(pattern: ast.pattern, of_tuple: bool) -> tuple[str, str] | None:
    """Return what is wrong with a pattern and what to write instead; None for one that is supported.

    ``of_tuple`` says that the subject is a tuple which is written out.
    """
    if isinstance(pattern, ast.MatchValue):
        return None
    if isinstance(pattern, ast.MatchSingleton):
        return (
            None if pattern.value is None else (f"`case {pattern.value}`", "write `if`, or `case _ if condition`")
        )
    if isinstance(pattern, ast.MatchAs):
        return None if pattern.pattern is None else pattern_problem(pattern.pattern, of_tuple)
    if isinstance(pattern, ast.MatchOr):
        return first_problem(pattern.patterns, of_tuple)
    if isinstance(pattern, ast.MatchSequence):
        if not of_tuple:
            return "a pattern of a sequence", "match a tuple that is written out, or ask for its length"
        return first_problem(pattern.patterns, of_tuple=False)
    if isinstance(pattern, ast.MatchStar):
        return None
    if isinstance(pattern, ast.MatchClass):
        return "a class pattern", "compare the fields"
    return "a mapping pattern", "compare the values"


def first_problem(patterns: list[ast.pattern], of_tuple: bool) -> tuple[str, str] | None:
    """Return what is wrong with the first of several patterns that is not supported."""
    return next(filter(None, (pattern_problem(each, of_tuple) for each in patterns)), None)


def values_of(pattern: ast.pattern) -> Iterator[ast.expr]:
    """Yield the values that a pattern compares with."""
    for node in ast.walk(pattern):
        if isinstance(node, ast.MatchValue):
            yield node.value


def asks_for_none(pattern: ast.pattern) -> bool:
    """Return whether a pattern compares anything with None, which is by identity."""
    return any(isinstance(node, ast.MatchSingleton) for node in ast.walk(pattern))
