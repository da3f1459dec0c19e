"""What Python decides without asking the values, so that a proof would look at one case and miss the others.

A symbol answers every comparison and operation by splitting the path, or refuses. It is not asked about identity or
type, and a handler would swallow its refusal. Code that does any of these is not proved but refused.
"""

from __future__ import annotations

import dis
import functools
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from schedproof_spec.prover.symbolic import UnsupportedError

ASKS_TYPE = frozenset({"isinstance", "issubclass", "type", "id"})


def refuse_blind_spots(function: Any) -> None:
    """Look through a function, and whatever it calls by name.

    Raises:
        UnsupportedError: a proof would miss cases; the message says where and why.
    """
    if isinstance(function, MethodType):
        owner: Any = type(function.__self__)
        found = first_blind_spot(function.__func__, owner)
    elif isinstance(function, FunctionType):
        found = first_blind_spot(function, None)
    else:
        return
    if found is not None:
        raise UnsupportedError(found)


@functools.cache
def first_blind_spot(function: FunctionType, owner: Any) -> str | None:
    """Return the first place that a proof cannot see through; ``owner`` is the class of a method, or None."""
    seen: set[FunctionType] = set()
    waiting = [function]
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        for code in codes_in(current.__code__):
            for line, reason in blind_spots_in(code):
                return f"{Path(code.co_filename).name}, line {line}, in {code.co_name}: {reason}"
            waiting += called_by(code, current, owner)
    return None


def codes_in(code: CodeType) -> Iterator[CodeType]:
    """Yield a function's code, and that of what is defined inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes_in(constant)


def blind_spots_in(code: CodeType) -> Iterator[tuple[int, str]]:
    """Yield the lines of one code object at which the values are not asked."""
    line = code.co_firstlineno
    before: dis.Instruction | None = None
    for instruction in dis.get_instructions(code):
        if instruction.positions is not None and instruction.positions.lineno is not None:
            line = instruction.positions.lineno
        name = instruction.opname
        if name == "IS_OP" and not (before is not None and before.argval is None and "CONST" in before.opname):
            yield line, "`is` tells a symbol from everything; compare with =="
        elif name == "LOAD_GLOBAL" and instruction.argval in ASKS_TYPE:
            yield line, f"`{instruction.argval}` sees a symbol, not the number that it stands for"
        elif name == "PUSH_EXC_INFO":
            yield line, "`try` and `with` may hide what the prover cannot follow"
        before = instruction


def called_by(code: CodeType, function: FunctionType, owner: type | None) -> list[FunctionType]:
    """Return the functions that a code object names: of its module, of modules it uses, and of its class."""
    named = [function.__globals__.get(name) for name in code.co_names]
    modules = [value for value in named if isinstance(value, ModuleType)]
    places = [*modules, *([owner] if owner is not None else []), *(c for c in named if isinstance(c, type))]
    named += [getattr(place, name, None) for place in places for name in code.co_names]
    named += [cell.cell_contents for cell in function.__closure__ or () if holds_value(cell)]
    functions = [value.fget if isinstance(value, property) else value for value in named]
    return [value for value in functions if isinstance(value, FunctionType)]


def holds_value(cell: Any) -> bool:
    """Return whether a variable of an enclosing function is set."""
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False
