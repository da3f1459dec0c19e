"""Turns a kernel's source into a function that runs as one thread over symbols: the source itself, with each loop
taken at an arbitrary iteration, and what the machine provides replaced by stand-ins."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CodeType, FunctionType
from typing import Any, Protocol

from schedproof_spec.prover.symbolic import UnsupportedError

LOOPS = "__loops__"
"""The name under which the source finds the stand-in for its loops."""


class Edit(Protocol):
    """A changed text of one function."""

    @property
    def name(self) -> str:
        """What is changed, for people."""

    @property
    def module(self) -> str:
        """Where the function is."""

    @property
    def function(self) -> str:
        """The function's qualified name within the module."""

    @property
    def old(self) -> str:
        """Text that occurs exactly once in the function."""

    @property
    def new(self) -> str:
        """What is read in its place."""


@dataclass(slots=True)
class Edits:
    """Edits that are read instead of the source."""

    active: list[Edit] = field(default_factory=list)
    used: set[str] = field(default_factory=set)


_edits = Edits()


@contextmanager
def mutated(mutant: Edit) -> Iterator[None]:
    """Let the proofs read a function with an edit.

    Raises:
        ValueError: the old text is not there exactly once, or no proof has read the function.
    """
    _edits.active.append(mutant)
    _edits.used.discard(mutant.name)
    try:
        yield
        if mutant.name not in _edits.used:
            raise ValueError(f"mutant {mutant.name}: {mutant.module}.{mutant.function} was not executed")
    finally:
        _edits.active.remove(mutant)


def read_source(function: FunctionType) -> str:
    """Return the function's text, with the active edits.

    Raises:
        ValueError: a mutant has gone stale.
    """
    text = text_on_disk(function, function.__code__)
    for mutant in _edits.active:
        if (mutant.module, mutant.function) == (function.__module__, function.__qualname__):
            if text.count(mutant.old) != 1:
                raise ValueError(f"mutant {mutant.name}: {mutant.old!r} occurs {text.count(mutant.old)} times")
            text = text.replace(mutant.old, mutant.new)
            _edits.used.add(mutant.name)
    return text


def code_named(code: CodeType, qualified_name: str) -> CodeType:
    """Return the code object of a function in a compiled module.

    Raises:
        KeyError: there is none of that name.
    """
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            if constant.co_qualname == qualified_name:
                return constant
            try:
                return code_named(constant, qualified_name)
            except KeyError:
                continue
    raise KeyError(qualified_name)


@functools.lru_cache(maxsize=256)
def text_on_disk(function: FunctionType, code: CodeType) -> str:
    """Return the function's text, which is the code that runs.

    Raises:
        ValueError: it is not.
    """
    text = textwrap.dedent(inspect.getsource(function))
    module = importlib.import_module(function.__module__)
    on_disk = code_named(module_code(inspect.getsource(module)), function.__qualname__)
    if not same_code(on_disk, code):
        raise ValueError(f"{function.__module__}.{function.__qualname__} does not run the source that is on disk")
    return text


@functools.lru_cache(maxsize=32)
def module_code(text: str) -> CodeType:
    """Compile a module's text."""
    return compile(text, "<source on disk>", "exec")


def same_code(ours: CodeType, theirs: CodeType) -> bool:
    """Whether two code objects do the same, wherever they were written."""
    return (
        ours.co_code == theirs.co_code
        and ours.co_names == theirs.co_names
        and ours.co_varnames == theirs.co_varnames
        and [c for c in ours.co_consts if not isinstance(c, CodeType)]
        == [c for c in theirs.co_consts if not isinstance(c, CodeType)]
    )


def function_code(tree: ast.Module, name: str) -> CodeType:
    """Compile a module that holds one function, and return the function's code."""
    definition = tree.body[0]
    assert isinstance(definition, ast.FunctionDef)
    definition.decorator_list = []
    future = ast.ImportFrom(module="__future__", names=[ast.alias(name="annotations")], level=0)
    module = ast.fix_missing_locations(ast.Module(body=[future, definition], type_ignores=[]))
    compiled = compile(module, f"<{name} as a thread>", "exec")
    return next(c for c in compiled.co_consts if isinstance(c, CodeType) and c.co_name == name)


PLAIN = (ast.Name, ast.Constant, ast.expr_context, ast.Compare, ast.cmpop, ast.BoolOp, ast.boolop)
"""Of these alone a condition is made that reads no memory and cannot fail, whichever of its parts are looked at."""


class WholeConditions(ast.NodeTransformer):
    """Rewrites ``a or b``, ``a and b`` and ``a < b < c`` of plain parts as one condition: a path splits there once.

    Python would stop at the part that decides; that all parts are looked at changes nothing.
    """

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        """Rewrite parts that are comparisons."""
        self.generic_visit(node)
        if all(is_plain(part) and truth_valued(part) for part in node.values):
            return joined(node.values, ast.BitAnd() if isinstance(node.op, ast.And) else ast.BitOr())
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        """Rewrite a chain."""
        if len(node.ops) > 1 and is_plain(node):
            terms = [node.left, *node.comparators]
            parts = [
                ast.Compare(left=left, ops=[operator], comparators=[right])
                for left, operator, right in zip(terms, node.ops, terms[1:], strict=False)
            ]
            return joined(parts, ast.BitAnd())
        return node


