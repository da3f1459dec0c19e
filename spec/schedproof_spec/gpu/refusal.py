"""How something in a kernel's source is refused: where it is, what it is, and what to write instead."""

from __future__ import annotations

import ast
from pathlib import Path
from types import FunctionType
from typing import NoReturn

from schedproof_spec.prover.unsupported import UnsupportedError


def refuse(function: FunctionType, node: ast.AST, construct: str, instead: str) -> NoReturn:
    """Refuse a construct.

    Raises:
        UnsupportedError: always; a proof that meets it is undecided.
    """
    line = function.__code__.co_firstlineno - 1 + getattr(node, "lineno", 1)
    place = f"{Path(function.__code__.co_filename).name}, line {line}, in {function.__name__}"
    raise UnsupportedError(f"{place}: {construct} is not supported; {instead}")
