"""Scheduling rules and loops of a person's own, named on the command line as `MODULE:CLASS` or `FILE.py:CLASS`.

Resolving one runs its module, so this is for words of the command line alone, never for those of a file.
"""

from __future__ import annotations

import inspect
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from schedproof import Policy
from schedproof.engines.fastdeploy.releases import VERSIONS
from schedproof.step_loop import StepLoop
from schedproof_gate.deployment.given import Origin
from schedproof_gate.errors import InputError, quoted, shown
from schedproof_gate.from_here import from_here
from schedproof_gate.misspellings import closest
from schedproof_gate.own_module import as_given, import_own, own_files, quietly

SEPARATOR = ":"


OwnRule = Policy | StepLoop[Any, Any]
"""What a person writes: the rules of FastDeploy's loop, or a loop."""
KINDS = (Policy, StepLoop)


@dataclass(frozen=True, slots=True)
class Named:
    """A rule of a person's own, and how they named it."""

    rule: OwnRule
    spelling: str


_resolved: dict[str, Named] = {}


def is_own(name: str) -> bool:
    """Return whether a name on the command line is that of a person's own rule; no shipped version has a colon."""
    return SEPARATOR in name


def own_policy(name: str, origin: Origin) -> Policy:
    """Import the module that a person names, and return the policy in it; the same name gives the same object.

    Raises:
        InputError: the module cannot be imported, or what is named there is no policy that can be made.
    """
    rule = own_rule(name, origin)
    if isinstance(rule, StepLoop):
        raise origin.error(
            f"{shown(name)} is a step loop, and this command knows FastDeploy's loop alone",
            f"ask `schedproof prove {shown(name)}`, or name a Policy",
        )
    return rule


def own_rule(name: str, origin: Origin) -> OwnRule:
    """Import the module that a person names, and return the policy or loop in it.

    Raises:
        InputError: the module cannot be imported, or what is named there is neither, or cannot be made.
    """
    if name not in _resolved:
        module_name, _, member = name.rpartition(SEPARATOR)
        if not module_name or not member:
            raise origin.error(
                f"{quoted(name)} is not MODULE:CLASS", "write path/to/file.py:Class or package.module:Class"
            )
        module = import_own(module_name, origin)
        rule = named_well(made(member_of(module, member, origin), member, origin), member, origin)
        _resolved[name] = Named(rule, name)
    return _resolved[name].rule


def spelling_of(rule: OwnRule) -> str:
    """Return how a policy or loop is named on a command line."""
    for own in _resolved.values():
        if own.rule is rule:
            return own.spelling
    return rule.name


def summary_of(policy: Policy) -> str:
    """Return what a policy does, in a sentence; for lack of one of its own, the first line of its class's text."""
    own = vars(type(policy)).get("summary")
    if isinstance(own, str) or is_shipped(policy):
        return policy.summary
    first = (vars(type(policy)).get("__doc__") or "").strip().partition("\n")[0]
    return first.removesuffix(".") or "a rule of one's own"


def source_of(policy: Policy) -> str:
    """Return where a policy comes from: what its class says, else how it is named on the command line."""
    own = vars(type(policy)).get("source")
    return policy.source if isinstance(own, str) or is_shipped(policy) else spelling_of(policy)


def is_shipped(policy: Policy) -> bool:
    """Return whether a policy is one of the engine's versions."""
    return VERSIONS.get(policy.name) is policy


def member_of(module: ModuleType, member: str, origin: Origin) -> Any:
    """Return what a module has under a name.

    Raises:
        InputError: nothing.
    """
    if member in vars(module):
        return vars(module)[member]
    rules = [name for name, value in vars(module).items() if is_rule_class(value) or isinstance(value, KINDS)]
    near = closest(member, rules, similarity=0.5) or closest(member, vars(module), similarity=0.6)
    own = [name for name in rules if getattr(vars(module)[name], "__module__", None) == module.__name__]
    advice = f"did you mean {near}?" if near else f"it has: {', '.join(own)}" if own else "define the class there"
    raise origin.error(f"{shown(file_of(module))} has no {quoted(member)}", advice)


def is_rule_class(value: Any) -> bool:
    """Return whether something is a class of policies or loops."""
    return isinstance(value, type) and issubclass(value, KINDS)


def made(found: Any, member: str, origin: Origin) -> OwnRule:
    """Return an object of a class of policies or loops, or the object itself where one is named.

    Raises:
        InputError: neither, or a class of which no object can be made.
    """
    if isinstance(found, KINDS):
        return found
    if not is_rule_class(found):
        raise origin.error(
            f"{quoted(member)} is no Policy and no StepLoop",
            f"write `class {member}(schedproof.Policy)`, or a subclass of a version or of StepLoop",
        )
    missing = sorted(getattr(found, "__abstractmethods__", ()))
    if missing:
        raise origin.error(f"{member} lacks {', '.join(missing)}", "define them, or subclass a version that does")
    needed = [each.name for each in inspect.signature(found).parameters.values() if is_needed(each)]
    if needed:
        raise origin.error(
            f"{member} needs arguments ({', '.join(needed)})",
            f"give them defaults, or name an object: a line `mine = {member}(...)` in the module",
        )
    try:
        with quietly():
            rule = found()
    except Exception as error:
        raise origin.error(f"{member}() raises {words_of(error)}", "make it work without arguments") from None
    assert isinstance(rule, KINDS)
    return rule


def is_needed(parameter: inspect.Parameter) -> bool:
    """Return whether a parameter has to be given."""
    is_open = parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return parameter.default is inspect.Parameter.empty and not is_open


def named_well(rule: OwnRule, member: str, origin: Origin) -> OwnRule:
    """Return a policy or loop whose name is its own; the shipped policy where its very class is named.

    Raises:
        InputError: it has no name, or that of a shipped version.
    """
    name = getattr(rule, "name", None)
    if not isinstance(name, str) or not name.strip():
        raise origin.error(f"{member} has no name", f'add `name = "{suggested_name(member)}"` to the class')
    if name not in VERSIONS:
        return rule
    if type(rule) is type(VERSIONS[name]) and vars(rule) == vars(VERSIONS[name]):
        return VERSIONS[name]
    raise origin.error(
        f"{member} has the name of a shipped version, {quoted(name)}",
        f'add a name of its own to the class, such as `name = "{suggested_name(member)}"`',
    )


def suggested_name(member: str) -> str:
    """Return a name for a class: its words in lower case with dashes between them."""
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in member).strip("-_").replace("_", "-")


def file_of(module: ModuleType) -> str:
    """Return a module's file as a person sees it, relative to where they are if it is below; else its name."""
    file = getattr(module, "__file__", None)
    if file is None:
        return module.__name__
    return str(from_here(Path(file)))


def failure_in_own(error: BaseException) -> InputError | None:
    """Return an exception that a person's own module raised as an error at its line; None for any other."""
    files = own_files()
    frames = [each for each in traceback.extract_tb(error.__traceback__) if Path(each.filename) in files]
    if not frames:
        return None
    last = frames[-1]
    return InputError(
        f"raises {words_of(error)}",
        source=as_given(last.filename, ""),
        line=last.lineno,
        key=last.name,
        advice="mend the rule, then ask again",
    )


def words_of(error: BaseException) -> str:
    """Return an exception's type and message, on one line."""
    message = shown(str(error).strip().partition("\n")[0])
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
