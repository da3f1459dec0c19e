"""Whether a text is made for the message of an exception that is raised in any case."""

from __future__ import annotations

import ast
import functools
import linecache
import sys
from pathlib import Path
from types import FrameType

PROVER = str(Path(__file__).parent)

MAX_FRAMES = 20
"""How far around is looked for the statement that raises."""


def is_made_for_a_message() -> bool:
    """Return whether what runs now is part of the message of an `assert` that fails, or of a `raise`."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(PROVER):
        frame = frame.f_back
    for _ in range(MAX_FRAMES):
        if frame is None or frame.f_code.co_filename.startswith(PROVER):
            return False
        if is_at_a_message(frame):
            return True
        frame = frame.f_back
    return False


def is_at_a_message(frame: FrameType) -> bool:
    """Return whether a frame is in the middle of a message."""
    line, _, column, _ = list(frame.f_code.co_positions())[frame.f_lasti // 2]
    return line is not None and any(
        (node.lineno, node.col_offset) <= (line, column or 0) <= (node.end_lineno or 0, node.end_col_offset or 0)
        for node in messages_of(frame.f_code.co_filename)
    )


@functools.lru_cache(maxsize=256)
def messages_of(filename: str) -> tuple[ast.expr, ...]:
    """Return the expressions of a file that are evaluated only where something is raised."""
    try:
        tree = ast.parse("".join(linecache.getlines(filename)))
    except (SyntaxError, ValueError):
        return ()
    found: list[ast.expr] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert) and node.msg is not None:
            found.append(node.msg)
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            found += [*node.exc.args, *(keyword.value for keyword in node.exc.keywords)]
    return tuple(found)
