"""A second solver, cvc5, for questions that Z3 gives up: an optional package, used where it is installed.

Each question has a solver of its own, which reads it as text, and a limit that counts work, so that the answer
depends on the question alone.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import z3

RESOURCE_LIMIT = 100_000
"""cvc5's own units for one question: a count of work, so that load changes no verdict.

With more of them some questions of products take minutes, as not all of cvc5's work is counted.
"""

INSTALL = "pip install 'schedproof[cvc5]'"


PRIME = "~prime"
"""Stands for an apostrophe, which Z3 has in names and cvc5 cannot read."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the second solver says."""

    answer: z3.CheckSatResult
    values: Mapping[str, int | bool] = field(default_factory=dict)
    """The numbers and truth values of a state, by name, where there is one."""


OPEN = Reply(z3.unknown)


@functools.cache
def package() -> ModuleType | None:
    """Return the package, None where it is not installed."""
    try:
        return importlib.import_module("cvc5")
    except ImportError:
        return None


def name() -> str:
    """Return the solver with its version; nothing where it is not installed."""
    found = package()
    return "" if found is None else f"cvc5 {found.__version__}"


def ask(conditions: Sequence[z3.BoolRef]) -> Reply:
    """Return whether the conditions can hold together; open where the solver is missing or gives up."""
    cvc5 = package()
    if cvc5 is None:
        return OPEN
    solver = cvc5.Solver(cvc5.TermManager())
    solver.setOption("rlimit-per", str(RESOURCE_LIMIT))
    solver.setOption("produce-models", "true")
    parser = cvc5.InputParser(solver)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, f"(set-logic ALL)\n{text_of(conditions)}", "question")
    symbols = parser.getSymbolManager()
    said = []
    try:
        while not (command := parser.nextCommand()).isNull():
            said.append(str(command.invoke(solver, symbols)).strip())
        match "".join(said):
            case "unsat":
                return Reply(z3.unsat)
            case "sat":
                return Reply(z3.sat, values_in(solver, symbols))
    except RuntimeError:
        return OPEN
    return OPEN


def text_of(conditions: Sequence[z3.BoolRef]) -> str:
    """Return a question in SMT-LIB 2."""
    context = z3.Context()
    solver = z3.Solver(ctx=context)
    solver.add(*(condition.translate(context) for condition in conditions))
    return readable(solver.to_smt2())


def readable(text: str) -> str:
    """Return a question of Z3's with names that cvc5 can read."""
    return text.replace("'", PRIME)


def values_in(solver: Any, symbols: Any) -> dict[str, int | bool]:
    """Return the numbers and truth values of the state that was found."""
    values: dict[str, int | bool] = {}
    for term in symbols.getDeclaredTerms():
        value = solver.getValue(term)
        symbol = term.getSymbol().replace(PRIME, "'")
        if value.isIntegerValue():
            values[symbol] = int(value.getIntegerValue())
        elif value.isBooleanValue():
            values[symbol] = bool(value.getBooleanValue())
    return values


def as_conditions(values: Mapping[str, int | bool], context: z3.Context) -> list[z3.BoolRef]:
    """Return that every name has its value."""
    return [
        z3.Bool(each, context) == value if isinstance(value, bool) else z3.Int(each, context) == value
        for each, value in values.items()
    ]


def advice() -> str:
    """Return what to say of a question that is left open."""
    used = name()
    return f"{used} gives up too" if used else f"a second solver might settle it: {INSTALL}"
