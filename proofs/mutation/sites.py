"""Every place of a module that a change can change, and what is known there.

Annotations, docstrings and what is there only for a type checker are no such places.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace

from proofs.mutation.declared import Declared, parameters
from proofs.mutation.expressions import Scope, bound_by, bound_in, element_of, type_of

LONGEST_QUOTE = 110

WITHOUT_CODE = ("annotation", "returns", "type_comment")
"""Parts of a node that no change touches."""


@dataclass(frozen=True, slots=True)
class Site:
    """A node of a module, and what is around it."""

    node: ast.AST
    around: tuple[ast.AST, ...]
    """What contains the node, from the module inwards."""
    unit: ast.stmt
    """The function around the node; outside of functions, the statement of a module or of a class."""
    function: str
    """The names of the class and the function around the node."""
    statement: str
    """The first line of the statement around the node."""
    scope: Scope
    """The names bound before the node in its function, with their types; the latest comes last."""
    declared: Declared
    in_loop: bool = False
    something_follows: bool = False
    """Whether something runs after the statement, in the same turn of its loop or else in its function."""

    @property
    def place(self) -> str:
        """Return where the node stands."""
        return ": ".join(part for part in (self.function, self.statement) if part)

    @property
    def parent(self) -> ast.AST:
        """Return what directly contains the node."""
        return self.around[-1]

    def type_of(self, node: ast.expr) -> str | None:
        """Return the type of an expression at this place."""
        return type_of(node, self.scope, self.declared)

    def inside(self, child: ast.AST) -> Site:
        """Return the site of a child of the node."""
        return replace(self, node=child, around=(*self.around, self.node))


def sites_in(tree: ast.Module, declared: Declared) -> Iterator[Site]:
    """Yield every site of a module, in the order of its source."""
    for node in tree.body:
        yield from unit(Site(node, (tree,), node, "", "", {}, declared), owner=None)


def unit(site: Site, owner: str | None) -> Iterator[Site]:
    """Yield the sites of a statement of a module or a class."""
    node = site.node
    name = f"{site.function}.{getattr(node, 'name', '')}".strip(".")
    if isinstance(node, ast.ClassDef):
        for part in (*node.decorator_list, *node.bases, *node.keywords):
            yield from parts(replace(site, function=name).inside(part))
        for child in node.body:
            yield from unit(replace(site.inside(child), unit=child, function=name), node.name)
    elif isinstance(node, ast.FunctionDef):
        inner = replace(site, function=name)
        yield from parts(inner.inside(node.args))
        for part in node.decorator_list:
            yield from parts(inner.inside(part))
        own = {} if owner is None else {"self": owner}
        yield from block(replace(inner, scope=own | dict(parameters(node))), node.body)
    else:
        yield from statement(site)


def statement(site: Site) -> Iterator[Site]:
    """Yield a statement and the sites in it."""
    node = site.node
    if is_docstring(node) or (isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")):
        return
    site = replace(site, statement=quoted(node))
    yield site
    yield from fields(site)


def fields(site: Site) -> Iterator[Site]:
    """Yield the sites in a statement, or in one of its cases and handlers."""
    bound = dict(bound_by(site.node, site.scope, site.declared)) if isinstance(site.node, ast.For) else {}
    for name, value in ast.iter_fields(site.node):
        children = [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, ast.AST)]
        if children and isinstance(children[0], ast.stmt):
            inner = replace(site, scope={**site.scope, **bound})
            if isinstance(site.node, ast.For | ast.While) and name == "body":
                inner = replace(inner, in_loop=True, something_follows=False)
            yield from block(inner, children)
        elif name not in WITHOUT_CODE:
            for child in children:
                inner = site.inside(child)
                yield from fields(inner) if isinstance(child, ast.ExceptHandler | ast.match_case) else parts(inner)


def block(site: Site, body: list[ast.stmt]) -> Iterator[Site]:
    """Yield the sites of a block of the node of a site."""
    scope = dict(site.scope)
    for index, node in enumerate(body):
        follows = site.something_follows or index + 1 < len(body)
        yield from statement(replace(site.inside(node), scope=dict(scope), something_follows=follows))
        note_bound(node, scope, site.declared)


def note_bound(node: ast.stmt, scope: dict[str, str | None], declared: Declared) -> None:
    """Add to a scope what a statement binds, in whichever branch."""
    for name, type_ in bound_by(node, scope, declared):
        known = scope.pop(name, None)
        scope[name] = known if type_ is None else type_
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
            note_bound(child, scope, declared)


def parts(site: Site) -> Iterator[Site]:
    """Yield an expression and the sites in it."""
    node = site.node
    yield site
    scope = dict(site.scope)
    if isinstance(node, ast.Lambda):
        scope.update((each.arg, None) for each in node.args.args)
    for each in getattr(node, "generators", ()):
        inner = replace(site, scope=dict(scope)).inside(each)
        scope.update(bound_in(each.target, element_of(inner.type_of(each.iter), site.declared)))
        yield from parts(inner.inside(each.iter))
        for test in each.ifs:
            yield from parts(replace(inner.inside(test), scope=dict(scope)))
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr | ast.keyword):
            yield from parts(replace(site.inside(child), scope=scope))


def is_docstring(node: ast.AST) -> bool:
    """Return whether a statement is nothing but a text."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def quoted(node: ast.AST) -> str:
    """Return the first line of a node's code, or the beginning of it."""
    line = ast.unparse(node).splitlines()[0]
    return line if len(line) <= LONGEST_QUOTE else f"{line[: LONGEST_QUOTE - 1]}…"
