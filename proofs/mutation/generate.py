"""Every small change of a module: comparisons, arithmetic, boolean operators, constants and branches."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
ARITHMETIC: dict[type[ast.operator], tuple[type[ast.operator], ...]] = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Add,),
    ast.FloorDiv: (ast.Mult,),
    ast.Mod: (ast.FloorDiv,),
}
CALLS = {"max": "min", "min": "max"}

Edit = Callable[[ast.AST], None]


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one module: where it is, what was there, and what is there now."""

    module: str
    line: int
    column: int
    place: str
    """The statement around the change, with the class and function around that."""
    old: str
    new: str
    source: str
    """The whole module with the change."""

    @property
    def edit(self) -> str:
        """Return what changes, wherever it stands."""
        return f"{self.old} -> {self.new}"

    @property
    def name(self) -> str:
        """Return a name that no other change has."""
        return f"{self.module}:{self.line}:{self.column}: {self.edit}"

    @property
    def lasting_name(self) -> str:
        """Return a name that stays when lines move."""
        changed = self.place if self.place.endswith(self.old) else f"{self.place}: {self.old}"
        return f"{self.module}: {changed} -> {self.new}"


def changes(module: str, source: str) -> Iterator[Change]:
    """Yield every change of a module's source."""
    tree = ast.parse(source)
    places = dict(places_in(tree, "", ""))
    for position, node in enumerate(ast.walk(tree)):
        for edit in edits(node):
            changed = copy.deepcopy(tree)
            target = list(ast.walk(changed))[position]
            old = ast.unparse(target)
            edit(target)
            new = one_line(ast.unparse(target))
            yield Change(
                module, node.lineno, node.col_offset, places[node], one_line(old), new, ast.unparse(changed)
            )


def places_in(node: ast.AST, around: str, statement: str) -> Iterator[tuple[ast.AST, str]]:
    """Yield every node below a node, and where it stands."""
    for child in ast.iter_child_nodes(node):
        inner, own = around, statement
        if isinstance(child, ast.FunctionDef | ast.ClassDef):
            inner, own = f"{around}.{child.name}".lstrip("."), ""
        elif isinstance(child, ast.stmt):
            own = one_line(ast.unparse(child))
        yield child, ": ".join(part for part in (inner, own) if part)
        yield from places_in(child, inner, own)


def one_line(text: str) -> str:
    """Return the first line of a piece of code."""
    return text.splitlines()[0]


def edits(node: ast.AST) -> Iterator[Edit]:
    """Yield the changes of one node."""
    if isinstance(node, ast.Compare):
        for index, operator in enumerate(node.ops):
            for replacement in COMPARISONS.get(type(operator), ()):
                yield lambda target, i=index, r=replacement: target.ops.__setitem__(i, r())
    elif isinstance(node, ast.BinOp):
        for replacement in ARITHMETIC.get(type(node.op), ()):
            yield lambda target, r=replacement: setattr(target, "op", r())
    elif isinstance(node, ast.BoolOp):
        other = ast.Or if isinstance(node.op, ast.And) else ast.And
        yield lambda target: setattr(target, "op", other())
    elif isinstance(node, ast.If | ast.IfExp):
        for value in (True, False):
            yield lambda target, v=value: setattr(target, "test", ast.copy_location(ast.Constant(v), target.test))
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield lambda target: setattr(target, "value", not target.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        for step in (1, -1):
            yield lambda target, s=step: setattr(target, "value", target.value + s)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield lambda target: (setattr(target, "op", ast.UAdd()), None)[1]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS:
        yield lambda target: setattr(target.func, "id", CALLS[target.func.id])
