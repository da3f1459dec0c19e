"""Reads the text of one function: everything that is not on the list, and everything that it takes from outside."""

from __future__ import annotations
import __future__

import ast
import functools
from collections.abc import Iterable
from types import CodeType

from schedproof_spec.prover.subset.facts import AttributeOf, Counted, Fact, Named, NoneTest, OfSuper, Refusal, Use
from schedproof_spec.prover.subset.items import CONSTRUCT, INSTEAD, items_counted
from schedproof_spec.prover.subset.language import IN_PLACE, LIST_METHODS, OPERATORS, REFUSED, SYNTAX
from schedproof_spec.prover.subset.names import Names
from schedproof_spec.prover.subset.patterns import asks_for_none, pattern_problem, values_of
from schedproof_spec.prover.subset.scopes import parameters_of, scope_of
from schedproof_spec.prover.subset.shapes import (
    annotations_of,
    constant_problem,
    is_none,
    is_ratio,
    is_request_id,
    is_super,
    is_text,
    last_name,
    rebound_in,
)
from schedproof_spec.prover.subset.source import FunctionNode, nodes_of


@functools.lru_cache(maxsize=4096)
def facts_of(code: CodeType, filename: str) -> tuple[Fact, ...]:
    """Return what a function's text says, in the order of its lines."""
    nodes = nodes_of(code, filename)
    if not nodes:
        reason = "define it in a file, and do not change the file while it runs"
        return (Refusal(code.co_firstlineno, f"`{code.co_name}`, whose source is not what runs,", reason),)
    found: list[Fact] = []
    for node in nodes:
        found += Reader(node, bool(code.co_flags & __future__.annotations.compiler_flag)).facts
    return tuple(sorted(found, key=lambda fact: fact.line))


