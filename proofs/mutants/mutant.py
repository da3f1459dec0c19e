"""Small changes to the code under proof, which a proof that means something must refute."""

from __future__ import annotations

import importlib
import inspect
import linecache
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType, FunctionType, ModuleType
from typing import Any

from schedproof_spec.gpu.source import code_named


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One edit of one function, as text."""

    name: str
    module: str
    function: str
    """The function's qualified name within the module."""
    old: str
    """Text that occurs exactly once in the function."""
    new: str

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Let the function run with the edit; everyone who has imported it sees the change.

        Raises:
            ValueError: the old text is not there exactly once, so that the mutant has gone stale.
        """
        module = importlib.import_module(self.module)
        function = function_named(module, self.function)
        source = inspect.getsource(module)
        body = inspect.getsource(function)
        if body.count(self.old) != 1:
            raise ValueError(f"mutant {self.name}: {self.old!r} occurs {body.count(self.old)} times")
        changed = source.replace(body, body.replace(self.old, self.new))
        filename = f"{module.__file__} ({self.name})"
        linecache.cache[filename] = (len(changed), None, changed.splitlines(keepends=True), filename)
        code = compile(changed, filename, "exec", dont_inherit=True)
        with running(function, code_named(code, self.function)):
            yield


@contextmanager
def running(function: FunctionType, code: CodeType) -> Iterator[None]:
    """Let a function run other code for a while."""
    original = function.__code__
    function.__code__ = code
    try:
        yield
    finally:
        function.__code__ = original


def function_named(module: ModuleType, qualified_name: str) -> FunctionType:
    """Return a function, a method or the getter of a property."""
    found: Any = module
    for part in qualified_name.split("."):
        found = inspect.getattr_static(found, part)
    if isinstance(found, property):
        found = found.fget
    if not isinstance(found, FunctionType):
        raise ValueError(f"{module.__name__}.{qualified_name} is not a function")
    return found
