"""Remembers answers for policies that share the rules behind them: most versions differ in one or two rules."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, Protocol, TypeVar

from schedproof.engines.fastdeploy.policy import Policy
from schedproof_spec.states.merged import HABITS, RULES


class Asked(Protocol):
    """A question about a policy."""

    @property
    def policy(self) -> Policy:
        """The policy that it is about."""

    @property
    def key(self) -> Hashable:
        """What else it is about."""


A = TypeVar("A")

_answers: dict[Hashable, list[tuple[Policy, frozenset[str], Any]]] = {}


class VerdictCache(Generic[A]):
    """Answers of one kind."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def recall(self, question: Asked) -> A | None:
        """Return the answer that an equal policy got, as far as the answer rests on its rules."""
        for policy, rules, answer in _answers.get(self._key(question), ()):
            if shares_rules(question.policy, policy, rules):
                return answer  # type: ignore[no-any-return]
        return None

    def keep(self, question: Asked, rules: frozenset[str], answer: A) -> None:
        """Remember an answer that rests on these rules of the policy."""
        _answers.setdefault(self._key(question), []).append((question.policy, rules, answer))

    def _key(self, question: Asked) -> Hashable:
        return self.kind, question.key


def shares_rules(policy: Policy, other: Policy, rules: frozenset[str]) -> bool:
    """Return whether two policies run the same code for these rules.

    A difference in anything but a rule, a habit or a description may matter to any rule, so it counts as one.
    """
    ours, theirs = type(policy), type(other)
    names = {name for name in {*dir(ours), *dir(theirs)} if not name.startswith("_")}
    different = {name for name in names if getattr(ours, name, None) is not getattr(theirs, name, None)}
    described = {"name", "source", "summary"}
    return not different - described - ({*RULES, *HABITS} - rules)


@contextmanager
def without_cache() -> Iterator[None]:
    """Forget every answer for a while: the code under proof has been changed."""
    kept = dict(_answers)
    _answers.clear()
    try:
        yield
    finally:
        _answers.clear()
        _answers.update(kept)
