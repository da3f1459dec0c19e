"""What a step loop as a whole must keep to: methods by their names and signatures, and ledgers of plain numbers."""

from __future__ import annotations

import dataclasses
import difflib
import enum
import sys
from abc import ABC
from collections.abc import Iterator
from types import FunctionType
from typing import Any, Generic

from schedproof.step_loop import (
    Ahead,
    LoopLimits,
    Preemption,
    QueuedRequest,
    Queues,
    Served,
    Skip,
    StepLoop,
    StepView,
    Visit,
)
from schedproof_spec.prover.subset.classes import class_problem
from schedproof_spec.prover.subset.closure import Closure
from schedproof_spec.prover.subset.lookup import MISSING, in_class, state_of
from schedproof_spec.prover.subset.policies import parameters_of, place_of
from schedproof_spec.prover.subset.reading import Reading, reading_of
from schedproof_spec.prover.subset.values import CACHED, is_written_by_python

METHODS = ("accepts", "open", "next_turn", "view", "holds", "rank")
"""What a loop decides for itself."""

TEXTS = ("name", "limits_type")

GIVEN = (Queues, QueuedRequest, Served, Ahead, LoopLimits, Visit, Preemption, Skip, StepView)
"""Classes of what a loop is given, and of what it returns."""


def loop_problem(loop: StepLoop[Any, Any]) -> str | None:
    """Return what a loop gets wrong as a whole, with its place; None for one whose methods can be read."""
    kind = type(loop)
    problem = class_problem(kind)
    if problem is not None:
        return f"{place_of(kind, None)}: `{kind.__name__}` {problem}"
    for owner in reversed(kind.__mro__):
        if owner in (StepLoop, ABC, Generic, object):
            continue
        for name, member in vars(owner).items():
            problem = member_problem(owner, name, member)
            if problem is not None:
                return f"{place_of(owner, member)}: {problem}"
    for name in (*METHODS, "limits_type"):
        if name in state_of(loop):
            return f"{place_of(kind, None)}: `{name}` is set on the object; write it in the class"
    return limits_problem(kind)


def member_problem(owner: type, name: str, member: Any) -> str | None:
    """Return what is wrong with one member of a loop's class."""
    if name.startswith("_") or name in TEXTS:
        return None
    if name in METHODS:
        if not isinstance(member, FunctionType):
            return f"`{name}` is something else than a plain method"
        wanted, found = parameters_of(vars(StepLoop)[name]), parameters_of(member)
        if found != wanted:
            return f"`{name}` takes ({', '.join(found)}), but is asked with ({', '.join(wanted)})"
        return None
    is_method = isinstance(member, FunctionType | property | staticmethod | classmethod | CACHED)
    near = difflib.get_close_matches(name, (*METHODS, *TEXTS), n=1, cutoff=0.0 if is_method else 0.8)
    if is_method:
        return f"`{name}` is no part of a step loop; did you mean `{near[0]}`? The name of a helper begins with `_`"
    if near and name not in getattr(owner, "__dataclass_fields__", {}):
        return f"`{name}` is no part of a step loop; did you mean `{near[0]}`?"
    return None


def limits_problem(kind: type) -> str | None:
    """Return what is wrong with the class of a loop's limits."""
    limits_type = in_class(kind, "limits_type")
    if not (isinstance(limits_type, type) and issubclass(limits_type, LoopLimits)):
        return f"{place_of(kind, None)}: `limits_type` has to be a subclass of LoopLimits"
    problem = record_problem(limits_type) or retyped_field(limits_type)
    return None if problem is None else f"{place_of(limits_type, None)}: `{limits_type.__name__}` {problem}"


def retyped_field(limits_type: type[LoopLimits]) -> str | None:
    """Return which field of `LoopLimits` is no number in a subclass; None where all are as they were."""
    for field in dataclasses.fields(limits_type):
        if field.name in LoopLimits.__dataclass_fields__ and type_of_field(limits_type, field) is not int:
            return f"has the field `{field.name}` of `LoopLimits` with another type; it is an `int`"
    return None


def record_problem(kind: type) -> str | None:
    """Return why a class is no frozen dataclass of numbers, bools and enums; None for one that is."""
    parameters = vars(kind).get("__dataclass_params__")
    if parameters is None or not parameters.frozen:
        return "is not a frozen dataclass; write `@dataclass(frozen=True, slots=True, kw_only=True)` above it"
    problem = class_problem(kind)
    if problem is not None:
        return problem
    for name in ("__init__", "__post_init__", "__eq__", "__hash__", "__new__", "__setattr__", "__delattr__"):
        found = in_class(kind, name)
        if isinstance(found, FunctionType) and not is_written_by_python(found, kind):
            return f"defines `{name}`; leave it as the dataclass has it"
    for field in dataclasses.fields(kind):
        if not field.init:
            return f"has the field `{field.name}`, which is not given when it is made; leave `init=False` out"
        if type_of_field(kind, field) is None:
            return f"has the field `{field.name}`, which is no int, bool or enum"
    return None


def type_of_field(kind: type, field: dataclasses.Field[Any]) -> type | None:
    """Return the type of a field: `int`, `bool` or an enum; None for any other."""
    named: Any = field.type
    if isinstance(named, str):
        named = next((found for found in named_in(kind, field.name, named) if found is not MISSING), None)
    if named in (int, bool):
        return named  # type: ignore[no-any-return]
    if isinstance(named, type) and issubclass(named, enum.Enum) and not issubclass(named, enum.Flag):
        return named if len(named) > 0 else None
    return None


def named_in(kind: type, field: str, name: str) -> Iterator[Any]:
    """Yield what a type's name stands for in the module of the class that has the field."""
    for owner in kind.__mro__:
        if field in vars(owner).get("__annotations__", {}):
            module = vars(sys.modules[owner.__module__])
            yield module.get(name, {"int": int, "bool": bool}.get(name, MISSING))


def read_loop(loop: StepLoop[Any, Any]) -> Reading:
    """Read everything that a loop can call, without running any of it."""
    kind = type(loop)
    closure = Closure((*GIVEN, in_class(kind, "limits_type")))
    closure.read(*(in_class(kind, name).__get__(loop, kind) for name in METHODS))
    return reading_of(closure, loop)
