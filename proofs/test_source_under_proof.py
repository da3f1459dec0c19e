"""What the prover cannot see must not be in the code that it runs."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import schedproof

SOURCES = sorted(Path(schedproof.__file__).parent.rglob("*.py"))
ENUMS = ("Role", "Platform", "SpeculativeMethod")
"""Members of these stand for any member while a proof runs; ``is`` would tell a symbol from every member."""


def is_member(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ENUMS


def identity_tests(source: str) -> list[int]:
    """Return the lines that compare a member of an enum by identity."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Compare)
        and any(isinstance(operator, ast.Is | ast.IsNot) for operator in node.ops)
        and any(is_member(side) for side in (node.left, *node.comparators))
    ]


def test_the_check_finds_an_identity_test():
    assert identity_tests("x = 1\nif config.role is Role.DECODE:\n    pass") == [2]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_members_are_compared_by_value(path):
    assert identity_tests(path.read_text(encoding="utf-8")) == []
