"""Where an exception comes from, and whether it is one of the rule's own."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path

import z3

import schedproof_spec
from schedproof_spec.prover.unsupported import UnsupportedError

PROVER = str(Path(schedproof_spec.__file__).parent)
STANDARD_LIBRARY = sysconfig.get_path("stdlib")
SOLVER = str(Path(z3.__file__).parent)


def failure_behind(error: Exception) -> Exception:
    """Return an exception as it is; one that Python raises of a symbol alone says that the prover cannot follow."""
    if type(error) is TypeError and is_about_symbols(str(error)):
        return UnsupportedError(str(error)).with_traceback(error.__traceback__)
    return error


def is_about_symbols(words: str) -> bool:
    """Return whether Python has refused a symbol where it would have taken the value that this stands for."""
    is_of_operator = words.startswith("unsupported operand") or "not supported between" in words
    return not is_of_operator and any(name in words for name in STAND_INS)


STAND_INS = ("SymInt", "SymBool", "SymEnum", "SymRatio", "AnyItems", "AnyName", "NotDrawn")
"""Types that Python meets in place of its own."""


def is_of_a_rule(filename: str) -> bool:
    """Return whether a file belongs neither to the prover nor to Python or the solver."""
    if filename.startswith(STANDARD_LIBRARY):
        return "-packages" in filename and not filename.startswith((PROVER, SOLVER))
    return not filename.startswith((PROVER, SOLVER, "<"))


def placed(error: BaseException) -> str:
    """Return an exception's words, with the line of the rule that it comes from where they do not name one."""
    words = str(error) or type(error).__name__
    if ", line " in words:
        return words
    lines = [each for each in traceback.extract_tb(error.__traceback__) if is_of_a_rule(each.filename)]
    if not lines:
        return words
    return f"{Path(lines[-1].filename).name}, line {lines[-1].lineno}, in {lines[-1].name}: {words}"
