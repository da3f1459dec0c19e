"""Finds the syntax tree of a function, and makes sure that it is the source of the code that runs."""

from __future__ import annotations

import ast
import functools
import linecache
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(frozen=True, slots=True)
class Source:
    """A module's functions, as trees and as compiled code, by name and first line."""

    nodes: dict[tuple[str, int], list[FunctionNode]]
    codes: dict[tuple[str, int], list[CodeType]]


@functools.lru_cache(maxsize=4096)
def nodes_of(code: CodeType, filename: str) -> tuple[FunctionNode, ...]:
    """Return the tree of a function; several where lambdas share a line, empty where its source is not known."""
    source = source_of(filename, "".join(linecache.getlines(filename)))
    if source is None:
        return ()
    key = (code.co_name, code.co_firstlineno)
    if code not in source.codes.get(key, ()) and not is_rewritten_by_pytest(code):
        return ()
    nodes = source.nodes.get(key, [])
    return tuple(nodes if len(nodes) == 1 else [node for node in nodes if encloses(node, code)])


@functools.lru_cache(maxsize=256)
def source_of(filename: str, text: str) -> Source | None:
    """Return what a module's text says; None where it cannot be compiled."""
    try:
        tree = ast.parse(text, filename)
        module = compile(text, filename, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return None
    nodes: dict[tuple[str, int], list[FunctionNode]] = {}
    for node in ast.walk(tree):
        if isinstance(node, FunctionNode):
            nodes.setdefault((name_of(node), first_line(node)), []).append(node)
    codes: dict[tuple[str, int], list[CodeType]] = {}
    for code in codes_in(module):
        codes.setdefault((code.co_name, code.co_firstlineno), []).append(code)
    return Source(nodes, codes)


def codes_in(code: CodeType) -> Iterator[CodeType]:
    """Yield a piece of code, and that of what is defined inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes_in(constant)


def name_of(node: FunctionNode) -> str:
    """Return the name that a function's code has."""
    return "<lambda>" if isinstance(node, ast.Lambda) else node.name


def first_line(node: FunctionNode) -> int:
    """Return the line of a function's first decorator, or of itself."""
    decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def is_rewritten_by_pytest(code: CodeType) -> bool:
    """Return whether pytest has compiled the function's asserts so that they explain themselves."""
    return any(name.startswith("@py") for name in (*code.co_names, *code.co_varnames))


def encloses(node: FunctionNode, code: CodeType) -> bool:
    """Return whether a function's code comes from within its tree."""
    inside = node.body if isinstance(node, ast.Lambda) else node
    begin, end = (inside.lineno, inside.col_offset), (inside.end_lineno or 0, inside.end_col_offset or 0)
    return all(
        line is None or column is None or begin <= (line, column) <= end or (column, end_column) == (0, 0)
        for line, _, column, end_column in code.co_positions()
    )
