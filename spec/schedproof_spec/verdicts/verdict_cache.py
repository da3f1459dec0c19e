"""Remembers answers for policies that share the rules behind them: most versions differ in one or two rules.

Rules are the same when their content is: the code of all that they call, and every constant, attribute, closure and
global by its value. What cannot be told by its content is not remembered.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from schedproof.engines.fastdeploy.policy import Policy
from schedproof_spec.prover import second_solver
from schedproof_spec.prover.subset.policies import HABITS, rule_of
from schedproof_spec.prover.subset.reading import read


class Asked(Protocol):
    """A question about a policy."""

    @property
    def policy(self) -> Policy:
        """The policy that it is about."""

    @property
    def key(self) -> Hashable:
        """What else it is about."""


A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class Remembered:
    """An answer, and the content of what it rests on."""

    content: dict[str, Hashable]
    """Of each rule by name, and of what is plainly so of the policy."""
    answer: Any


_answers: dict[Hashable, list[Remembered]] = {}


class VerdictCache(Generic[A]):
    """Answers of one kind."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def recall(self, question: Asked) -> A | None:
        """Return the answer that a policy got whose rules are the same, as far as the answer rests on them."""
        for known in _answers.get(self._key(question), ()):
            if all(content_of_rule(question.policy, name) == content for name, content in known.content.items()):
                return known.answer  # type: ignore[no-any-return]
        return None

    def keep(self, question: Asked, rules: frozenset[str], answer: A) -> None:
        """Remember an answer that rests on these rules of the policy, if their content says all about them."""
        content = {name: content_of_rule(question.policy, name) for name in sorted({*rules, *HABITS})}
        if None not in content.values():
            _answers.setdefault(self._key(question), []).append(Remembered(content, answer))

    def _key(self, question: Asked) -> Hashable:
        return self.kind, second_solver.name(), question.key


def content_of_rule(policy: Policy, name: str) -> Hashable:
    """Return what a rule or habit of a policy is made of; None where that cannot be said."""
    if name in HABITS:
        return bool(getattr(policy, name))
    reading = read(rule_of(policy, name))
    if reading.refusal is not None:
        return None
    return reading.content


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
