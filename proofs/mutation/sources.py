"""The sources of the reference, read without importing them."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path

from proofs.mutation.declared import Declared
from proofs.mutation.generate import Change, changes
from proofs.mutation.sites import is_docstring


@functools.cache
def package() -> Path:
    """Return the folder of the reference."""
    spec = importlib.util.find_spec("schedproof")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0])


def source_of(name: str) -> str:
    """Return the source of one of its modules."""
    return (package() / f"{name.replace('.', '/')}.py").read_text(encoding="utf-8")


def changes_of(name: str) -> Iterator[Change]:
    """Yield every change of one module under proof."""
    source = source_of(name)
    others = [path.read_text(encoding="utf-8") for path in sorted(package().rglob("*.py"))]
    yield from changes(f"schedproof.{name}", source, Declared.read([*others, source]))


def unchanged(name: str) -> Change:
    """Return the change that changes nothing."""
    return Change(module=f"schedproof.{name}", line=0, column=0, place="", old="", new="", source=source_of(name))


def code_hash(source: str) -> str:
    """Return a hash of a source's code, whatever its comments, docstrings and line breaks."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        for name, value in ast.iter_fields(node):
            if isinstance(value, list):
                setattr(node, name, [each for each in value if not is_docstring(each)])
    words = [
        f"{type(node).__name__} {[value for _, value in ast.iter_fields(node) if is_plain(value)]}"
        for node in ast.walk(tree)
        if not isinstance(node, ast.expr_context)
    ]
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:16]


def is_plain(value: object) -> bool:
    """Return whether a part of a node is a name, a number or a text of the source."""
    return isinstance(value, str | int | float | bytes)
