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

from schedproof_spec.gpu.bindings import Bindings
from schedproof_spec.gpu.integers import as_word
from schedproof_spec.gpu.reader import read_function
from schedproof_spec.gpu.refusal import refuse
from schedproof_spec.gpu.stores import Stores
from schedproof_spec.prover.unsupported import UnsupportedError

LOOPS = "__loops__"
AS_WORD = "__as_word__"
"""The names under which the source finds what stands in for its loops and looks at its results."""


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
        UnsupportedError: it is not, or there is no text.
    """
    try:
        text = textwrap.dedent(inspect.getsource(function))
        module = importlib.import_module(function.__module__)
        on_disk = code_named(module_code(inspect.getsource(module)), function.__qualname__)
    except (OSError, TypeError, KeyError, ImportError, SyntaxError):
        refuse(function, ast.Pass(), "a function whose source is not on disk", "define it in a module")
    if not same_code(on_disk, code):
        refuse(function, ast.Pass(), "a function that does not run its source on disk", "import it anew")
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
        and [(type(c), c) for c in ours.co_consts if not isinstance(c, CodeType)]
        == [(type(c), c) for c in theirs.co_consts if not isinstance(c, CodeType)]
    )


def function_code(tree: ast.Module, name: str, filename: str) -> CodeType:
    """Compile a module that holds one function, and return the function's code."""
    definition = tree.body[0]
    future = ast.ImportFrom(module="__future__", names=[ast.alias(name="annotations")], level=0)
    module = ast.fix_missing_locations(ast.Module(body=[future, definition], type_ignores=[]))
    compiled = compile(module, filename, "exec")
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


GROWING = (ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.LShift)
"""Operators on integers whose result may be larger than both of them."""


class WholeNumbers(ast.NodeTransformer):
    """Rewrites arithmetic so that a result of constants alone, which no claim is made of, is looked at."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        """Look at a result."""
        self.generic_visit(node)
        return self.word(node) if isinstance(node.op, GROWING) else node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        """Look at a result."""
        self.generic_visit(node)
        return self.word(node) if isinstance(node.op, ast.USub) else node

    def word(self, node: ast.expr) -> ast.expr:
        """Return a result that is looked at."""
        call = ast.Call(func=ast.Name(id=AS_WORD, ctx=ast.Load()), args=[node], keywords=[])
        return ast.copy_location(call, node)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        """Write an assignment to a name in full; an element's result is looked at where it is written."""
        self.generic_visit(node)
        if not isinstance(node.target, ast.Name):
            return node
        before = ast.copy_location(ast.Name(id=node.target.id, ctx=ast.Load()), node)
        value = self.visit_BinOp(ast.copy_location(ast.BinOp(left=before, op=node.op, right=node.value), node))
        assert isinstance(value, ast.expr)
        return ast.copy_location(ast.Assign(targets=[node.target], value=value), node)


class ArbitraryIteration(ast.NodeTransformer):
    """Rewrites every ``for name in range(...)`` so that its body runs once, for any iteration.

    Variables that the body changes hold what they may hold at its beginning, and after the loop at its end.
    """

    def __init__(self, function: str, carried: Mapping[ast.For, Sequence[str]]) -> None:
        self.function = function
        self.carried = carried
        self.count = 0

    def visit_For(self, node: ast.For) -> list[ast.stmt]:
        """Rewrite one loop."""
        assert isinstance(node.iter, ast.Call)
        carried = list(self.carried.get(node, ()))
        loop = f"__loop_{self.count}"
        self.count += 1
        begin, *unpack = statements_at(
            node,
            f"{loop} = {LOOPS}.begin({self.function!r}, locals(), {carried!r})",
            *(f"{name} = {loop}.state[{name!r}]" for name in carried),
        )
        assert isinstance(begin, ast.Assign)
        assert isinstance(begin.value, ast.Call)
        begin.value.args.append(ast.copy_location(ast.Tuple(elts=node.iter.args, ctx=ast.Load()), node))
        node.iter = ast.copy_location(ast.Name(id=loop, ctx=ast.Load()), node)
        self.generic_visit(node)
        node.body += statements_at(node, f"{loop}.end(locals())")
        return [begin, *unpack, node]