class Reader(Names):
    """Walks through one function."""

    def __init__(self, node: FunctionNode, keeps_annotations: bool) -> None:
        super().__init__()
        self.keeps_annotations = keeps_annotations
        """Whether types are kept as texts, and never run."""
        self.facts: list[Fact] = []
        if isinstance(node, ast.AsyncFunctionDef):
            self.refuse(node, *REFUSED["AsyncFunctionDef"])
            return
        first = next(iter(parameters_of(node.args)), None)
        if first not in set(rebound_in(node)):
            self.own_object = first
        self.scopes.append(scope_of(node))
        for items in items_counted(node):
            self.facts.append(Counted(items.lineno, CONSTRUCT, INSTEAD))
        if isinstance(node, ast.Lambda):
            self.value(node.body)
        else:
            self.statements(node.body)

    def refuse(self, node: ast.AST, construct: str, instead: str = "") -> None:
        """Note something that is not on the list."""
        self.facts.append(Refusal(getattr(node, "lineno", 0), construct, instead))

    def is_listed(self, node: ast.AST) -> bool:
        """Return whether a node's kind is on the list; note it if not."""
        if type(node) in SYNTAX:
            return True
        name = type(node).__name__
        self.refuse(node, *REFUSED.get(name, (f"`{name}`", "")))
        return False

    # Statements

    def statements(self, nodes: Iterable[ast.stmt]) -> None:
        """Read statements."""
        for node in nodes:
            if self.is_listed(node):
                getattr(self, f"_{type(node).__name__}")(node)

    def _FunctionDef(self, node: ast.FunctionDef) -> None:  # noqa: N802
        for decorator in node.decorator_list:
            self.refuse(decorator, "a decorator inside a rule", "define the function in the module")
        self.inner(node)

    def inner(self, node: ast.FunctionDef | ast.Lambda) -> None:
        """Read a function inside the function."""
        for default in (*node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)):
            if isinstance(default, ast.List | ast.Dict | ast.ListComp):
                self.refuse(default, "a default that can be changed", "write a tuple")
            self.value(default)
        types = () if self.keeps_annotations or isinstance(node, ast.Lambda) else tuple(annotations_of(node))
        if not all(isinstance(each, ast.Name | ast.Constant) for each in types):
            self.refuse(node, "an annotation that is more than a name", "add `from __future__ import annotations`")
        self.scopes.append(scope_of(node))
        if isinstance(node, ast.Lambda):
            self.value(node.body)
        else:
            self.statements(node.body)
        self.scopes.pop()

    def _Return(self, node: ast.Return) -> None:  # noqa: N802
        if node.value is not None:
            self.value(node.value)

    def _Assign(self, node: ast.Assign) -> None:  # noqa: N802
        self.value(node.value)
        for target in node.targets:
            self.target(target)

    def _AnnAssign(self, node: ast.AnnAssign) -> None:  # noqa: N802
        if node.value is not None:
            self.value(node.value)
        self.target(node.target)

    def _AugAssign(self, node: ast.AugAssign) -> None:  # noqa: N802
        self.operator(node, node.op)
        self.value(node.value)
        self.target(node.target)

    def target(self, node: ast.expr) -> None:
        """Read what is assigned to: names of the function, or places of a list that it has made."""
        if isinstance(node, ast.Tuple | ast.List):
            for element in node.elts:
                self.target(element)
        elif isinstance(node, ast.Starred):
            self.target(node.value)
        elif isinstance(node, ast.Subscript):
            if not self.is_own_list(node.value):
                self.refuse(node, "assigning to a place of something that was not made here", "build a new tuple")
            self.value(node.slice)
        elif isinstance(node, ast.Attribute):
            self.refuse(node, f"assigning to `.{node.attr}`", "a rule keeps nothing between calls")

    def _If(self, node: ast.If) -> None:  # noqa: N802
        self.value(node.test)
        self.statements(node.body)
        self.statements(node.orelse)

    _While = _If

    def _For(self, node: ast.For) -> None:  # noqa: N802
        self.value(node.iter, Use.IN_PLACE)
        self.target(node.target)
        self.statements(node.body)
        self.statements(node.orelse)

    def _Match(self, node: ast.Match) -> None:  # noqa: N802
        self.value(node.subject)
        for case in node.cases:
            problem = pattern_problem(case.pattern, isinstance(node.subject, ast.Tuple))
            if problem is not None:
                self.refuse(case.pattern, *problem)
            for value in values_of(case.pattern):
                self.value(value)
            if asks_for_none(case.pattern):
                attribute = node.subject.attr if isinstance(node.subject, ast.Attribute) else None
                self.facts.append(NoneTest(case.pattern.lineno, attribute))
            if case.guard is not None:
                self.value(case.guard)
            self.statements(case.body)

    def _Assert(self, node: ast.Assert) -> None:  # noqa: N802
        self.value(node.test)
        if node.msg is not None:
            self.message(node.msg)

    def _Raise(self, node: ast.Raise) -> None:  # noqa: N802
        if isinstance(node.exc, ast.Call):
            self.value(node.exc.func, Use.CALL)
            for argument in (*node.exc.args, *(keyword.value for keyword in node.exc.keywords)):
                self.message(argument)
        elif node.exc is not None:
            self.value(node.exc)
        if node.cause is not None:
            self.value(node.cause)

    def message(self, node: ast.expr) -> None:
        """Read what is said where a rule fails; it may be a text with numbers."""
        if not isinstance(node, ast.JoinedStr):
            self.value(node)
            return
        for part in ast.walk(node):
            if isinstance(part, ast.FormattedValue):
                self.value(part.value)

    def _Expr(self, node: ast.Expr) -> None:  # noqa: N802
        self.value(node.value)

    def _Pass(self, node: ast.stmt) -> None:  # noqa: N802
        return

    _Break = _Continue = _Pass

    # Expressions

    def value(self, node: ast.expr, use: Use = Use.VALUE) -> None:
        """Read an expression, and say what becomes of its value."""
        if not self.is_listed(node):
            return
        if isinstance(node, ast.Name | ast.Attribute):
            self.named(node, use)
        elif isinstance(node, ast.Call):
            self.call(node)
        elif isinstance(node, ast.Compare):
            self.compare(node)
        elif isinstance(node, ast.Constant):
            problem = constant_problem(node)
            if problem is not None:
                self.refuse(node, *problem)
        elif isinstance(node, ast.JoinedStr):
            self.text(node)
        elif isinstance(node, ast.Lambda):
            self.inner(node)
        elif isinstance(node, ast.ListComp | ast.GeneratorExp):
            self.comprehension(node)
        elif isinstance(node, ast.Subscript):
            self.value(node.value, Use.IN_PLACE)
            self.value(node.slice)
        elif isinstance(node, ast.BinOp):
            self.arithmetic(node)
        elif isinstance(node, ast.Dict):
            self.table(node)
        else:
            operation = getattr(node, "op", None)
            if operation is not None:
                self.operator(node, operation)
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr) and not isinstance(getattr(child, "ctx", None), ast.Store):
                    self.value(child)

    def named(self, node: ast.Name | ast.Attribute, use: Use) -> None:
        """Read a name with its attributes."""
        attributes: list[str] = []
        base: ast.expr = node
        while isinstance(base, ast.Attribute):
            attributes.insert(0, base.attr)
            base = base.value
        if any(name.startswith("__") for name in attributes):
            self.refuse(
                node, f"`.{next(n for n in attributes if n.startswith('__'))}`", "write a name without `__`"
            )
            return
        if "request_id" in attributes:
            self.refuse(node, "reading `request_id`", "a rule may only ask whether two ids are equal")
            return
        root = base.id if isinstance(base, ast.Name) else None
        if root is not None and self.scope_with(root) is None:
            if root.startswith("__"):
                self.refuse(node, f"`{root}`")
            elif root == "super":
                self.refuse(node, "`super`", "write `super().method(...)`")
            self.facts.append(Named(node.lineno, root, tuple(attributes), use))
            return
        if root is not None and self.is_own_object(root):
            self.facts.append(Named(node.lineno, None, tuple(attributes), use))
            return
        if root is None and is_super(base) and self.scope_with("super") is None:
            self.facts.append(OfSuper(node.lineno, attributes.pop(0)))
        elif root is None:
            if is_text(base):
                self.refuse(node, "a method of a text", "compare the value itself")
            self.value(base)
        self.facts += [AttributeOf(node.lineno, attribute) for attribute in attributes]

    def call(self, node: ast.Call) -> None:
        """Read a call."""
        function, arguments = node.func, [*node.args, *(keyword.value for keyword in node.keywords)]
        if isinstance(function, ast.Attribute) and function.attr in LIST_METHODS:
            if not self.is_own_list(function.value):
                self.refuse(node, f"`.{function.attr}()` of a list that was not made here", "build a new tuple")
                return
        elif isinstance(function, ast.Name) and function.id in IN_PLACE and self.scope_with(function.id) is None:
            self.value(function, Use.BUILTIN)
            is_handed_on = function.id in ("min", "max", "sum") and len(node.args) > 1
            for argument in node.args:
                self.value(argument, Use.VALUE if is_handed_on else Use.IN_PLACE)
            arguments = [keyword.value for keyword in node.keywords]
        elif last_name(function) == "StartupCheck":
            self.value(function, Use.STARTUP_CHECK)
            arguments = [*node.args[:2], *(k.value for k in node.keywords if k.arg != "problem")]
        elif last_name(function) in ("ceil", "floor") and is_ratio(arguments):
            self.value(function, Use.ROUNDS)
            (ratio,) = arguments
            assert isinstance(ratio, ast.BinOp)
            arguments = [ratio.left, ratio.right]
        elif is_super(function):
            self.refuse(node, "`super()` by itself", "write `super().method(...)`")
        else:
            self.value(function, Use.CALL)
        for argument in arguments:
            self.value(argument)

    def compare(self, node: ast.Compare) -> None:
        """Read a comparison."""
        sides = [node.left, *node.comparators]
        if all(is_request_id(side) for side in sides) and all(
            isinstance(op, ast.Eq | ast.NotEq) for op in node.ops
        ):
            for side in sides:
                assert isinstance(side, ast.Attribute)
                self.value(side.value)
            return
        uses = [Use.VALUE] * len(sides)
        for index, operation in enumerate(node.ops):
            left, right = sides[index], sides[index + 1]
            if isinstance(operation, ast.In | ast.NotIn):
                uses[index + 1] = Use.CONTAINER
                if isinstance(right, ast.Constant):
                    self.refuse(node, "`in` a text", "write a tuple")
            elif isinstance(operation, ast.Is | ast.IsNot):
                self.identity(left, right)
        for side, use in zip(sides, uses, strict=True):
            self.value(side, use)

    def identity(self, left: ast.expr, right: ast.expr) -> None:
        """Read a comparison by identity: with None, or with a member of an enum."""
        if is_none(right) or is_none(left):
            tested = left if is_none(right) else right
            attribute = tested.attr if isinstance(tested, ast.Attribute) else None
            self.facts.append(NoneTest(left.lineno, attribute))
        else:
            sides = [
                side for side in (right, left) if isinstance(side, ast.Attribute) and self.is_from_outside(side)
            ]
            sides.sort(key=self.is_of_own_object)
            if sides:
                self.value(sides[0], Use.MEMBER)
            else:
                self.refuse(left, "`is` between values", "compare with ==")

    def text(self, node: ast.JoinedStr) -> None:
        """Read a text that is put together: of constants alone."""
        for part in ast.walk(node):
            if not isinstance(part, ast.FormattedValue):
                continue
            if isinstance(part.value, ast.Name | ast.Attribute) and self.is_from_outside(part.value):
                self.named(part.value, Use.TEXT)
            else:
                self.refuse(node, "an f-string", "compare the value itself; numbers may stand in messages alone")
                return

    def comprehension(self, node: ast.ListComp | ast.GeneratorExp) -> None:
        """Read a comprehension; its first iterable belongs to the function around it."""
        self.value(node.generators[0].iter, Use.IN_PLACE)
        self.scopes.append(scope_of(node))
        for index, generator in enumerate(node.generators):
            if generator.is_async:
                self.refuse(node, *REFUSED["AsyncFor"])
            if index > 0:
                self.value(generator.iter, Use.IN_PLACE)
            self.target(generator.target)
            for condition in generator.ifs:
                self.value(condition)
        self.value(node.elt)
        self.scopes.pop()

    def arithmetic(self, node: ast.BinOp) -> None:
        """Read an operation on two numbers."""
        if isinstance(node.op, ast.Mod) and is_text(node.left):
            self.refuse(node, "a text with values in it", "compare the value itself")
        self.operator(node, node.op)
        self.value(node.left)
        self.value(node.right)

    def operator(self, node: ast.AST, operation: ast.AST) -> None:
        """Read an operator."""
        if isinstance(operation, ast.Div):
            self.refuse(node, "true division", "write `a // b`, or `-(-a // b)` to round up")
        elif type(operation) not in OPERATORS:
            self.refuse(node, f"the operator `{type(operation).__name__}`")

    def table(self, node: ast.Dict) -> None:
        """Read a table: its keys are constants or names from outside."""
        for key in node.keys:
            is_known = isinstance(key, ast.Constant) or (
                isinstance(key, ast.Name | ast.Attribute) and self.is_from_outside(key)
            )
            if not is_known or key is None:
                self.refuse(node, "a table whose keys are not written out", "write a chain of `if`")
            else:
                self.value(key)
        for value in node.values:
            self.value(value)
