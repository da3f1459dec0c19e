"""Reads a function of a kernel against the list; what is not on it is refused with its line."""

from __future__ import annotations

import ast
from types import FunctionType, ModuleType
from typing import Any, NoReturn

import numpy as np

from schedproof_spec.gpu.language import (
    BARRIER,
    CUDA_CALLS,
    CUDA_INSTEAD,
    CUDA_VALUES,
    ELEMENT_TYPES,
    FUNCTIONS,
    OPERATORS,
    OPERATORS_INSTEAD,
    REFUSED,
    SHARED,
    SYNTAX,
)
from schedproof_spec.gpu.memory import INT64
from schedproof_spec.gpu.refusal import refuse

SCALARS = (np.float32, np.float64)
"""Types of constants that are data."""


def read_function(function: FunctionType, definition: ast.FunctionDef, *, is_kernel: bool) -> None:
    """Refuse the first thing that is not on the list; barriers and shared arrays are a kernel's own statements.

    Raises:
        UnsupportedError: with file, line, construct and what to write instead.
    """
    Reader(function, definition).read(is_kernel)


def stored_names(node: ast.AST) -> list[str]:
    """Return every name that is bound in a part of the source, once for each place."""
    return [each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)]


def dotted(node: ast.AST) -> tuple[str, ...]:
    """Return the names of ``a.b.c``, empty for anything else."""
    if isinstance(node, ast.Name):
        return (node.id,)
    if isinstance(node, ast.Attribute):
        inner = dotted(node.value)
        return (*inner, node.attr) if inner else ()
    return ()


