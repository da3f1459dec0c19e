"""The type of an expression, as far as annotations tell it; None where they do not."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proofs.mutation.declared import Declared

Scope = Mapping[str, str | None]
"""The names that are bound at a place, with their types; the latest comes last."""

RETURNED = {
    "len": "int",
    "sum": "int",
    "bool": "bool",
    "any": "bool",
    "all": "bool",
    "range": "range",
    "str": "str",
}
"""What builtin functions return, whatever they get."""

SAME = ("tuple", "list", "reversed", "sorted", "iter", "islice", "set")
"""Functions that return the elements of their first argument."""


def type_of(node: ast.expr, scope: Scope, declared: Declared) -> str | None:
    """Return the type of an expression."""

    def of(each: ast.expr) -> str | None:
        return type_of(each, scope, declared)

    match node:
        case ast.Constant(value=value):
            return "None" if value is None else type(value).__name__
        case ast.Name(id=name) if name in scope:
            return scope[name]
        case ast.Name(id=name):
            return f"type[{name}]" if name in declared.attributes else declared.constants.get(name)
        case ast.Attribute(value=owner, attr=name):
            return declared.attributes_of(of(owner)).get(name)
        case ast.Compare() | ast.UnaryOp(op=ast.Not()):
            return "bool"
        case ast.JoinedStr():
            return "str"
        case ast.Lambda():
            return "Callable"
        case ast.UnaryOp(operand=operand):
            return of(operand)
        case ast.BinOp(left=left, right=right):
            return common(of(left), of(right))
        case ast.BoolOp(values=values):
            return common(*map(of, values))
        case ast.IfExp(body=body, orelse=orelse):
            return common(of(body), of(orelse))
        case ast.Tuple(elts=elements):
            types = [of(each) for each in elements]
            return f"tuple[{', '.join(map(str, types))}]" if None not in types else None
        case ast.Subscript(value=value, slice=ast.Slice()):
            return of(value)
        case ast.Subscript(value=value):
            return item_of(of(value), declared)
        case (
            ast.ListComp(elt=element, generators=generators) | ast.GeneratorExp(elt=element, generators=generators)
        ):
            inner = dict(scope)
            for each in generators:
                inner.update(bound_in(each.target, element_of(type_of(each.iter, inner, declared), declared)))
            found = type_of(element, inner, declared)
            return None if found is None else f"list[{found}]"
        case ast.Call():
            return returned_type(node, scope, declared)
    return None


def common(*types: str | None) -> str | None:
    """Return the one type of several expressions, which may be None beside it."""
    (found, *others) = {None if each is None else each.removesuffix(" | None") for each in types}
    return None if others else found


def returned_type(call: ast.Call, scope: Scope, declared: Declared) -> str | None:
    """Return the type of what a call returns."""
    first = type_of(call.args[0], scope, declared) if call.args else None
    match call.func:
        case ast.Name(id="replace") if call.args:
            return first
        case ast.Name(id="min" | "max") if len(call.args) > 1:
            return common(*(type_of(each, scope, declared) for each in call.args))
        case ast.Name(id="min" | "max"):
            return element_of(first, declared)
        case ast.Name(id=name) if name in SAME and first is not None:
            element = element_of(first, declared)
            return None if element is None else f"list[{element}]"
        case ast.Name(id="enumerate"):
            return f"list[tuple[int, {element_of(first, declared)}]]"
        case ast.Name(id=name) if name in RETURNED:
            return RETURNED[name]
        case ast.Name(id=name) if name in declared.functions and name not in scope:
            return declared.functions[name]
        case ast.Attribute(value=ast.Name(id=module), attr=name) if not known(module, scope, declared):
            return declared.functions.get(name, name if name in declared.attributes else None)
        case ast.Attribute(value=owner, attr=name):
            found = method_type(type_of(owner, scope, declared), name, declared)
            if found is not None:
                return found
    called = type_of(call.func, scope, declared)
    return called[len("type[") : -1] if called is not None and called.startswith("type[") else None


def known(name: str, scope: Scope, declared: Declared) -> bool:
    """Return whether a name stands for a value or a class, and not for a module."""
    return name in scope or name in declared.constants or name in declared.attributes


def method_type(owner: str | None, method: str, declared: Declared) -> str | None:
    """Return what a method of a type returns."""
    for each in declared.classes_in(owner):
        if each in declared.methods:
            return declared.methods[each].get(method)
        match (base(each), method, arguments(each)):
            case ("list", "pop", [element]):
                return element
            case ("dict", "get" | "pop", [_, value]):
                return value
            case ("dict", "items", [key, value]):
                return f"list[tuple[{key}, {value}]]"
            case ("dict", "values", [_, value]):
                return f"list[{value}]"
    return None


def base(type_: str) -> str:
    """Return what stands before the brackets of a type."""
    return type_.split("[")[0]


def arguments(type_: str) -> list[str]:
    """Return what stands in the brackets of a type."""
    node = ast.parse(type_, mode="eval").body
    if not isinstance(node, ast.Subscript):
        return []
    return [ast.unparse(each) for each in (node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice])]


def element_of(type_: str | None, declared: Declared) -> str | None:
    """Return the type of what a loop over a value finds."""
    for each in declared.classes_in(type_):
        match (base(each), arguments(each)):
            case ("range", _):
                return "int"
            case ("tuple", [element, "..."]):
                return element
            case ("tuple" | "type", _):
                return None
            case (_, [element, *_]):
                return element
    return None


def item_of(type_: str | None, declared: Declared) -> str | None:
    """Return the type of what an index or a key finds."""
    for each in declared.classes_in(type_):
        if base(each) == "dict":
            return arguments(each)[1]
        if each in declared.methods:
            return declared.methods[each].get("__getitem__")
    return element_of(type_, declared)


def bound_in(target: ast.expr, type_: str | None) -> Iterator[tuple[str, str | None]]:
    """Yield the names that a target binds to a value of a type, with theirs."""
    if isinstance(target, ast.Name):
        yield target.id, type_
    elif isinstance(target, ast.Starred):
        yield from bound_in(target.value, None)
    elif isinstance(target, ast.Tuple | ast.List):
        types = arguments(type_.removesuffix(" | None")) if type_ is not None and base(type_) == "tuple" else []
        if len(types) != len(target.elts):
            types = [None] * len(target.elts)
        for each, inner in zip(target.elts, types, strict=True):
            yield from bound_in(each, inner)


def bound_by(node: ast.stmt, scope: Scope, declared: Declared) -> Iterator[tuple[str, str | None]]:
    """Yield the names that a statement binds, with their types."""
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield from bound_in(target, type_of(value, scope, declared))
        case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation):
            yield name, ast.unparse(annotation)
        case ast.For(target=target, iter=iterable):
            yield from bound_in(target, element_of(type_of(iterable, scope, declared), declared))
