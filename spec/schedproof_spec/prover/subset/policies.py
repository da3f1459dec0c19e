"""What a policy as a whole must keep to: it overrides rules by their names and signatures, and nothing else."""

from __future__ import annotations

import difflib
import inspect
from abc import ABC
from pathlib import Path
from types import FunctionType
from typing import Any

from schedproof.engines.fastdeploy.policy import Policy
from schedproof_spec.prover.subset.classes import class_problem
from schedproof_spec.prover.subset.lookup import in_class, state_of
from schedproof_spec.prover.subset.values import CACHED

RULES = tuple(
    sorted(
        name
        for name, value in vars(Policy).items()
        if isinstance(value, FunctionType) and not name.startswith("_") and name != "problems"
    )
)
"""What a policy decides for itself."""

HABITS = tuple(sorted(name for name, value in vars(Policy).items() if isinstance(value, bool)))
"""What is plainly so of a policy, or is not."""

TEXTS = ("name", "source", "summary")
"""What describes a policy."""


def policy_problem(policy: Policy) -> str | None:
    """Return what a policy gets wrong as a whole, with its place; None for one whose rules can be read."""
    kind = type(policy)
    problem = class_problem(kind)
    if problem is not None:
        return f"{place_of(kind, None)}: `{kind.__name__}` {problem}"
    for owner in reversed(kind.__mro__):
        if owner in (Policy, ABC, object):
            continue
        for name, member in vars(owner).items():
            problem = member_problem(owner, name, member)
            if problem is not None:
                return f"{place_of(owner, member)}: {problem}"
    for name in (*RULES, *HABITS, "problems"):
        if name in state_of(policy):
            return f"{place_of(kind, None)}: `{name}` is set on the object; a rule is a method of the class"
    return None


def member_problem(owner: type, name: str, member: Any) -> str | None:
    """Return what is wrong with one member of a policy's class."""
    if name.startswith("_") or name in TEXTS:
        return None
    if name == "problems":
        return "`problems` is overridden; the proof asks `startup_checks`, so refuse configurations there"
    if name in RULES:
        return rule_problem(name, member)
    if name in HABITS:
        return None if isinstance(member, bool) else f"`{name}` has to be True or False"
    is_method = isinstance(member, FunctionType | property | staticmethod | classmethod | CACHED)
    near = difflib.get_close_matches(name, (*RULES, *HABITS, "problems"), n=1, cutoff=0.0 if is_method else 0.8)
    if is_method:
        return f"`{name}` overrides nothing; did you mean `{near[0]}`? The name of a helper begins with `_`"
    if near and name not in getattr(owner, "__dataclass_fields__", {}):
        return f"`{name}` overrides nothing; did you mean `{near[0]}`?"
    return None


def rule_problem(name: str, member: Any) -> str | None:
    """Return what is wrong with an override of a rule."""
    if not isinstance(member, FunctionType):
        return f"`{name}` is overridden by something that is not a plain method"
    wanted, found = parameters_of(vars(Policy)[name]), parameters_of(member)
    if found != wanted:
        return f"`{name}` takes ({', '.join(found)}), but is asked with ({', '.join(wanted)})"
    return None


def parameters_of(function: FunctionType) -> list[str]:
    """Return the names of a method's parameters as they are called by position, without the object's own."""
    named: dict[Any, str] = {
        inspect.Parameter.VAR_POSITIONAL: "*",
        inspect.Parameter.VAR_KEYWORD: "**",
        inspect.Parameter.KEYWORD_ONLY: "*, ",
    }
    parameters = list(inspect.signature(function, follow_wrapped=False).parameters.values())[1:]
    return [named.get(each.kind, "") + each.name for each in parameters]


def place_of(owner: type, member: Any) -> str:
    """Return the file and line of a member of a class, or of the class, as far as they are known."""
    function = getattr(member, "fget", getattr(member, "__func__", getattr(member, "__wrapped__", member)))
    if isinstance(function, FunctionType):
        code = function.__code__
        return f"{Path(code.co_filename).name}, line {code.co_firstlineno}, in {owner.__name__}"
    inside = [value.__code__ for value in vars(owner).values() if isinstance(value, FunctionType)]
    files = [Path(code.co_filename).name for code in inside if not code.co_filename.startswith("<")]
    return f"{files[0]}, class {owner.__name__}" if files else f"class {owner.__qualname__}"


def rule_of(policy: Policy, name: str) -> Any:
    """Return a policy's rule as it is asked."""
    found = in_class(type(policy), name)
    return found.__get__(policy, type(policy))
