"""The list itself: which syntax, operators, functions and attributes a rule may use, and what to write instead.

What is not listed here is refused, with its line. `docs/subset.md` shows this list to people.
"""

from __future__ import annotations

import ast
import builtins
import dataclasses
import functools
import logging
import math
from collections.abc import Callable
from typing import Any

SYNTAX: dict[type[ast.AST], str] = {
    ast.FunctionDef: "a function inside a rule, without decorators",
    ast.Lambda: "a lambda",
    ast.Return: "`return`, early ones too",
    ast.Assign: "assignment to local names, also several at once",
    ast.AnnAssign: "assignment with a type",
    ast.AugAssign: "`+=` and the like on local names",
    ast.If: "`if`",
    ast.For: "`for` over tuples, lists, enums and ranges of known length",
    ast.While: "`while`",
    ast.Match: "`match` over enums, integers, None and tuples that are written out",
    ast.Assert: "`assert`: a state in which it fails is a violation",
    ast.Raise: "`raise` of an exception: a state that gets there is a violation",
    ast.Expr: "a call for its own sake, and docstrings",
    ast.Pass: "`pass`",
    ast.Break: "`break`",
    ast.Continue: "`continue`",
    ast.BoolOp: "`and`, `or`",
    ast.NamedExpr: "`:=`",
    ast.BinOp: "arithmetic",
    ast.UnaryOp: "`-x`, `+x`, `~x`, `not x`",
    ast.IfExp: "`a if condition else b`",
    ast.Compare: "comparisons, chained too; `is` with None or a member of an enum; `in` a tuple, list or table",
    ast.Call: "calls of what is listed here, and of functions that keep to it",
    ast.Constant: "integers, truth values, None and text",
    ast.Attribute: "fields, properties and methods of classes that keep to this list",
    ast.Subscript: "an index into a tuple, list or table",
    ast.Slice: "a slice of a tuple or list",
    ast.Name: "names",
    ast.Tuple: "tuples",
    ast.List: "lists",
    ast.Dict: "tables whose keys are written out",
    ast.Starred: "`*values`",
    ast.ListComp: "list comprehensions",
    ast.GeneratorExp: "generator expressions",
    ast.JoinedStr: "f-strings of constants, and in the message of an `assert` or `raise`",
}
"""Supported syntax, in words."""

REFUSED: dict[str, tuple[str, str]] = {
    "Try": ("`try`", "ask for the condition with `if` before"),
    "TryStar": ("`try`", "ask for the condition with `if` before"),
    "With": ("`with`", "a rule opens nothing and catches nothing"),
    "AsyncWith": ("`async with`", "a rule is a plain function"),
    "AsyncFor": ("`async for`", "a rule is a plain function"),
    "AsyncFunctionDef": ("`async def`", "a rule is a plain function"),
    "Await": ("`await`", "a rule is a plain function"),
    "Yield": ("`yield`", "return a tuple"),
    "YieldFrom": ("`yield from`", "return a tuple"),
    "Global": ("`global`", "a rule keeps nothing between calls"),
    "Nonlocal": ("`nonlocal`", "a rule keeps nothing between calls"),
    "ClassDef": ("a class inside a rule", "define it in the module"),
    "Import": ("`import` inside a rule", "import at the top of the module"),
    "ImportFrom": ("`import` inside a rule", "import at the top of the module"),
    "Delete": ("`del`", "leave the name alone"),
    "Set": ("a set", "write a tuple"),
    "SetComp": ("a set comprehension", "write a list comprehension"),
    "DictComp": ("a dict comprehension", "write the table out, or a chain of `if`"),
}
"""Syntax that is refused, by the name of its node: what it is called, and what to do instead."""

OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.BitXor: "^",
    ast.LShift: "<<",
    ast.RShift: ">>",
    ast.USub: "-x",
    ast.UAdd: "+x",
    ast.Invert: "~x",
    ast.Not: "not",
    ast.And: "and",
    ast.Or: "or",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
}
"""Operators, with floor division and remainder as Python has them for negative numbers."""

