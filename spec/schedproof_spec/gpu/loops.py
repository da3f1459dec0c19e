"""Loops of a thread: each is taken at an arbitrary iteration, and what it computes is proved by induction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Protocol

import numpy as np
import z3

from schedproof_spec.gpu.integers import Arithmetic, Data, DeviceInt, is_integer
from schedproof_spec.prover.symbolic import SymBool, SymInt
from schedproof_spec.prover.unsupported import UnsupportedError

Claim = Callable[[SimpleNamespace, Any], Any]
"""Given a function's variables and its loop's variable: what holds at the beginning of that iteration."""


class IterationEnd(BaseException):
    """An arbitrary iteration of a loop is over; what comes after the loop is another path."""


class Looping(Arithmetic, Protocol):
    """What a loop asks of the thread that runs it."""

    claims: dict[str, Claim]
    duties: dict[str, Claim]
    """What an iteration of a function's loop has done at its end."""

    def claim(self, label: str, condition: Callable[[], z3.BoolRef]) -> None:
        """Prove something of every state that gets here."""

    def reason(self, claim: Callable[..., Any], *arguments: Any) -> z3.BoolRef:
        """Return a claim about values of the thread."""

    def know(self, facts: Callable[..., Any], *arguments: Any) -> None:
        """Assume a claim about values of the thread."""

    def assume(self, condition: Any) -> None:
        """Add what is known of this path."""

    def fresh(self, name: str, low: int | None = None) -> DeviceInt:
        """Return an unknown of this thread's own."""

    def wrap(self, value: Any) -> DeviceInt:
        """Return a number or a symbol as an integer of this thread."""

    def any_data(self, *, is_whole: bool) -> Data:
        """Return data of which nothing is known."""

    def finish(self, loop: Loop) -> None:
        """Note a loop whose iterations are over."""


@dataclass(slots=True)
class Loop:
    """One loop: entered, then either at an arbitrary iteration or behind its last."""

    thread: Looping
    function: str
    scope: dict[str, Any]
    state: dict[str, Any]
    """What the body changes."""
    start: DeviceInt
    stop: DeviceInt
    step: DeviceInt
    at: DeviceInt | None = None

    def enter(self) -> None:
        """Prove the loop's claim at its start, then forget all but the claim."""
        thread = self.thread
        thread.claim("strides are positive", lambda: self.step.term > 0)
        by_one = z3.is_int_value(self.step.term) and self.step.term.as_long() == 1
        claim = thread.claims.get(self.function)
        if claim is not None:
            self._prove(claim, self.state, self.start)
        self.state = {name: self._any(name, value) for name, value in self.state.items()}
        if by_one:
            self.at = thread.fresh("at")
            thread.assume(self.at >= self.start)
            thread.assume((self.at == self.start) | (self.at <= self.stop))
        else:
            turn = thread.fresh("turn", 0)
            self.at = self.start + turn * self.step
            thread.assume((turn == 0) | (SymInt(self.at.term - self.step.term) < self.stop))
        if claim is not None:
            assert by_one
            thread.know(claim, SimpleNamespace(**{**self.scope, **self.state}), self.at)

    def _any(self, name: str, value: Any) -> Any:
        """Return what a variable may hold before any iteration, of the kind that it has before the first."""
        if isinstance(value, SymBool):
            return self.thread.any_truth()
        if isinstance(value, SymInt | int):
            return self.thread.fresh(name)
        if isinstance(value, Data | float | np.floating):
            return self.thread.any_data(is_whole=is_integer(value))
        raise UnsupportedError(
            f"{name} changes in the loop and is no number; give it a name of its own in the loop"
        )

    def _check_kinds(self, after: Mapping[str, Any]) -> None:
        """Refuse a variable that holds one kind of value before the loop and another one behind an iteration."""
        for name, before in self.state.items():
            if isinstance(before, SymBool):
                is_kept = isinstance(after[name], SymBool | bool)
            elif isinstance(before, SymInt) or before.is_whole:
                is_kept = is_integer(after[name])
            else:
                is_kept = isinstance(after[name], Data | SymInt | SymBool | int | float | np.floating)
            if not is_kept:
                raise UnsupportedError(f"{name} changes its type in the loop; begin with a value of the later type")

    def __iter__(self) -> Iterator[DeviceInt]:
        assert self.at is not None
        if self.at < self.stop:
            yield self.at
        else:
            self.thread.finish(self)

    def end(self, scope: Mapping[str, Any]) -> None:
        """Prove that the iteration keeps the loop's claim, and end it."""
        assert self.at is not None
        claim = self.thread.claims.get(self.function)
        self._check_kinds(scope)
        if claim is not None:
            after = {name: scope[name] for name in self.state}
            self._prove(claim, after, DeviceInt(self.thread.simplify(self.at.term + 1), self.thread))
        duty = self.thread.duties.get(self.function)
        if duty is not None:
            done = self.thread.reason(duty, SimpleNamespace(**scope), self.at)
            self.thread.claim(f"an iteration of {self.function} does what is due", lambda: done)
        raise IterationEnd

    def _prove(self, claim: Claim, state: Mapping[str, Any], at: DeviceInt) -> None:
        condition = self.thread.reason(claim, SimpleNamespace(**{**self.scope, **state}), at)
        self.thread.claim(f"the loop of {self.function} keeps its claim", lambda: condition)