def is_docstring(node: ast.AST) -> bool:
    """Return whether a statement is text alone."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


class Reader:
    """Reads one function."""

    def __init__(self, function: FunctionType, definition: ast.FunctionDef) -> None:
        self.function = function
        self.definition = definition
        self.parameters = [argument.arg for argument in definition.args.args]
        self.bound = stored_names(definition)
        self.locals = {*self.parameters, *self.bound}
        self.shared: set[str] = set()

    def refuse(self, node: ast.AST, construct: str, instead: str) -> NoReturn:
        """Refuse a construct of this function."""
        refuse(self.function, node, construct, instead)

    def read(self, is_kernel: bool) -> None:
        """Read all statements."""
        arguments = self.definition.args
        if (
            arguments.vararg
            or arguments.kwarg
            or arguments.kwonlyargs
            or arguments.posonlyargs
            or arguments.defaults
        ):
            self.refuse(self.definition, "a parameter that is not a plain one", "pass every argument by position")
        if self.function.__closure__:
            self.refuse(self.definition, "a variable of an enclosing function", "pass it as an argument")
        for name in self.locals:
            if name in FUNCTIONS or name.startswith("__") or self.is_cuda(self.function.__globals__.get(name)):
                self.refuse(self.definition, f"a local name `{name}`", "choose another name")
        all_arrive = True
        for statement in self.definition.body:
            if is_kernel and self.is_barrier(statement):
                if not all_arrive:
                    self.refuse(
                        statement, "a barrier behind a `return`", "put the rest of the kernel under an `if`"
                    )
            elif is_kernel and self.is_shared(statement):
                self.read_shared(statement)
            else:
                self.statement(statement)
                all_arrive &= not any(isinstance(each, ast.Return) for each in ast.walk(statement))

    def is_cuda(self, value: Any) -> bool:
        """Return whether a value is the module whose name a kernel uses for the machine."""
        return isinstance(value, ModuleType) and value.__name__ == "numba.cuda"

    def cuda_name(self, node: ast.AST) -> str | None:
        """Return what is asked of `cuda`; None where something else is."""
        names = dotted(node)
        if len(names) < 2 or names[0] in self.locals or not self.is_cuda(self.function.__globals__.get(names[0])):
            return None
        if names[0] != "cuda":
            self.refuse(node, f"`{names[0]}` for cuda", "write `from numba import cuda`")
        return ".".join(names[1:])

    def is_barrier(self, node: ast.AST) -> bool:
        """Return whether a statement is a barrier."""
        call = node.value if isinstance(node, ast.Expr) else None
        return (
            isinstance(call, ast.Call)
            and self.cuda_name(call.func) == BARRIER
            and not call.args
            and not call.keywords
        )

    def is_shared(self, node: ast.AST) -> bool:
        """Return whether a statement makes a shared array."""
        return (
            isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Call)
            and self.cuda_name(node.value.func) == SHARED
        )

    def read_shared(self, node: ast.AST) -> None:
        """Read ``name = cuda.shared.array(length, type)``."""
        assert isinstance(node, ast.Assign)
        assert isinstance(node.value, ast.Call)
        target, arguments = node.targets[0], node.value.args
        if len(node.targets) > 1 or not isinstance(target, ast.Name) or self.bound.count(target.id) > 1:
            self.refuse(node, "a shared array that has not one name for good", "give it a name of its own")
        if target.id in self.parameters:
            self.refuse(node, "a shared array under a parameter's name", "give it a name of its own")
        length = self.constant(arguments[0]) if len(arguments) == 2 else None
        if node.value.keywords or type(length) is not int or length <= 0:
            self.refuse(node, "this shared array", "give a positive constant as its one dimension, and a type")
        if element_type(self.outside(arguments[1])) not in ELEMENT_TYPES:
            self.refuse(node, "this type of a shared array", f"one of {', '.join(sorted(ELEMENT_TYPES))}")
        self.shared.add(target.id)

    def constant(self, node: ast.AST) -> Any:
        """Return a number that is written out or named in the module, None for anything else."""
        return node.value if isinstance(node, ast.Constant) else self.outside(node)

    def outside(self, node: ast.AST) -> Any:
        """Return what a name of the module is, also one in another module; None where there is none."""
        root, *attributes = dotted(node) or ("",)
        value = None if root in self.locals else self.function.__globals__.get(root)
        for attribute in attributes:
            value = getattr(value, attribute, None)
        return value

    def check_kind(self, node: ast.AST) -> None:
        """Refuse a kind of syntax that is not on the list."""
        if type(node) not in SYNTAX:
            name = type(node).__name__
            construct, instead = REFUSED.get(name, (f"`{name}`", "write it with what is listed"))
            self.refuse(node, construct, instead)

    def statement(self, node: ast.stmt) -> None:
        """Read one statement, and what is in it."""
        self.check_kind(node)
        match node:
            case ast.Assign():
                for target in node.targets:
                    self.target(target)
                self.value(node.value)
            case ast.AnnAssign():
                if node.value is None or not isinstance(node.target, ast.Name):
                    self.refuse(node, "a type without a value or name", "assign a value to the name")
                self.value(node.value)
            case ast.AugAssign():
                self.operator(node, node.op)
                self.target(node.target)
                self.expression(node.value)
            case ast.If():
                self.expression(node.test)
                self.body([*node.body, *node.orelse])
            case ast.For():
                self.loop(node)
            case ast.Return():
                if node.value is not None:
                    self.value(node.value)
            case ast.Expr() if not is_docstring(node):
                if self.is_barrier(node):
                    place = "a barrier that is not among the kernel's own statements"
                    self.refuse(node, place, "move it out of branches, loops and functions: all threads must meet")
                if not isinstance(node.value, ast.Call):
                    self.check_kind(node.value)
                    self.refuse(node, "an expression for its own sake", "leave it out")
                self.expression(node.value)

    def body(self, statements: list[ast.stmt]) -> None:
        """Read several statements."""
        for statement in statements:
            self.statement(statement)

    def loop(self, node: ast.For) -> None:
        """Read ``for name in range(...)``."""
        call = node.iter
        if not (isinstance(call, ast.Call) and dotted(call.func) == ("range",)):
            self.refuse(node, "a loop over anything but `range(...)`", "write `for name in range(...)`")
        if node.orelse:
            self.refuse(node.orelse[0], "`else` of a loop", "put it behind the loop")
        if not isinstance(node.target, ast.Name):
            self.refuse(node, "a loop with several variables", "give it one name")
        for part in node.body:
            for each in ast.walk(part):
                if isinstance(each, ast.Return):
                    self.refuse(each, "`return` in a loop", "keep the value, and return it behind the loop")
                if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store) and each.id == node.target.id:
                    self.refuse(each, f"an assignment to the loop's variable `{each.id}`", "use a name of its own")
        self.call(call, in_loop=True)
        self.body(node.body)

    def target(self, node: ast.expr) -> None:
        """Read what is assigned to."""
        if isinstance(node, ast.Tuple):
            for part in node.elts:
                if not isinstance(part, ast.Name):
                    self.refuse(part, "an assignment to several places", "assign to names, then to elements")
        elif isinstance(node, ast.Subscript):
            self.element(node)
        elif not isinstance(node, ast.Name):
            self.refuse(node, "an assignment to this", "assign to a name or to an element of an array")

    def value(self, node: ast.expr) -> None:
        """Read one value, or several at once."""
        for part in node.elts if isinstance(node, ast.Tuple) else [node]:
            self.expression(part)

    def operator(self, node: ast.AST, operator: ast.AST) -> None:
        """Refuse an operator that is not on the list."""
        if type(operator) not in OPERATORS:
            name = type(operator).__name__
            construct, instead = OPERATORS_INSTEAD.get(name, (f"`{name}`", "write it with what is listed"))
            self.refuse(node, construct, instead)

    def expression(self, node: ast.expr) -> None:
        """Read one value."""
        self.check_kind(node)
        match node:
            case ast.Constant():
                self.number(node, node.value)
            case ast.Name():
                self.name(node)
            case ast.Attribute():
                self.attribute(node)
            case ast.Subscript():
                if not self.is_length(node):
                    self.element(node)
            case ast.Call():
                self.call(node, in_loop=False)
            case ast.Tuple():
                self.refuse(node, "a tuple as a value", "write its parts")
            case ast.BinOp() | ast.UnaryOp() | ast.BoolOp():
                self.operator(node, node.op)
                self.parts(node)
            case ast.Compare():
                for operator in node.ops:
                    self.operator(node, operator)
                self.parts(node)
            case _:
                self.parts(node)

    def parts(self, node: ast.expr) -> None:
        """Read the values that a value is made of."""
        for part in ast.iter_child_nodes(node):
            if isinstance(part, ast.expr):
                self.expression(part)

    def number(self, node: ast.AST, value: Any) -> None:
        """Refuse a constant that is neither an integer of the machine nor data."""
        if type(value) is bool or isinstance(value, SCALARS):
            return
        if type(value) is not int:
            self.refuse(node, f"the constant {value!r}", "name a np.float32 in the module, or use integers")
        if not INT64[0] <= value <= INT64[1]:
            self.refuse(node, f"the constant {value!r}, which 64 bits do not hold", "use a smaller one")

    def name(self, node: ast.Name) -> None:
        """Read a name that is a value."""
        if node.id in self.locals:
            return
        if node.id not in self.function.__globals__:
            self.refuse(node, f"the name `{node.id}`", "use a constant of the module, or pass it")
        value = self.function.__globals__[node.id]
        if callable(value) or isinstance(value, ModuleType):
            self.refuse(node, f"`{node.id}` as a value", "call it by its name")
        self.number(node, value)

    def attribute(self, node: ast.Attribute) -> None:
        """Read what `cuda` says of the thread."""
        name = self.cuda_name(node)
        if name in CUDA_VALUES:
            return
        if name is None:
            self.refuse(node, f"`.{node.attr}`", "an array has `.shape[0]`; name constants in the module")
        self.refuse_cuda(node, name)

    def refuse_cuda(self, node: ast.AST, name: str) -> NoReturn:
        """Refuse what `cuda` has and the list has not."""
        instead = CUDA_INSTEAD.get(name.split(".", maxsplit=1)[0], f"use one of {', '.join(sorted(CUDA_VALUES))}")
        if name == SHARED:
            instead = "make it among the kernel's own statements"
        self.refuse(node, f"`cuda.{name}` here", instead)

    def is_length(self, node: ast.Subscript) -> bool:
        """Return whether it is ``array.shape[constant]``."""
        of = node.value
        if not (isinstance(of, ast.Attribute) and of.attr == "shape" and isinstance(of.value, ast.Name)):
            return False
        self.array(of.value)
        if type(self.constant(node.slice)) is not int:
            self.refuse(node, "a dimension that is not a constant", "write its number")
        return True

    def array(self, node: ast.expr) -> None:
        """Refuse an array that is neither a parameter nor a shared array, under its one name."""
        if isinstance(node, ast.Subscript):
            self.element(node)
        is_parameter = isinstance(node, ast.Name) and node.id in self.parameters and node.id not in self.bound
        if not (is_parameter or (isinstance(node, ast.Name) and node.id in self.shared)):
            self.refuse(node, "an array under another name, or a part of one", "use the parameter itself")

    def element(self, node: ast.Subscript) -> None:
        """Read an element of an array."""
        indices = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        for index in indices:
            self.expression(index)
        self.array(node.value)

    def call(self, node: ast.Call, *, in_loop: bool) -> None:
        """Read a call."""
        if node.keywords:
            self.refuse(node, "an argument by keyword", "pass it by position")
        cuda = self.cuda_name(node.func)
        if cuda is not None:
            one = len(node.args) == 1 and isinstance(node.args[0], ast.Constant) and node.args[0].value == 1
            if cuda not in CUDA_CALLS or not one:
                self.refuse_cuda(node, cuda)
            return
        for argument in node.args:
            self.expression(argument)
        if not isinstance(node.func, ast.Name) or node.func.id in self.locals:
            self.refuse(node, "a call of anything but a function by its name", "import the function by its name")
        name = node.func.id
        called = self.function.__globals__.get(name)
        if isinstance(called, FunctionType):
            return
        if name in self.function.__globals__ or name not in FUNCTIONS or (name == "range" and not in_loop):
            self.refuse(node, f"a call of `{name}`", f"call plain functions, or {', '.join(sorted(FUNCTIONS))}")
        if len(node.args) not in FUNCTIONS[name]:
            self.refuse(node, f"`{name}` of {len(node.args)} values", "nest calls of two")


def element_type(value: Any) -> str:
    """Return how NumPy and Numba call a type of elements."""
    return value.__name__ if isinstance(value, type) else str(value)
