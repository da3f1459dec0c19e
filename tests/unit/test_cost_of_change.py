"""What is added touches few files: one of its own, and the one that lists it."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from schedproof.engines.fastdeploy.policies import POLICIES
from schedproof_gate.audit.traces import forms
from schedproof_spec import INVARIANTS

ROOT = Path(__file__).parents[2]
SHIPPED = ("reference", "spec", "kernels", "gate")
FASTDEPLOY = "reference/schedproof/engines/fastdeploy"


@cache
def sources() -> dict[str, ast.Module]:
    """Return each shipped module by its path."""
    paths = (path for folder in SHIPPED for path in (ROOT / folder).rglob("*.py"))
    return {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def speaking_of(name: str) -> set[str]:
    """Return the modules that read or import a name of a class, a constant or a module."""
    return {path for path, tree in sources().items() if name in names_in(tree)}


@cache
def names_in(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ClassDef):
            found.add(node.name)
    return found


@cache
def constants_in(tree: ast.Module) -> frozenset[object]:
    return frozenset(node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))


@cache
def entries_in(tree: ast.Module) -> frozenset[object]:
    """Return what is given as `name=` in calls."""
    keywords = (node for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "name")
    return frozenset(getattr(keyword.value, "value", None) for keyword in keywords)


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_a_policy_is_its_own_file_and_a_line_of_the_list(policy: object) -> None:
    """Later versions may build on it, and releases may have it: those are files of their own additions."""
    own = f"{FASTDEPLOY}/{type(policy).__module__.rpartition('fastdeploy.')[2].replace('.', '/')}.py"
    later = {path for path in sources() if path.startswith(f"{FASTDEPLOY}/versions/")}
    doors = {f"{FASTDEPLOY}/releases.py", "reference/schedproof/reference_policy.py"}
    touched = speaking_of(type(policy).__name__) - later - doors | {own}
    assert touched == {own, f"{FASTDEPLOY}/policies.py"}


def test_an_invariant_is_an_entry_beside_its_theorem() -> None:
    """Which of the rules a trace can be held against is for the audit and the replay to say."""
    chosen = {"gate/schedproof_gate/audit/checks.py", "gate/schedproof_gate/replay/checks.py"}
    for name in INVARIANTS:
        entries = {path for path, tree in sources().items() if name in entries_in(tree)}
        assert len(entries) == 1, (name, entries)
        assert all(path.startswith("spec/schedproof_spec/theorems/") for path in entries)
        if "_" in name:
            said = {path for path, tree in sources().items() if name in constants_in(tree)}
            assert {path for path in said if path.startswith("gate/")} <= chosen


def test_a_log_form_is_its_own_module_and_a_line_of_the_list() -> None:
    listed = Path(forms.__file__).read_text(encoding="utf-8")
    imported = re.search(r"^from schedproof_gate.audit.traces import (.*)$", listed, re.MULTILINE)
    assert imported is not None
    modules = imported[1].split(", ")
    assert {name.replace("-", "_") for name in forms.FORMS} >= {*modules}
    for module in modules:
        path = f"schedproof_gate.audit.traces.{module}"
        users = {
            source
            for source, tree in sources().items()
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            and (node.module == path or (node.module == "schedproof_gate.audit.traces" and module in names(node)))
        }
        assert users == {"gate/schedproof_gate/audit/traces/forms.py"}


def names(node: ast.ImportFrom) -> set[str]:
    return {alias.name for alias in node.names}
