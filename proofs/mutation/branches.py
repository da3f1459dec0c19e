"""Changes of branches: sides exchanged, and operands of ``and``, ``or``, ``min`` and ``max`` dropped."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from proofs.mutation.edits import Edit, with_field, without_item
from proofs.mutation.operators import CALLS
from proofs.mutation.sites import Site, quoted


def exchanged_sides(site: Site) -> Iterator[Edit]:
    """Yield the branch with each side in the place of the other."""
    node = site.node
    if isinstance(node, ast.IfExp):
        yield Edit(ast.IfExp(node.test, node.orelse, node.body))
    elif isinstance(node, ast.If) and node.orelse:
        yield Edit(ast.If(node.test, node.orelse, node.body), old=quoted(node), new="sides exchanged")


def dropped_operands(site: Site) -> Iterator[Edit]:
    """Yield the operation without each of its operands."""
    node = site.node
    if isinstance(node, ast.BoolOp):
        operands = "values"
    elif (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in CALLS
        and not node.keywords
    ):
        operands = "args"
    else:
        return
    items = getattr(node, operands)
    for index in reversed(range(len(items))) if len(items) > 1 else ():
        left = without_item(items, index)
        yield Edit(left[0]) if len(left) == 1 else with_field(node, operands, left)
