"""Where an exception comes from, and which one a rule was about to raise when it put a symbol into its message."""

from __future__ import annotations

import ast
import builtins
import functools
import linecache
import sysconfig
import traceback
from pathlib import Path
from types import FrameType
from typing import Any

import z3

import schedproof_spec
from schedproof_spec.prover.unsupported import TextAskedError, UnsupportedError

PROVER = str(Path(schedproof_spec.__file__).parent)
STANDARD_LIBRARY = sysconfig.get_path("stdlib")
SOLVER = str(Path(z3.__file__).parent)


def failure_behind(error: Exception) -> Exception:
    """Return the exception whose message was being written when a symbol was asked for its text; else the same."""
    if type(error) is TypeError and is_about_symbols(str(error)):
        return UnsupportedError(str(error)).with_traceback(error.__traceback__)
    if not isinstance(error, TextAskedError):
        return error
    found = rule_frame(error)
    if found is None:
        return error
    frame, instruction = found
    line, _, column, _ = list(frame.f_code.co_positions())[instruction // 2]
    for node in statements_of(frame.f_code.co_filename):
        if isinstance(node, ast.Assert) and node.msg is not None and holds(node.msg, line, column):
            return AssertionError()
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and holds(node.exc, line, column):
            return exception_of(node.exc.func, frame) or error
    return error


def is_about_symbols(words: str) -> bool:
    """Return whether Python has refused a symbol where it would have taken the value that this stands for."""
    is_of_operator = words.startswith("unsupported operand") or "not supported between" in words
    return not is_of_operator and any(name in words for name in STAND_INS)


STAND_INS = ("SymInt", "SymBool", "SymEnum", "SymRatio", "AnyItems", "AnyName", "NotDrawn")
"""Types that Python meets in place of its own."""


def exception_of(function: ast.expr, frame: FrameType) -> Exception | None:
    """Return an exception of the class that is raised; None where it is not the name of one."""
    if not isinstance(function, ast.Name):
        return None
    kind = frame.f_globals.get(function.id, getattr(builtins, function.id, None))
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        return None
    return kind.__new__(kind)


@functools.lru_cache(maxsize=256)
def statements_of(filename: str) -> tuple[ast.stmt, ...]:
    """Return the statements of a file that raise."""
    tree = ast.parse("".join(linecache.getlines(filename)))
    return tuple(node for node in ast.walk(tree) if isinstance(node, ast.Assert | ast.Raise))


def holds(node: ast.expr, line: int | None, column: int | None) -> bool:
    """Return whether a place is inside an expression."""
    if line is None or column is None:
        return False
    return (node.lineno, node.col_offset) <= (line, column) <= (node.end_lineno or 0, node.end_col_offset or 0)


def rule_frame(error: BaseException) -> tuple[FrameType, int] | None:
    """Return the innermost frame of an exception outside the prover and libraries, with its last instruction."""
    found: tuple[FrameType, int] | None = None
    place: Any = error.__traceback__
    while place is not None:
        if is_of_a_rule(place.tb_frame.f_code.co_filename):
            found = place.tb_frame, place.tb_lasti
        place = place.tb_next
    return found


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
