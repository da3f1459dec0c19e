"""Which arrays a kernel may write, by its own statements and by those of the functions that it calls."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from types import FunctionType

from schedproof_spec.gpu.reader import dotted, stored_names
from schedproof_spec.gpu.refusal import refuse

Definition = Callable[[FunctionType], ast.FunctionDef]
"""Given a function, its source."""


class Stores:
    """What the functions of one kernel write."""

    def __init__(self, definition: Definition, functions: Mapping[Callable[..., object], object]) -> None:
        self.definition = definition
        self.functions = functions
        """Those that a stand-in is for: they write to their own parameters alone."""
        self.known: dict[FunctionType, frozenset[int]] = {}
        self.open: list[FunctionType] = []

    def written(self, function: FunctionType) -> frozenset[int]:
        """Return the positions of the parameters that a function may write elements of.

        Raises:
            UnsupportedError: a function calls itself, or writes to an array that is not plainly a parameter.
        """
        if function not in self.known:
            self.open.append(function)
            self.known[function] = self._read(function)
            self.open.pop()
        return self.known[function]

    def _read(self, function: FunctionType) -> frozenset[int]:
        definition = self.definition(function)
        parameters = [argument.arg for argument in definition.args.args]
        rebound = set(stored_names(definition))
        written: set[int] = set()
        for node in ast.walk(definition):
            if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
                written.update(i for i, name in enumerate(parameters) if dotted(node.value) == (name,))
            called = called_by(function, node)
            if called is None:
                continue
            assert isinstance(node, ast.Call)
            if called in self.open:
                refuse(function, node, f"`{called.__name__}`, which calls itself,", "write a `for` loop")
            if function in self.functions:
                continue
            if node.keywords:
                refuse(function, node, "an argument by keyword", "pass it by position")
            for position in self.written(called):
                array = node.args[position] if position < len(node.args) else node
                name = array.id if isinstance(array, ast.Name) else ""
                if name in parameters and name not in rebound:
                    written.add(parameters.index(name))
                elif name not in shared_arrays(definition):
                    refuse(
                        function,
                        array,
                        "an array under another name, or a part of one",
                        "pass the parameter itself",
                    )
        return frozenset(written)


def called_by(function: FunctionType, node: ast.AST) -> FunctionType | None:
    """Return the plain function that a part of the source calls."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        called = function.__globals__.get(node.func.id)
        return called if isinstance(called, FunctionType) else None
    return None


def shared_arrays(definition: ast.FunctionDef) -> set[str]:
    """Return the names of a kernel's shared arrays."""
    return {
        target.id
        for statement in definition.body
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call)
        if dotted(statement.value.func) == ("cuda", "shared", "array")
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
