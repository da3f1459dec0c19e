"""Reads everything that a rule can call: whatever is mentioned is read, so that nothing unread can be called."""

from __future__ import annotations

import dataclasses
import enum
import functools
import logging
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from schedproof.engines.fastdeploy.startup import StartupCheck
from schedproof_spec.prover.subset import classes, lookup
from schedproof_spec.prover.subset.content import Content
from schedproof_spec.prover.subset.facts import AttributeOf, Counted, Fact, Named, NoneTest, OfSuper, Refusal, Use
from schedproof_spec.prover.subset.language import ATTRIBUTES, FUNCTIONS, LOGGING
from schedproof_spec.prover.subset.lookup import MISSING, Binding
from schedproof_spec.prover.subset.places import (
    ARGUMENTS,
    BUILTIN_TYPES,
    KNOWN_DESCRIPTORS,
    PAIR_FIELD,
    START,
    CachedAt,
    Place,
    owner_of,
    type_of,
)
from schedproof_spec.prover.subset.reader import facts_of
from schedproof_spec.prover.subset.uses import builtin_problem, kind_problem, use_problem
from schedproof_spec.prover.subset.values import (
    CACHED,
    DESCRIPTORS,
    FIXED,
    PLAIN,
    UnlistedValueError,
    can_change,
    content_of,
    has_content,
    is_named_tuple,
    is_object,
    is_written_by_python,
    parts_of,
    problem_of,
)


