"""What the prover cannot see must not be in the code that it runs."""

from __future__ import annotations

import ast
import importlib
from dataclasses import fields, is_dataclass
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


VALUES = (
    "schedproof.request",
    *(
        f"schedproof.engines.fastdeploy.{name}"
        for name in (
            "config",
            "ledger",
            "loop",
            "speculation",
            "life.job",
            "life.outcome",
            "rules.capacity",
            "rules.launch_forecast",
            "rules.output_reserve",
        )
    ),
)
STARTUP = "schedproof.engines.fastdeploy.startup"
"""Modules whose dataclasses are values: what is known of one is remembered, and its counts have names."""


def dataclasses_in(module_name: str) -> list[type]:
    module = importlib.import_module(module_name)
    classes = [value for value in vars(module).values() if isinstance(value, type) and is_dataclass(value)]
    return [each for each in classes if each.__module__ == module.__name__]


@pytest.mark.parametrize("module_name", [*VALUES, STARTUP])
def test_what_is_proved_of_a_value_stays_true(module_name):
    """The prover remembers what a function returned for a value."""
    found = dataclasses_in(module_name)
    assert found
    for each in found:
        assert each.__dataclass_params__.frozen, f"{each.__name__} can be changed after it was looked at"


@pytest.mark.parametrize("module_name", VALUES)
def test_no_two_counts_of_a_value_can_be_swapped(module_name):
    for each in dataclasses_in(module_name):
        assert all(field.kw_only for field in fields(each)), f"{each.__name__} takes fields by position"


@pytest.mark.parametrize("module_name", [*VALUES, STARTUP, "schedproof.output.output_sender"])
def test_a_misspelt_field_is_an_error(module_name):
    for each in dataclasses_in(module_name):
        assert "__slots__" in vars(each), f"{each.__name__} accepts any attribute"
