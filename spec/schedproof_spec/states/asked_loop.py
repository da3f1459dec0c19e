"""Asks a person's step loop, on symbols or on numbers, and looks at what it returns."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any

from schedproof.step_loop import Ahead, Preemption, QueuedRequest, Queues, Skip, StepLoop, StepView, Turn, Visit
from schedproof_spec.prover import symbolic
from schedproof_spec.prover.failures import failure_behind
from schedproof_spec.prover.subset.loops import METHODS, record_problem, type_of_field
from schedproof_spec.prover.subset.reading import Reading
from schedproof_spec.prover.symbolic import SymBool, SymEnum, SymInt, UnsupportedError
from schedproof_spec.states.asked import called_anew, silent, with_members
from schedproof_spec.states.limited import cycles_of, limited


class LoopFailedError(Exception):
    """A method of a loop raises, or returns something else than it has to; the message says which and what."""


class LedgerTypeError(Exception):
    """A loop's ledger is of a class that cannot be drawn; the message says why."""


class AskedLoop:
    """A loop whose source was read, ready to be asked."""

    def __init__(self, loop: StepLoop[Any, Any], reading: Reading) -> None:
        self.loop = loop
        self.limits_type = loop.limits_type
        self.ledger_type: type | None = None
        """Known once a step was opened."""
        self._reading = reading
        self._cycles = cycles_of(reading)

    def accepts(self, limits: Any) -> Any:
        """See `StepLoop`."""
        return self._truth("accepts", self._ask("accepts", limits))

    def open(self, ahead: Ahead, num_free_blocks: Any, limits: Any) -> Any:
        """See `StepLoop`.

        Raises:
            LedgerTypeError: the ledger is no frozen dataclass of numbers, bools and enums, or of several classes.
        """
        ledger = self._ask("open", ahead, num_free_blocks, limits)
        kind = type(ledger)
        if self.ledger_type is None:
            problem = record_problem(kind)
            if problem is not None:
                raise LedgerTypeError(f"`open` returns a ledger of the class {kind.__name__}, which {problem}")
            self.ledger_type = kind
        if kind is not self.ledger_type:
            raise LedgerTypeError(
                f"`open` returns ledgers of the classes {self.ledger_type.__name__} and {kind.__name__}"
            )
        self._look_at_ledger("open", ledger)
        return ledger

    def next_turn(self, ledger: Any, queues: Queues, limits: Any) -> Turn[Any] | None:
        """See `StepLoop`."""
        turn = self._ask("next_turn", ledger, queues, limits)
        if turn is None:
            return None
        kind = type(turn)
        if kind not in (Visit, Preemption, Skip):
            raise wrong("next_turn", turn, "a Visit, Preemption, Skip or None")
        if type(turn.request) is not QueuedRequest:
            raise wrong("next_turn", turn.request, f"a {kind.__name__} of one of the requests")
        if isinstance(turn, Visit):
            for number in (turn.num_tokens, turn.num_new_blocks):
                if not is_integer(number):
                    raise wrong("next_turn", number, "a Visit with whole numbers of tokens and blocks")
        self._look_at_ledger("next_turn", turn.after)
        found: Turn[Any] = turn
        return found

    def view(self, ledger: Any, limits: Any) -> StepView:
        """See `StepLoop`."""
        view = self._ask("view", ledger, limits)
        if type(view) is not StepView:
            raise wrong("view", view, "a StepView")
        for field in dataclasses.fields(StepView):
            if not is_integer(getattr(view, field.name)):
                raise wrong("view", getattr(view, field.name), f"a whole number as {field.name}")
        found: StepView = view
        return found

    def holds(self, ledger: Any, ahead: Ahead, limits: Any) -> Any:
        """See `StepLoop`."""
        return self._truth("holds", self._ask("holds", ledger, ahead, limits))

    def rank(self, request: QueuedRequest) -> Any:
        """See `StepLoop`."""
        rank = self._ask("rank", request)
        if not is_integer(rank):
            raise wrong("rank", rank, "a whole number")
        return rank

    def _truth(self, method: str, value: Any) -> Any:
        if not isinstance(value, bool | SymBool):
            raise wrong(method, value, "True or False")
        return value

    def _look_at_ledger(self, method: str, ledger: Any) -> None:
        kind = self.ledger_type
        if kind is None or type(ledger) is not kind:
            raise wrong(method, ledger, f"a ledger of the class {kind.__name__ if kind else 'that open returns'}")
        for field in dataclasses.fields(kind):
            value, wanted = getattr(ledger, field.name), type_of_field(kind, field)
            if wanted is int:
                is_right = is_integer(value)
            elif wanted is bool:
                is_right = isinstance(value, bool | SymBool)
            else:
                members = value.members if isinstance(value, SymEnum) else (value,)
                is_right = all(type(member) is wanted for member in members)
            if not is_right:
                name = wanted.__name__ if wanted is not None else "value"
                raise wrong(method, value, f"a ledger with a field {field.name} of the type {name}")

    def _ask(self, method: str, *arguments: Any) -> Any:
        assert method in METHODS
        if symbolic.active() is not None and self._reading.tests_members:
            arguments = tuple([self._with_members(argument) for argument in arguments])
        try:
            with called_anew(self._reading.cached), silent(self._reading.logs), limited(self._cycles, method):
                return getattr(self.loop, method)(*arguments)
        except Exception as error:
            failure = failure_behind(error)
            is_open = isinstance(failure, UnsupportedError | RecursionError | MemoryError)
            if is_open and symbolic.active() is not None:
                raise failure from None
            raise LoopFailedError(f"`{method}` raises {type(error).__name__}{said_by(error)}") from error

    def _with_members(self, argument: Any) -> Any:
        if dataclasses.is_dataclass(argument) and not isinstance(argument, type | enum.Enum):
            return with_members(argument, self._reading.attributes)
        return argument


def is_integer(value: Any) -> bool:
    """Return whether a value is a whole number, and no truth value."""
    return isinstance(value, int | SymInt) and not isinstance(value, bool | enum.Enum)


def wrong(method: str, value: Any, wanted: str) -> LoopFailedError:
    """Return the error of a method that returns something else than it has to."""
    names = {SymInt: "int", SymBool: "bool", SymEnum: "a member of an enum"}
    kind = "None" if value is None else names.get(type(value), type(value).__name__)
    return LoopFailedError(f"`{method}` returns {kind} where it has to return {wanted}")


def said_by(error: Exception) -> str:
    """Return what an exception says, behind a colon."""
    try:
        words = str(error).strip().partition("\n")[0]
    except Exception:
        return ""
    return f": {words}" if words else ""
