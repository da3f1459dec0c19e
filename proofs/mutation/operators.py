"""Changes of comparisons, arithmetic, boolean operators, constants and the conditions of branches."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from proofs.mutation.edits import Edit, with_field, with_item
from proofs.mutation.sites import Site

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
ARITHMETIC: dict[type[ast.operator], tuple[type[ast.operator], ...]] = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Add,),
    ast.FloorDiv: (ast.Mult,),
    ast.Mod: (ast.FloorDiv,),
}
CALLS = {"max": "min", "min": "max"}


def other_operators(site: Site) -> Iterator[Edit]:
    """Yield the node with another operator."""
    node = site.node
    if isinstance(node, ast.Compare):
        for index, operator in enumerate(node.ops):
            for replacement in COMPARISONS.get(type(operator), ()):
                yield with_field(node, "ops", with_item(node.ops, index, replacement()))
    elif isinstance(node, ast.BinOp | ast.AugAssign):
        for replacement in ARITHMETIC.get(type(node.op), ()):
            yield with_field(node, "op", replacement())
    elif isinstance(node, ast.BoolOp):
        yield with_field(node, "op", ast.Or() if isinstance(node.op, ast.And) else ast.And())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield with_field(node, "op", ast.UAdd())
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS:
        yield with_field(node, "func", ast.Name(CALLS[node.func.id]))


def other_constants(site: Site) -> Iterator[Edit]:
    """Yield the number one up and one down, and the other truth value."""
    node = site.node
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield with_field(node, "value", not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        for step in (1, -1):
            yield with_field(node, "value", node.value + step)


def decided_branches(site: Site) -> Iterator[Edit]:
    """Yield the branch with a condition that always holds, and with one that never does."""
    if isinstance(site.node, ast.If | ast.IfExp):
        for value in (True, False):
            yield with_field(site.node, "test", ast.Constant(value))
