"""What a script that runs has set so far: variables, arrays, arguments, functions, files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from schedproof_gate.deployment.budget import Budget
from schedproof_gate.deployment.given_values import GivenValues
from schedproof_gate.deployment.launch import Argument, WrittenFile
from schedproof_gate.deployment.shell_blocks import Block

ItemT = TypeVar("ItemT")
ValueT = TypeVar("ValueT", Argument, Argument | None)
Saved = tuple[Argument | None, tuple[Argument, ...] | None]
"""A variable's value and elements outside the function that has one of its own."""


@dataclass(slots=True)
class Values:
    """What a script has set so far."""

    budget: Budget
    given: GivenValues
    scalars: dict[str, Argument] = field(default_factory=dict)
    arrays: dict[str, tuple[Argument, ...]] = field(default_factory=dict)
    exported: set[str] = field(default_factory=set)
    integers: set[str] = field(default_factory=set)
    """Variables to which arithmetic is assigned, by ``declare -i``."""
    readonly: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)
    """Variables that are not what is assigned to them, by ``declare -u`` and its relatives."""
    functions: dict[str, tuple[Block | None, ...]] = field(default_factory=dict)
    """Those that a name may stand for; None where it may stand for none."""
    files: dict[str, WrittenFile] = field(default_factory=dict)
    """Those that the script has written, by name."""
    frames: list[dict[str, Saved]] = field(default_factory=list)
    """For each function that runs, what its own variables hide."""
    arguments: tuple[Argument, ...] | None = None
    """Those of the function or script that runs; None when only its caller knows them."""
    exports_all: bool = False
    """Whether what is set from here on reaches the commands, by ``set -a``."""
    not_read: str = ""
    """The script that was sourced and is not here, for a person: it may have set anything."""

    def copy(self) -> Values:
        """Return what another path through the script, or another shell, starts with."""
        self.budget.count(len(self.scalars) + len(self.arrays) + len(self.functions), None)
        return replace(
            self,
            scalars=dict(self.scalars),
            arrays=dict(self.arrays),
            exported=set(self.exported),
            integers=set(self.integers),
            readonly=set(self.readonly),
            changed=set(self.changed),
            functions=dict(self.functions),
            files=dict(self.files),
            frames=[dict(frame) for frame in self.frames],
        )

    def environment(self) -> dict[str, Argument]:
        """Return the variables that a command of the script gets."""
        names = (name for name in sorted(self.exported) if name in self.scalars)
        return {name: self.given_if_unknown(name, self.scalars[name]) for name in names}

    def given_if_unknown(self, name: str, value: ValueT) -> ValueT | Argument:
        """Return a variable's value, or what the person gives where it is not known or stands on a default."""
        if value is not None and not value.unknown_variables and not value.is_default:
            return value
        given = self.given.get(name) if name else None
        return value if given is None else Argument(given, None)

    def has_places(self, number: int | None) -> bool:
        """Return whether the first so many arguments, or all, are one word each."""
        return self.arguments is not None and not any(word.may_split for word in self.arguments[:number])

    def argument_of(self, name: str) -> Argument | None:
        """Return one of the arguments by its number; one that is not given is empty where the others are known."""
        if self.arguments is None:
            return None
        number = int(name) if len(name) < 4 else 0
        if not 1 <= number <= len(self.arguments) or not self.has_places(number - 1):
            return None
        return self.arguments[number - 1]

    def assign(self, name: str, value: Argument) -> None:
        """Set a variable."""
        self.arrays.pop(name, None)
        self.scalars[name] = value
        if self.exports_all:
            self.exported.add(name)

    def assign_array(self, name: str, elements: tuple[Argument, ...]) -> None:
        """Set an array."""
        self.scalars.pop(name, None)
        self.arrays[name] = elements

    def unset(self, name: str) -> None:
        """Forget a variable."""
        self.scalars.pop(name, None)
        self.arrays.pop(name, None)
        self.exported.discard(name)
        self.integers.discard(name)

    def hide(self, name: str) -> None:
        """Begin a variable that the innermost function has for itself."""
        if self.frames and name not in self.frames[-1]:
            self.frames[-1][name] = (self.scalars.get(name), self.arrays.get(name))

    def begin(self, variables: Mapping[str, Argument]) -> None:
        """Take in that a function begins, with variables of its own."""
        self.frames.append({})
        for name, value in variables.items():
            self.hide(name)
            self.assign(name, value)

    def end(self) -> None:
        """Take in that a function is over: what its own variables hid counts again."""
        for name, (value, elements) in self.frames.pop().items():
            self.scalars.pop(name, None)
            self.arrays.pop(name, None)
            self.readonly.discard(name)
            if value is not None:
                self.scalars[name] = value
            if elements is not None:
                self.arrays[name] = elements

    def lose(self, name: str, why: str = "") -> None:
        """Take in that only a shell knows a variable's value from here on; its text still tells what it may be."""
        elements = self.arrays.get(name)
        if elements is not None:
            written = f"${{{name}[@]}}"
            elements = elements or (Argument(written, None),)
            unknown = (f"${name}{why}" if why else written,)
            self.arrays[name] = tuple(replace(element, unknown_variables=unknown) for element in elements)
            return
        value = self.scalars.get(name) or Argument(f"${name}", None)
        self.scalars[name] = replace(value, unknown_variables=(f"${name}{why}",))

    def lose_all(self, why: str, line: int | None) -> None:
        """Take in that any variable may have another value from this line on.

        Raises:
            InputError: over the budget.
        """
        self.not_read = why
        self.arguments = None
        self.budget.count(len(self.scalars) + len(self.arrays), line)
        known = [name for name, value in self.scalars.items() if not value.unknown_variables]
        for name in (*known, *self.arrays):
            self.lose(name, why)

    def joined(self, others: Sequence[Values], why: str) -> Values:
        """Return what is known where any of several paths may have been taken, this one first."""
        result = self.copy()
        for other in others:
            differing = differences(result.scalars, other.scalars) | differences(result.arrays, other.arrays)
            differing |= (result.exported ^ other.exported) | (result.changed ^ other.changed)
            differing |= (result.readonly ^ other.readonly) | (result.integers ^ other.integers)
            for name in differing:
                mixed(result, other, name, why)
            result.exported |= other.exported
            result.changed |= (
                other.changed | (result.readonly ^ other.readonly) | (result.integers ^ other.integers)
            )
            result.readonly &= other.readonly
            for name in result.functions.keys() | other.functions.keys():
                both = (*result.functions.get(name, (None,)), *other.functions.get(name, (None,)))
                result.functions[name] = tuple({id(block): block for block in both}.values())
            for name in differences(result.files, other.files):
                file = result.files.get(name) or other.files[name]
                result.files[name] = file if file.doubt else replace(file, doubt=why)
            for frame, others_frame in zip(result.frames, other.frames, strict=False):
                for name in others_frame.keys() ^ frame.keys():
                    frame[name] = (Argument(f"${name}", None, (f"${name}{why}",)), None)
            if result.arguments != other.arguments:
                result.arguments = None
            result.exports_all |= other.exports_all
            result.not_read = result.not_read or other.not_read
        return result

    def is_same(self, other: Values) -> bool:
        """Return whether everything that counts is the same."""
        return (
            not differences(self.scalars, other.scalars)
            and not differences(self.arrays, other.arrays)
            and not differences(self.files, other.files)
            and (self.functions, self.arguments, self.exported)
            == (other.functions, other.arguments, other.exported)
            and (self.readonly, self.changed, self.not_read) == (other.readonly, other.changed, other.not_read)
        )


def differences(ours: dict[str, ItemT], theirs: dict[str, ItemT]) -> set[str]:
    """Return the names that are not the same in both."""
    return {name for name in ours.keys() | theirs.keys() if not same(ours.get(name), theirs.get(name))}


def same(one: object, other: object) -> bool:
    """Return whether two values mean the same, wherever they are set."""
    if isinstance(one, Argument) and isinstance(other, Argument):
        return (one.text, one.unknown_variables, one.is_default) == (
            other.text,
            other.unknown_variables,
            other.is_default,
        )
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def mixed(result: Values, other: Values, name: str, why: str) -> None:
    """Lose a variable that is not the same on two paths; one that is not known already stays as it is."""
    value, elements = result.scalars.get(name), result.arrays.get(name)
    if value is None and elements is None:
        if name in other.scalars:
            result.scalars[name] = other.scalars[name]
        elif name in other.arrays:
            result.arrays[name] = other.arrays[name]
    known = [item for item in (value, *(elements or ())) if item is not None]
    if not known or not all(item.unknown_variables for item in known):
        result.lose(name, why)