def statements_at(place: ast.stmt, *lines: str) -> list[ast.stmt]:
    """Return statements that are not in the source, at the line of one that is."""
    line = ast.Pass(lineno=place.lineno, col_offset=0, end_lineno=place.lineno, end_col_offset=0)
    statements = ast.parse("\n".join(lines)).body
    for statement in statements:
        for each in ast.walk(statement):
            ast.copy_location(each, line)
    return statements


def definition_of(function: FunctionType) -> ast.FunctionDef:
    """Return a function's source without decorators as a tree of its own, whose first line is that of its text.

    Raises:
        UnsupportedError: there is none, or it is not a plain definition.
    """
    definition = ast.parse(read_source(function)).body[0]
    if not isinstance(definition, ast.FunctionDef):
        refuse(function, definition, "anything but `def`", "define a plain function")
    definition.decorator_list = []
    return definition


@dataclass(frozen=True, slots=True)
class Translation:
    """The code that a thread runs instead of a function, and what its names meant when it was read."""

    code: CodeType
    outside: dict[str, Any]

    def is_current(self, function: FunctionType) -> bool:
        """Return whether all names still mean the same."""
        scope = function.__globals__
        return all(scope.get(name) is value for name, value in self.outside.items())


_translations: dict[tuple[FunctionType, str, bool], Translation] = {}


def thread_code(function: FunctionType, *, is_kernel: bool) -> CodeType:
    """Return the code that a thread runs instead of the function.

    Raises:
        UnsupportedError: something in it is not on the list of what kernels are made of.
    """
    key = (function, read_source(function), is_kernel)
    known = _translations.get(key)
    if known is None or not known.is_current(function):
        definition = definition_of(function)
        read_function(function, definition, is_kernel=is_kernel)
        carried = Bindings(function, definition).carried
        outside = {name: function.__globals__.get(name) for name in names_in(definition)}
        WholeConditions().visit(definition)
        WholeNumbers().visit(definition)
        ArbitraryIteration(function.__name__, carried).visit(definition)
        ast.increment_lineno(definition, function.__code__.co_firstlineno - 1)
        tree = ast.Module(body=[definition], type_ignores=[])
        known = Translation(function_code(tree, function.__name__, function.__code__.co_filename), outside)
        _translations[key] = known
    return known.code


def names_in(definition: ast.FunctionDef) -> set[str]:
    """Return every name in a function."""
    return {each.id for each in ast.walk(definition) if isinstance(each, ast.Name)}


@dataclass(slots=True)
class Translator:
    """Makes thread functions; every plain function that one names is translated as well."""

    loops: object
    names: Mapping[str, Any]
    """Stand-ins for builtins and modules."""
    functions: Mapping[Callable[..., Any], Any]
    """Stand-ins for functions."""
    made: dict[Callable[..., Any], Any] = field(default_factory=dict)
    kernel: Callable[..., Any] | None = None
    """Which of them is launched."""

    def written(self, kernel: Callable[..., Any]) -> frozenset[int]:
        """Return the positions of the arguments that a kernel may write to."""
        if not isinstance(kernel, FunctionType):
            raise UnsupportedError(f"{kernel!r} is not a plain function")
        return Stores(definition_of, self.functions).written(kernel)

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
            code = thread_code(function, is_kernel=function is self.kernel)
            scope = {**function.__globals__, **self.names, LOOPS: self.loops, AS_WORD: as_word}
            self.made[function] = FunctionType(code, scope, function.__name__, function.__defaults__)
            for name in code.co_names:
                named = function.__globals__.get(name)
                if isinstance(named, FunctionType):
                    scope[name] = self.thread_function(named)
        made: Callable[..., Any] = self.made[function]
        return made
