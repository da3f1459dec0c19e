"""Merges the paths of a function into one conditional value, so that its caller need not split.

The paths are walked without asking the solver: a path that no state takes ends up under a condition that no
state satisfies.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import z3

from schedproof_spec.prover import symbolic, terms
from schedproof_spec.prover.walk import Decision, PathWalker


@dataclass(frozen=True, slots=True)
class Leaf:
    """The end of one path: its decisions, and what came out."""

    decisions: tuple[Decision, ...]
    value: Any
    error: Exception | None

    @property
    def condition(self) -> z3.BoolRef:
        """What holds on this path."""
        return terms.conjunction([condition for condition, _ in self.decisions])


NOTHING = object()
"""Stands for the value of a function that raises on all of its paths."""


@dataclass(frozen=True, slots=True)
class Merged:
    """A conditional value, and where the function raises instead: on the first side of each split."""

    value: Any
    errors: tuple[tuple[symbolic.Split, Exception], ...]
    num_paths: int


def merged(explorer: PathWalker, function: Callable[[], Any]) -> Any:
    """Return the function's value over all of its own paths as one conditional value.

    The function returns a number, a truth value, or a dataclass of such. Where it raises, the caller's path
    splits, and the side on which it raises sees the exception.

    Raises:
        UnsupportedError: its paths return values that cannot be merged.
    """
    return value_on_path(explorer, explorer.once(lambda: merge(explorer, function)))


def merged_call(explorer: PathWalker, function: Callable[..., Any], *arguments: Any) -> Any:
    """Return a pure function's merged value; the same arguments are walked once in an exploration."""
    key = (function, *[identity(argument, explorer) for argument in arguments])
    if key not in explorer.memory:
        explorer.memory[key] = (merge(explorer, lambda: function(*arguments)), arguments)
    result, _ = explorer.memory[key]
    return value_on_path(explorer, result)


def value_on_path(explorer: PathWalker, result: Merged) -> Any:
    """Return the merged value where the function returns; raise where it raises."""
    for index, (split, error) in enumerate(result.errors, 1):
        is_all_that_is_left = result.value is NOTHING and index == len(result.errors)
        if is_all_that_is_left or explorer.branch(split) == 0:
            raise error
    return result.value


class StandIn:
    """A value of an exploration that its parts tell from others, not its address."""

    __slots__ = ()

    def _parts(self) -> tuple[Any, ...]:
        raise NotImplementedError


def identity(value: Any, explorer: PathWalker) -> Hashable:
    """Return a key that two values share only if a pure function cannot tell them apart."""
    kind = type(value)
    if isinstance(value, symbolic.SYMBOLS):
        return (kind, value.key)
    if isinstance(value, symbolic.SymEnum):
        return (value.members, value.index.key)
    if kind is tuple:
        return tuple([identity(item, explorer) for item in value])
    if isinstance(value, StandIn):
        return (kind, *[identity(part, explorer) for part in value._parts()])
    names = field_names(value)
    if names is None:
        return (kind, value)
    known = explorer.identities.get(id(value))
    if known is not None:
        return known[1]
    key = (kind, *[identity(getattr(value, name), explorer) for name in names])
    if kind.__dataclass_params__.frozen:
        explorer.identities[id(value)] = (value, key)
    return key


def field_names(value: Any) -> Iterable[str] | None:
    """Return the names of a dataclass's fields; None for a value of any other type."""
    return getattr(type(value), "__dataclass_fields__", None)


def merge(explorer: PathWalker, function: Callable[[], Any]) -> Merged:
    """Walk the function's paths and merge what they return."""
    inner = PathWalker(explorer.memory, explorer.identities)
    leaves = [Leaf(inner.decisions(), value, error) for value, error in inner.runs(function)]
    explorer.num_paths += len(leaves)
    raised: dict[str, list[Leaf]] = {}
    for leaf in leaves:
        if leaf.error is not None:
            raised.setdefault(words_of(leaf.error), []).append(leaf)
    errors = tuple((raising(same), same[0].error) for same in raised.values())
    returned = [leaf for leaf in leaves if leaf.error is None]
    value = select([(leaf.decisions, leaf.value) for leaf in returned]) if returned else NOTHING
    return Merged(value=value, errors=errors, num_paths=len(leaves))  # type: ignore[arg-type]


def words_of(error: Exception) -> str:
    """Return what tells an exception from others, as far as it can be put into words."""
    try:
        return repr(error)
    except symbolic.UnsupportedError:
        return type(error).__name__


def raising(leaves: list[Leaf]) -> symbolic.Split:
    """Return the split into the states that take one of these paths, and the others."""
    condition = terms.disjunction([leaf.condition for leaf in leaves])
    return symbolic.Split((condition, terms.negation(condition)))


def select(leaves: list[tuple[tuple[Decision, ...], Any]]) -> Any:
    """Return one value that equals each leaf's value under that leaf's decisions."""
    first = leaves[0][1]
    if all(value is first for _, value in leaves):
        return first
    names = field_names(first)
    if names is not None and all(type(value) is type(first) for _, value in leaves):
        merged_fields = {
            name: select([(decisions, getattr(value, name)) for decisions, value in leaves]) for name in names
        }
        return replace(first, **merged_fields)
    numbers = [
        (decisions, term, term.get_id())
        for decisions, value in leaves
        if (term := symbolic.term_of(value)) is not None
    ]
    if len(numbers) < len(leaves):
        if all(value == first for _, value in leaves):
            return first
        raise symbolic.UnsupportedError(f"paths return {type(first).__name__} values that cannot be merged")
    term = select_term(numbers, 0)
    return symbolic.SymBool(term) if z3.is_bool(term) else symbolic.SymInt(term)


def select_term(leaves: list[tuple[tuple[Decision, ...], z3.ExprRef, int]], depth: int) -> z3.ExprRef:
    """Return the decision tree over the leaves' terms, each with its key.

    All leaves share their first ``depth`` decisions.
    """
    decisions, term, first_key = leaves[0]
    if all(key == first_key for _, _, key in leaves):
        return term
    condition, side = decisions[depth]
    inside = [leaf for leaf in leaves if leaf[0][depth][1] == side]
    outside = [leaf for leaf in leaves if leaf[0][depth][1] != side]
    if not outside:
        return select_term(inside, depth + 1)
    if len({leaf[0][depth][1] for leaf in outside}) == 1:
        return terms.choice(condition, select_term(inside, depth + 1), select_term(outside, depth + 1))
    return terms.choice(condition, select_term(inside, depth + 1), select_term(outside, depth))
