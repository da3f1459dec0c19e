"""Questions about a piece of syntax."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from schedproof_spec.prover.subset.source import FunctionNode


def rebound_in(node: FunctionNode) -> Iterator[str]:
    """Yield the names that anything in a function binds but its own parameters."""
    for inside in ast.walk(node):
        if isinstance(inside, ast.Name) and not isinstance(inside.ctx, ast.Load):
            yield inside.id
        if isinstance(inside, ast.MatchAs | ast.MatchStar | ast.FunctionDef) and inside is not node:
            yield inside.name or ""


def annotations_of(node: ast.FunctionDef) -> Iterator[ast.expr]:
    """Yield the types that a function names."""
    for argument in ast.walk(node.args):
        if isinstance(argument, ast.arg) and argument.annotation is not None:
            yield argument.annotation
    if node.returns is not None:
        yield node.returns


def constant_problem(node: ast.Constant) -> tuple[str, str] | None:
    """Return what is wrong with a constant and what to write instead; None for one that is supported."""
    if isinstance(node.value, float | complex):
        return f"the number {node.value!r}", "write a fraction of integers: `x * 9 // 10`"
    if isinstance(node.value, bytes) or node.value is ...:
        return f"the constant {node.value!r}", ""
    return None


def is_text(node: ast.expr) -> bool:
    """Return whether an expression is plainly a text."""
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def is_none(node: ast.expr) -> bool:
    """Return whether an expression is None."""
    return isinstance(node, ast.Constant) and node.value is None


def is_super(node: ast.expr) -> bool:
    """Return whether an expression is ``super()``."""
    is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"
    return is_call and not node.args and not node.keywords  # type: ignore[attr-defined]


def is_request_id(node: ast.expr) -> bool:
    """Return whether an expression is the id of a request."""
    return isinstance(node, ast.Attribute) and node.attr == "request_id"


def is_ratio(arguments: list[ast.expr]) -> bool:
    """Return whether the only argument is a true division."""
    return len(arguments) == 1 and isinstance(arguments[0], ast.BinOp) and isinstance(arguments[0].op, ast.Div)


def last_name(node: ast.expr) -> str:
    """Return the last part of a name; empty for other expressions."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
