"""How a rule may look at a request's items: theorems draw one or two of any number, so it cannot count them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

CONSTRUCT = "going through a request's items"
INSTEAD = "theorems draw one or two of any number; ask whether there are any, or `next_chunk` of schedproof's rules"


def items_counted(tree: ast.AST) -> Iterator[ast.Attribute]:
    """Yield where a function looks at items otherwise than to ask whether there are any."""
    tables = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    asked = {id(side) for node in ast.walk(tree) for side in asked_for_any(node)}
    for node in ast.walk(tree):
        if is_items(node) and id(node) not in tables | asked:
            assert isinstance(node, ast.Attribute)
            yield node


def is_items(node: ast.AST) -> bool:
    """Return whether an expression is the attribute ``items``."""
    return isinstance(node, ast.Attribute) and node.attr == "items"


def asked_for_any(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the items of which a piece of syntax asks whether there are any."""
    if isinstance(node, ast.If | ast.IfExp | ast.While | ast.Assert):
        yield from truths_in(node.test)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield from truths_in(node.operand)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "bool":
        yield from node.args
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        left, (operation,), (right,) = node.left, node.ops, node.comparators
        if isinstance(operation, ast.Eq | ast.NotEq) and isinstance(right, ast.Tuple) and not right.elts:
            yield left
        is_length = isinstance(left, ast.Call) and isinstance(left.func, ast.Name) and left.func.id == "len"
        is_zero = isinstance(right, ast.Constant) and right.value == 0
        if is_length and is_zero and isinstance(operation, ast.Eq | ast.NotEq | ast.Gt):
            assert isinstance(left, ast.Call)
            yield from left.args


def truths_in(test: ast.expr) -> Iterator[ast.expr]:
    """Yield the expressions of a condition of which only the truth counts."""
    if isinstance(test, ast.BoolOp):
        for value in test.values:
            yield from truths_in(value)
    else:
        yield test
