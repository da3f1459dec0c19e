"""The recipes name files and commands that are there."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
CODE = re.compile(r"`([^`\n]+)`")
FOLDERS = {path.name for path in ROOT.iterdir() if path.is_dir()}


def test_every_path_is_there() -> None:
    words = [word for code in CODE.findall(TEXT) for word in code.split()]
    paths = {word for word in words if word.partition("/")[0] in FOLDERS and "/" in word}
    assert len(paths) > 20
    assert [path for path in paths if not (ROOT / path.split("::")[0]).exists()] == []


def test_every_module_that_is_run_is_there() -> None:
    modules = set(re.findall(r"python -m ([\w.]+)", TEXT))
    assert len(modules) > 4
    assert [module for module in modules if importlib.util.find_spec(module) is None] == []
