"""The list itself: what a kernel's source may be made of, and what to write instead of what is refused."""

from __future__ import annotations

import ast

SYNTAX: dict[type[ast.AST], str] = {
    ast.Assign: "assignment to local names, also several at once, and to an element of an array",
    ast.AnnAssign: "assignment with a type to a local name; the type says nothing",
    ast.AugAssign: "`+=` and the like, on local names and elements of an array",
    ast.If: "`if`",
    ast.For: "`for name in range(...)`, without `else`, taken at an arbitrary iteration",
    ast.Return: "`return`, outside of loops",
    ast.Expr: "a call for its own sake, and docstrings",
    ast.Pass: "`pass`",
    ast.BoolOp: "`and`, `or`",
    ast.BinOp: "arithmetic, each result of which has to fit 64 bits",
    ast.UnaryOp: "`-x`, `not x`",
    ast.IfExp: "`a if condition else b`",
    ast.Compare: "comparisons, chained too",
    ast.Call: "calls of plain functions by name, and of the functions listed here",
    ast.Constant: "integers and truth values",
    ast.Attribute: "`array.shape[0]`, and what `cuda` has that is listed here",
    ast.Subscript: "an element of an array, with an integer for every dimension",
    ast.Name: "local names, parameters, functions and constants of the module",
    ast.Tuple: "several values returned or assigned at once, and indices",
}
"""Supported syntax, in words."""

REFUSED: dict[str, tuple[str, str]] = {
    "While": ("`while`", "write `for name in range(...)` with a bound"),
    "Break": ("`break`", "let the loop run on and do nothing: `if` around the rest of its body"),
    "Continue": ("`continue`", "put the rest of the loop's body under an `if`"),
    "NamedExpr": ("`:=`", "assign on a line of its own"),
    "Slice": ("a slice, which is a view", "index the array itself"),
    "Starred": ("`*values`", "write the values out"),
    "Assert": ("`assert`, which kernels are compiled without", "write `if`"),
    "Raise": ("`raise`, which kernels are compiled without", "write a value that the host refuses"),
    "Try": ("`try`", "ask for the condition with `if`"),
    "With": ("`with`", "leave it out"),
    "Delete": ("`del`", "leave the name alone"),
    "Global": ("`global`", "write to an array that is passed"),
    "Nonlocal": ("`nonlocal`", "return the value"),
    "FunctionDef": ("a function inside a kernel", "define it in the module"),
    "Lambda": ("`lambda`", "define a function in the module"),
    "Match": ("`match`", "write `if`"),
    "Import": ("`import` inside a kernel", "import at the top of the module"),
    "ImportFrom": ("`import` inside a kernel", "import at the top of the module"),
    "JoinedStr": ("an f-string", "leave it out"),
    "List": ("a list", "use an array that is passed"),
    "ListComp": ("a list comprehension", "write a `for` loop"),
    "GeneratorExp": ("a generator expression", "write a `for` loop"),
    "Dict": ("a dict", "write a chain of `if`"),
    "Set": ("a set", "write a chain of `if`"),
    "Yield": ("`yield`", "write to an array that is passed"),
}
"""Syntax that is refused, by the name of its node: what it is called, and what to do instead."""

OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.LShift: "<<",
    ast.RShift: ">>",
    ast.USub: "-x",
    ast.Not: "not",
    ast.And: "and",
    ast.Or: "or",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
"""Operators. ``//`` and ``%`` are for divisors that are proved positive: there Python and Numba both round down.
``&``, ``|`` and shifts are for constants, conditions and data, not for integers that decide an index."""

OPERATORS_INSTEAD: dict[str, tuple[str, str]] = {
    "Div": ("`/`", "write `//`, or a rounding of its own function"),
    "Pow": ("`**`", "write the product out"),
    "MatMult": ("`@`", "write the loop out"),
    "BitXor": ("`^`", "write it with arithmetic"),
    "Invert": ("`~`", "write `not`, or `-x - 1`"),
    "UAdd": ("`+x`", "leave the sign out"),
    "Is": ("`is`", "write `==`"),
    "IsNot": ("`is not`", "write `!=`"),
    "In": ("`in`", "write the comparisons out"),
    "NotIn": ("`not in`", "write the comparisons out"),
}
"""Operators that are refused, and what to write instead."""

FUNCTIONS = {"range": (1, 2, 3), "min": (2,), "max": (2,), "int": (1,), "abs": (1,)}
"""Python's own functions, each with the numbers of its arguments; `range` for loops alone."""

CUDA_VALUES = frozenset({"blockIdx.x", "blockIdx.y", "threadIdx.x", "blockDim.x"})
"""What `cuda` says of a thread, in launches whose blocks have one dimension."""

CUDA_CALLS = frozenset({"grid", "gridsize"})
"""Called with the constant 1."""

BARRIER = "syncthreads"
SHARED = "shared.array"

CUDA_INSTEAD = {
    "atomic": "give each word one writer, and sum in a second kernel",
    "local": "use local names",
    "const": "use constants of the module",
    "syncwarp": "use `cuda.syncthreads()` among the kernel's own statements",
    "threadfence": "give each word one writer",
    "gridDim": "pass the number of blocks",
}
"""What to do instead of the rest of `cuda`."""

ELEMENT_TYPES = frozenset({"int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "float32"})
"""What a shared array may hold."""