IN_PLACE = ("len", "min", "max", "sum", "any", "all", "sorted", "tuple", "list", "enumerate", "zip", "reversed")
"""Functions that look at a list or table and keep no hold of it."""

FUNCTIONS: dict[Any, str] = {
    **{getattr(builtins, name): name for name in IN_PLACE},
    **{f: f.__name__ for f in (abs, divmod, range, bool, int, map, filter)},
    math.ceil: "math.ceil",
    math.floor: "math.floor",
    dataclasses.replace: "dataclasses.replace",
    functools.reduce: "functools.reduce",
    functools.partial: "functools.partial",
    **{
        getattr(logging, name): f"logging.{name}"
        for name in ("debug", "info", "warning", "error", "critical", "log")
    },
}
"""Functions that are not written in the rule's own Python."""

LOGGING = ("debug", "info", "warning", "error", "critical", "log")
"""Methods of a logger; they have no effect on the rule, and write nothing while it is proved."""

MATHEMATICS: tuple[Callable[..., Any], ...] = (math.ceil, math.floor)
"""The only places for a true division: exact below 2**53, where floating point does not round across an integer."""

LIST_METHODS = ("append", "extend", "insert", "pop", "sort", "reverse")
"""Methods that change a list; for lists that the function itself has made."""

ATTRIBUTES = frozenset({"value", "name", "get", "items", "keys", "values", "index", "count", "_replace"})
"""Attributes of enums, tables, tuples and named tuples."""

INSTEAD: dict[Any, str] = {
    isinstance: "ask for the value, not its type",
    issubclass: "ask for the value, not its type",
    type: "ask for the value, not its type",
    id: "compare with ==",
    hash: "compare with ==",
    str: "compare the value itself",
    repr: "compare the value itself",
    format: "compare the value itself",
    ascii: "compare the value itself",
    float: "stay with integers: `a // b`, `-(-a // b)`",
    round: "stay with integers: `(2 * a + b) // (2 * b)`",
    pow: "write `**`",
    getattr: "write the attribute's name",
    setattr: "a rule keeps nothing between calls",
    delattr: "a rule keeps nothing between calls",
    hasattr: "write the attribute's name",
    vars: "write the attribute's name",
    dir: "write the attribute's name",
    callable: "call it",
    print: "use logging",
    eval: "write the expression",
    exec: "write the statements",
    open: "a rule reads its arguments alone",
    input: "a rule reads its arguments alone",
    globals: "write the name",
    locals: "write the name",
    set: "write a tuple",
    frozenset: "write a tuple",
    dict: "write the table out",
    iter: "write a `for` loop",
    next: "write a `for` loop",
    super: "write `super().method(...)`",
    object: "write a dataclass",
}
"""What to write instead of functions that are refused."""

OPERATOR_METHODS = frozenset(
    f"__{name}__"
    for name in (
        *("post_init", "init", "hash", "call", "getitem", "contains", "iter", "next", "reversed"),
        *(
            "eq",
            "ne",
            "lt",
            "le",
            "gt",
            "ge",
            "neg",
            "pos",
            "abs",
            "invert",
            "int",
            "ceil",
            "floor",
            "trunc",
            "round",
        ),
        *(
            "add",
            "radd",
            "iadd",
            "sub",
            "rsub",
            "isub",
            "mul",
            "rmul",
            "imul",
            "floordiv",
            "rfloordiv",
            "mod",
            "rmod",
        ),
        *("and", "rand", "or", "ror", "xor", "rxor", "lshift", "rlshift", "rshift", "rrshift", "divmod", "rdivmod"),
        *("pow", "rpow", "truediv", "rtruediv", "rfloordiv", "trunc", "round"),
    )
)
"""Methods that Python calls without their names being written; they keep to this list like all others.

Where Python itself needs a plain number of them (``__bool__``, ``__len__``, ``__int__``), they are refused.
"""

UNASKED_METHODS = frozenset({"__repr__", "__str__", "__format__", "__sizeof__", "__reduce__", "__dir__"})
"""Methods that nothing on this list calls."""
