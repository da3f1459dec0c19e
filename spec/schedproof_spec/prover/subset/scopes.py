"""Which names a function binds itself, as Python has it, and which of them are lists of its own making."""

from __future__ import annotations

import ast
from collections.abc import Iterator

Comprehension = ast.ListComp | ast.GeneratorExp | ast.SetComp | ast.DictComp
INNER = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef


class Scope:
    """The names of one function, lambda or comprehension."""

    def __init__(self, parameters: set[str], bound: set[str], lists: set[str]) -> None:
        self.parameters = parameters
        self.bound = parameters | bound
        self.lists = set() if self.bound & {"list", "sorted"} else lists - parameters
        """Names that are only ever bound to a list that is made here."""


def scope_of(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | Comprehension) -> Scope:
    """Return the names that are bound in a function or comprehension itself."""
    if isinstance(node, Comprehension):
        targets = {name for generator in node.generators for name in names_in(generator.target)}
        return Scope(set(), targets, set())
    body = [node.body] if isinstance(node, ast.Lambda) else node.body
    bound: set[str] = set()
    lists: set[str] = set()
    others: set[str] = set()
    for statement in own_nodes(body):
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.add(statement.name)
            others.add(statement.name)
        elif isinstance(statement, ast.Name) and isinstance(statement.ctx, ast.Store):
            bound.add(statement.id)
        elif isinstance(statement, ast.MatchAs | ast.MatchStar) and statement.name is not None:
            bound.add(statement.name)
            others.add(statement.name)
    for statement in own_nodes(body):
        lists |= set(made_lists(statement))
        others |= set(other_bindings(statement))
    return Scope(set(parameters_of(node.args)), bound, lists - others)


def made_lists(node: ast.AST) -> Iterator[str]:
    """Yield the names that a statement binds to a new list."""
    if isinstance(node, ast.Assign) and is_new_list(node.value):
        yield from (target.id for target in node.targets if isinstance(target, ast.Name))
    if isinstance(node, ast.AnnAssign) and node.value is not None and is_new_list(node.value):
        yield from names_in(node.target)


def other_bindings(node: ast.AST) -> Iterator[str]:
    """Yield the names that a node binds to something else."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            if not isinstance(target, ast.Name) or not is_new_list(node.value):
                yield from names_in(target)
    elif isinstance(node, ast.AnnAssign):
        if node.value is not None and not is_new_list(node.value):
            yield from names_in(node.target)
    elif isinstance(node, ast.For | ast.NamedExpr):
        yield from names_in(node.target)


def is_new_list(node: ast.expr) -> bool:
    """Return whether an expression is a list that nobody else holds."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id in ("list", "sorted")
    return isinstance(node, ast.List | ast.ListComp)


def own_nodes(nodes: list[ast.expr] | list[ast.stmt]) -> Iterator[ast.AST]:
    """Yield the nodes of a function, leaving out what is inside other functions and what comprehensions bind."""
    waiting: list[ast.AST] = list(nodes)
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, INNER):
            continue
        if isinstance(node, Comprehension):
            waiting += walrus_in(node)
            continue
        waiting += ast.iter_child_nodes(node)


def walrus_in(node: ast.AST) -> Iterator[ast.NamedExpr]:
    """Yield what a comprehension binds in the function around it."""
    for child in ast.walk(node):
        if isinstance(child, ast.NamedExpr):
            yield child


def parameters_of(arguments: ast.arguments) -> Iterator[str]:
    """Yield the names of a function's parameters."""
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        yield argument.arg
    for rest in (arguments.vararg, arguments.kwarg):
        if rest is not None:
            yield rest.arg


def names_in(target: ast.AST) -> Iterator[str]:
    """Yield the names that an assignment's target binds."""
    for node in ast.walk(target):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