class Closure:
    """Everything that is reached from one function, and the first thing in it that is not on the list."""

    def __init__(self, given: tuple[type, ...] = ARGUMENTS) -> None:
        self.refusal: str | None = None
        self.content = Content()
        self.bindings: list[Binding] = []
        self.cached: list[CachedAt] = []
        self.tests_members = False
        """Whether members of enums are compared by identity."""
        self.logs = False
        self.none_tests: set[str | None] = set()
        self.attributes: dict[str, tuple[Place, int]] = {}
        """Attributes of values that are known only when the rule runs, with the first place of each."""
        self._given = given
        self._classes: dict[type, None] = dict.fromkeys(given)
        self._waiting: list[Place] = []

    def read(self, *rules: Any) -> None:
        """Read rules, and whatever they can call."""
        start, line = Place(START), START.__code__.co_firstlineno
        for rule in rules:
            if isinstance(rule, MethodType):
                self.method(rule.__func__, rule.__self__, type_of(rule.__self__), start, line)
            else:
                self.take(rule, Use.CALL, start, line, "a rule")
        while self._waiting and self.refusal is None:
            self._read_function(self._waiting.pop(0))
        for attribute, (place, line) in self.attributes.items():
            if not self._is_known(attribute):
                self.refuse(place, line, f"`.{attribute}` is not an attribute of anything that a rule is given")

    def refuse(self, place: Place, line: int, words: str | None) -> None:
        """Note the first thing that is not on the list, if it is one."""
        if self.refusal is None and words is not None:
            self.refusal = f"{place.at(line)}: {words}"

    def _read_function(self, place: Place) -> None:
        function = place.function
        code, line = function.__code__, function.__code__.co_firstlineno
        self.bindings.append(Binding(lambda: function.__code__, code))
        self.bindings.append(Binding(lambda: function.__defaults__, function.__defaults__))
        named = function.__kwdefaults__ or {}
        self.bindings += [Binding(functools.partial(named.get, name), named[name]) for name in named]
        for default in (*(function.__defaults__ or ()), *named.values()):
            if can_change(default):
                self.refuse(place, line, "a default that can be changed is not supported; write a tuple")
            self.take(default, Use.VALUE, place, line)
        is_of_schedproof = function.__globals__.get("__name__", "").partition(".")[0] == "schedproof"
        for fact in facts_of(code, code.co_filename):
            if not (isinstance(fact, Counted) and is_of_schedproof):
                self._follow(fact, place)

    def _follow(self, fact: Fact, place: Place) -> None:
        if isinstance(fact, Refusal):
            self.refuse(place, fact.line, str(fact))
        elif isinstance(fact, AttributeOf):
            self._unknown(fact.attribute, place, fact.line)
        elif isinstance(fact, NoneTest):
            self.none_tests.add(fact.attribute)
        elif isinstance(fact, OfSuper):
            self._super(fact, place)
        else:
            self._named(fact, place)

    # Names

    def _named(self, fact: Named, place: Place) -> None:
        """Follow a name and its attributes as far as they are known before the rule runs."""
        if fact.root is None:
            value = place.own
            if value is MISSING:
                self._not_known(fact, place, fact.attributes)
                return
        else:
            value = self._root(fact.root, place)
            if value is MISSING:
                self.refuse(place, fact.line, f"`{fact.root}` is not the name of anything")
                return
        for index, attribute in enumerate(fact.attributes):
            so_far = dataclasses.replace(fact, attributes=fact.attributes[: index + 1])
            found = self._step(value, attribute, so_far, place, is_last=index == len(fact.attributes) - 1)
            if found is MISSING:
                self._not_known(fact, place, fact.attributes[index + 1 :])
                return
            value = found
        self.take(value, fact.use, place, fact.line, str(fact))

    def _not_known(self, fact: Named, place: Place, attributes: tuple[str, ...]) -> None:
        if fact.use is Use.MEMBER:
            self.refuse(place, fact.line, "`is` between values is not supported; compare with ==")
        elif fact.use is Use.TEXT:
            self.refuse(place, fact.line, "an f-string is not supported; compare the value itself")
        elif fact.use in (Use.ROUNDS, Use.STARTUP_CHECK, Use.BUILTIN):
            self.refuse(place, fact.line, f"`{fact}` is not the function of that name; name it otherwise")
        for attribute in attributes:
            self._unknown(attribute, place, fact.line)

    def _root(self, name: str, place: Place) -> Any:
        function = place.function
        if name in function.__code__.co_freevars:
            value = lookup.in_closure(function, name)
            self.bindings.append(Binding(lambda: lookup.in_closure(function, name), value))
        else:
            value = lookup.in_module(function, name)
            self.bindings.append(Binding(lambda: lookup.in_module(function, name), value))
            if isinstance(value, CACHED):
                self.cached.append(CachedAt(function.__globals__, name, value))
        return value

    def _step(self, value: Any, attribute: str, fact: Named, place: Place, *, is_last: bool) -> Any:
        """Return an attribute of a known value; `MISSING` where it is known only when the rule runs."""
        if type(value) is ModuleType:
            found = vars(value).get(attribute, MISSING)
            self.bindings.append(Binding(lambda: vars(value).get(attribute, MISSING), found))
            if isinstance(found, CACHED):
                self.cached.append(CachedAt(vars(value), attribute, found))
            if found is MISSING:
                self.refuse(place, fact.line, f"`{fact}` is not the name of anything")
            return found
        if isinstance(value, logging.Logger):
            is_plain = type(value) in (logging.Logger, logging.RootLogger)
            if not is_plain or attribute not in LOGGING or not is_last:
                self.refuse(place, fact.line, f"`{fact}` is not supported; a rule may only log")
            self.logs = True
            return MISSING
        if isinstance(value, type):
            return self._of_class(value, attribute, fact, place)
        if is_object(value) and problem_of(value) is None:
            self._admit(type(value), place, fact.line)
            return MISSING if self.refusal is not None else self._of_object(value, attribute, fact, place)
        if isinstance(value, str) and not isinstance(value, enum.Enum):
            self.refuse(place, fact.line, f"`{fact}`, a method of a text, is not supported; compare the value")
        self.take(value, Use.IN_PLACE, place, fact.line, str(fact))
        self._unknown(attribute, place, fact.line)
        return MISSING

    def _of_class(self, value: type, attribute: str, fact: Named, place: Place) -> Any:
        if issubclass(value, enum.Enum) and attribute in value.__members__:
            return value.__members__[attribute]
        found = lookup.in_class(value, attribute)
        self.bindings.append(Binding(lambda: lookup.in_class(value, attribute), found))
        self._admit(value, place, fact.line)
        if self._is_odd(found, place, fact.line):
            return MISSING
        if type(found) is staticmethod:
            return found.__func__
        if type(found) is classmethod:
            self.method(found.__func__, value, value, place, fact.line)
            return MISSING
        if isinstance(found, FunctionType):
            self.method(found, MISSING, value, place, fact.line)
            return MISSING
        if type(found) in (property, functools.cached_property) or found is MISSING:
            self.refuse(place, fact.line, f"`{fact}` is not supported")
        return found

    def _of_object(self, value: Any, attribute: str, fact: Named, place: Place) -> Any:
        kind = type(value)
        found = lookup.in_class(kind, attribute)
        kept = lookup.of_object(value, attribute)
        self.bindings.append(Binding(lambda: type(value), kind))
        self.bindings.append(Binding(lambda: lookup.in_class(kind, attribute), found))
        self.bindings.append(Binding(lambda: lookup.of_object(value, attribute), kept))
        if self._is_odd(found, place, fact.line):
            return MISSING
        if type(found) is property:
            self._property(found, value, kind, place, fact.line)
            return MISSING
        if isinstance(found, functools.cached_property):
            self.refuse(place, fact.line, f"`{fact}` is kept between calls; make it a property")
            return MISSING
        if kept is not MISSING:
            return kept
        if type(found) is staticmethod:
            return found.__func__
        if type(found) is classmethod:
            self.method(found.__func__, kind, kind, place, fact.line)
            return MISSING
        if isinstance(found, CACHED):
            self.cached.append(CachedAt(owner_of(kind, attribute), attribute, found))
            found = found.__wrapped__
        if isinstance(found, FunctionType):
            self.method(found, value, kind, place, fact.line)
            return MISSING
        if found is MISSING:
            self.refuse(place, fact.line, f"`{fact}` is not the name of anything")
        return found

    def _is_odd(self, found: Any, place: Place, line: int) -> bool:
        """Refuse what stands in a class and answers for itself when it is asked for."""
        is_odd = hasattr(type(found), "__get__") and type(found) not in KNOWN_DESCRIPTORS
        if is_odd:
            self.refuse(place, line, f"a descriptor of the type {type(found).__name__} is not supported")
        return is_odd

    def _property(self, found: property, own: Any, kind: type, place: Place, line: int) -> None:
        if isinstance(found.fget, FunctionType):
            self.method(found.fget, own, kind, place, line)
        else:
            self.refuse(place, line, "a property whose getter is not a plain function is not supported")

    def _super(self, fact: OfSuper, place: Place) -> None:
        if lookup.in_module(place.function, "super") is not super:
            self.refuse(place, fact.line, "`super` is not Python's own; name it otherwise")
        defined_in = lookup.in_closure(place.function, "__class__")
        kinds = [place.owner] if place.owner is not None else list(self._classes)
        found_any = False
        for kind in kinds:
            if not isinstance(defined_in, type) or defined_in not in kind.__mro__:
                continue
            later = kind.__mro__[kind.__mro__.index(defined_in) + 1 :]
            found = lookup.in_classes(later, fact.attribute)
            self.bindings.append(Binding(functools.partial(lookup.in_classes, later, fact.attribute), found))
            found_any = found_any or found is not MISSING
            self._member(found, place.own, kind, place, fact.line)
        if not found_any:
            self.refuse(place, fact.line, f"`super().{fact.attribute}` is not the name of anything")

    def _member(self, found: Any, own: Any, kind: type, place: Place, line: int) -> None:
        """Read what a class has by a name, whatever is done with it."""
        if self._is_odd(found, place, line):
            return
        if type(found) is property:
            self._property(found, own, kind, place, line)
        elif type(found) is staticmethod:
            self.take(found.__func__, Use.CALL, place, line)
        elif type(found) is classmethod:
            self.method(found.__func__, kind, kind, place, line)
        elif isinstance(found, FunctionType):
            self.method(found, own, kind, place, line)
        elif isinstance(found, CACHED):
            self.refuse(place, line, "a method that remembers its results is not supported here; call it on `self`")
        elif found is not MISSING and not isinstance(found, DESCRIPTORS) and type(found) is not PAIR_FIELD:
            self.take(found, Use.VALUE, place, line)

    def take(self, value: Any, use: Use, place: Place, line: int, words: str = "") -> None:
        """Read a value that is known before the rule runs."""
        if (problem := kind_problem(value, words) or use_problem(value, use, words)) is not None:
            self.refuse(place, line, problem)
            return
        try:
            self.content.add(content := content_of(value))
            if not isinstance(value, FIXED):
                self.bindings.append(Binding(lambda: has_content(value, content), True))
            self._take_parts(value, place, line, words)
        except UnlistedValueError as error:
            self.refuse(place, line, f"`{words}` holds {error}")
        except RecursionError:
            self.refuse(place, line, f"`{words}` holds itself; write a tuple of what is needed")
        if use is Use.MEMBER:
            self.tests_members = True

    def _take_parts(self, value: Any, place: Place, line: int, words: str) -> None:
        key = (id(value), place.owner)
        if isinstance(value, FunctionType):
            self._enqueue(Place(value))
        elif isinstance(value, MethodType):
            self.method(value.__func__, value.__self__, type_of(value.__self__), place, line)
        elif isinstance(value, CACHED):
            if not any(each.wrapper is value for each in self.cached):
                self.refuse(
                    place, line, f"`{words}` remembers its results, and is not called by a name of its module"
                )
            self.take(value.__wrapped__, Use.CALL, place, line, words)
        elif isinstance(value, BuiltinFunctionType) or (isinstance(value, type) and value in BUILTIN_TYPES):
            self.refuse(place, line, builtin_problem(value, words))
        elif isinstance(value, type):
            self._admit(value, place, line, is_made=True)
        elif type(value) is StartupCheck:
            self.take(value.holds, Use.CALL, place, line, f"{words}.holds")
        elif type(value) not in PLAIN and self.content.is_new(key, value):
            if isinstance(value, enum.Enum) or is_object(value) or is_named_tuple(type(value)):
                self._admit(type(value), place, line)
            for part in parts_of(value):
                self.take(part, Use.VALUE, place, line, words)

    def method(self, function: Any, own: Any, owner: type | None, place: Place, line: int) -> None:
        """Read a method with the object that it is asked of."""
        if isinstance(function, CACHED):
            function = function.__wrapped__
        if not isinstance(function, FunctionType):
            self.refuse(place, line, f"a method that is not a plain function is not supported: {function!r}")
            return
        self.content.add(("method", function.__code__))
        self._enqueue(Place(function, own, owner))

    def _enqueue(self, place: Place) -> None:
        key = (id(place.function), id(place.own), place.owner)
        if not self.content.is_new(key, place):
            return
        if place.function in FUNCTIONS:
            self.logs = self.logs or place.function.__module__ == "logging"
            return
        self._waiting.append(place)

    def _admit(self, owner: type, place: Place, line: int, *, is_made: bool = False) -> None:
        """Let objects of a class take part: what its operators run is read, and what others ask of it by name."""
        if is_made:
            self._made(owner, place, line)
        if owner in self._classes or classes.is_pythons_own(owner):
            return
        self._classes[owner] = None
        if (problem := classes.class_problem(owner)) is not None:
            self.refuse(place, line, f"`{owner.__name__}` {problem}")
            return
        for operator in classes.operators_of(owner):
            self.method(operator, MISSING, owner, place, line)
        for attribute, (first, at) in list(self.attributes.items()):
            self._member_of(owner, attribute, first, at)

    def _made(self, owner: type, place: Place, line: int) -> None:
        """Read what runs when an object of a class is made."""
        if issubclass(owner, enum.Enum):
            self.content.add(owner)
            for name, member in owner.__members__.items():
                self.take(member, Use.VALUE, place, line, f"{owner.__name__}.{name}")
            if (missing := classes.own_missing(owner)) is not None:
                self.method(missing, owner, owner, place, line)
            return
        if classes.is_pythons_own(owner) and not issubclass(owner, Exception):
            self.refuse(place, line, builtin_problem(owner, owner.__name__))
            return
        begin = lookup.in_class(owner, "__init__")
        if isinstance(begin, FunctionType) and not is_written_by_python(begin, owner):
            self.method(begin, MISSING, owner, place, line)
        for name, value, use in classes.defaults_of(owner):
            self.take(value, use, place, line, name)

    def _unknown(self, attribute: str, place: Place, line: int) -> None:
        """Read whatever an attribute can be, of any class whose objects take part."""
        if attribute in self.attributes:
            return
        self.attributes[attribute] = (place, line)
        for owner in list(self._classes):
            self._member_of(owner, attribute, place, line)

    def _member_of(self, owner: type, attribute: str, place: Place, line: int) -> None:
        found = lookup.in_class(owner, attribute)
        is_of_enums = issubclass(owner, enum.Enum) and attribute in ATTRIBUTES
        if is_of_enums and (found is MISSING or classes.is_pythons_own(owner_of(owner, attribute))):
            return
        self.bindings.append(Binding(lambda: lookup.in_class(owner, attribute), found))
        if isinstance(found, functools.cached_property):
            self.refuse(place, line, f"`.{attribute}` is kept between calls; make it a property")
            return
        if owner in self._given and attribute in getattr(owner, "__dataclass_fields__", ()):
            return
        if not (isinstance(found, FunctionType) and is_written_by_python(found, owner)):
            self._member(found, MISSING, owner, place, line)

    def _is_known(self, attribute: str) -> bool:
        return attribute in ATTRIBUTES or any(lookup.is_named_in(owner, attribute) for owner in self._classes)
