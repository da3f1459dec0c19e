"""Changes of statements: one left out, and a jump that goes elsewhere or nowhere."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from proofs.mutation.edits import Edit
from proofs.mutation.sites import Site


def left_out(site: Site) -> Iterator[Edit]:
    """Yield nothing in the place of a call, a deletion, or an assignment to what has a value before."""
    node = site.node
    if (
        (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call))
        or isinstance(node, ast.AugAssign | ast.Delete)
        or (isinstance(node, ast.Assign) and all(has_value(target, site) for target in node.targets))
    ):
        yield Edit(ast.Pass())


def has_value(target: ast.expr, site: Site) -> bool:
    """Return whether what is assigned has a value before; of attributes, only ``__init__`` may be the first to."""
    if isinstance(target, ast.Name):
        return target.id in site.scope
    if isinstance(target, ast.Tuple | ast.List):
        return all(has_value(each, site) for each in target.elts)
    return site.function.split(".")[-1] not in ("__init__", "")


def other_jumps(site: Site) -> Iterator[Edit]:
    """Yield ``break`` and ``continue`` for each other, and nothing for a jump over something."""
    node = site.node
    if isinstance(node, ast.Break | ast.Continue):
        yield Edit(ast.Continue() if isinstance(node, ast.Break) else ast.Break())
    jumps = isinstance(node, ast.Break | ast.Continue | ast.Return)
    if jumps and (site.something_follows or (site.in_loop and isinstance(node, ast.Return))):
        yield Edit(ast.Pass())