def is_plain(node: ast.AST) -> bool:
    """Whether an expression is made of plain parts alone."""
    return all(isinstance(part, (*PLAIN, ast.BinOp, ast.BitAnd, ast.BitOr)) for part in ast.walk(node))


def truth_valued(node: ast.AST) -> bool:
    """Whether an expression is a comparison, or made of such."""
    if isinstance(node, ast.BinOp):
        return truth_valued(node.left) and truth_valued(node.right)
    return isinstance(node, ast.Compare)


def joined(parts: Sequence[ast.expr], operator: ast.operator) -> ast.expr:
    """Return conditions as one."""
    return functools.reduce(lambda left, right: ast.BinOp(left=left, op=operator, right=right), parts)


class ArbitraryIteration(ast.NodeTransformer):
    """Rewrites every ``for … in range(…)`` so that its body runs once, for any iteration.

    Variables that the body changes hold what they may hold at its beginning, and after the loop at its end.
    """

    def __init__(self, function: ast.FunctionDef) -> None:
        self.function = function.name
        self.assigned = {argument.arg for argument in function.args.args}
        self.count = 0

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        """Note the names that are bound."""
        self.assigned |= stored_names(node)
        return self.generic_visit(node)

    def visit_While(self, node: ast.While) -> ast.AST:
        """Refuse what has no such rewriting."""
        raise UnsupportedError(f"{self.function}: a while loop")

    def visit_For(self, node: ast.For) -> list[ast.stmt]:
        """Rewrite one loop."""
        call = node.iter
        is_range = isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "range"
        leaves = (ast.Break, ast.Continue, ast.Return)
        if not is_range or node.orelse or any(isinstance(inner, leaves) for inner in ast.walk(node)):
            raise UnsupportedError(f"{self.function}: a loop that is not a plain walk over a range")
        assert isinstance(call, ast.Call)
        assert isinstance(node.target, ast.Name)
        carried = sorted({name for part in node.body for name in stored_names(part)} & self.assigned)
        loop = f"__loop_{self.count}"
        self.count += 1
        begin = ast.parse(f"{loop} = {LOOPS}.begin({self.function!r}, locals(), {carried!r})").body[0]
        assert isinstance(begin, ast.Assign)
        assert isinstance(begin.value, ast.Call)
        begin.value.args.append(ast.Tuple(elts=call.args, ctx=ast.Load()))
        unpack = ast.parse("".join(f"{name} = {loop}.state[{name!r}]\n" for name in carried)).body
        node.iter = ast.Name(id=loop, ctx=ast.Load())
        self.assigned.add(node.target.id)
        inner: list[ast.stmt] = []
        for part in node.body:
            visited = self.visit(part)
            inner.extend(visited if isinstance(visited, list) else [visited])
        node.body = [*inner, *ast.parse(f"{loop}.end(locals())").body]
        return [begin, *unpack, node]


def stored_names(node: ast.AST) -> set[str]:
    """Return the names that a statement binds."""
    return {
        inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store)
    }


_codes: dict[tuple[FunctionType, str], CodeType] = {}


def thread_code(function: FunctionType) -> CodeType:
    """Return the code that a thread runs instead of the function."""
    text = read_source(function)
    key = (function, text)
    if key not in _codes:
        tree = ast.parse(text)
        definition = tree.body[0]
        assert isinstance(definition, ast.FunctionDef)
        WholeConditions().visit(definition)
        ArbitraryIteration(definition).visit(definition)
        _codes[key] = function_code(tree, function.__name__)
    return _codes[key]


@dataclass(slots=True)
class Translator:
    """Makes thread functions; every plain function that one names is translated as well."""

    loops: object
    names: Mapping[str, Any]
    """Stand-ins for builtins and modules."""
    functions: Mapping[Callable[..., Any], Any]
    """Stand-ins for functions."""
    made: dict[Callable[..., Any], Any] = field(default_factory=dict)

    def thread_function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function as one thread runs it."""
        if function in self.functions:
            stand_in: Callable[..., Any] = self.functions[function]
            return stand_in
        return self.own_function(function)

    def own_function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function's own source as one thread runs it, whatever stands in for it."""
        if not isinstance(function, FunctionType):
            raise UnsupportedError(f"{function!r} is not a plain function")
        if function not in self.made:
            code = thread_code(function)
            scope = {**function.__globals__, **self.names, LOOPS: self.loops}
            self.made[function] = FunctionType(code, scope, function.__name__, function.__defaults__)
            for name in code.co_names:
                named = function.__globals__.get(name)
                if isinstance(named, FunctionType):
                    scope[name] = self.thread_function(named)
        made: Callable[..., Any] = self.made[function]
        return made


def carried_values(scope: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return the variables that a loop changes and that exist before it."""
    return {name: scope[name] for name in names if name in scope}
