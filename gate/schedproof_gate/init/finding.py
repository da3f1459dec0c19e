"""Finds the deployments of a project among its other files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from schedproof_gate.deployment.deployment_file import READERS
from schedproof_gate.deployment.engines import ENGINES
from schedproof_gate.deployment.shell_script import launches
from schedproof_gate.deployment.text_file import read_text
from schedproof_gate.errors import InputError

SCRIPTS = (".sh", ".bash")
IGNORED_FOLDERS = {"node_modules", "venv", "__pycache__", "build", "dist"}


def deployments_below(folder: Path) -> Iterator[Path]:
    """Yield the deployment files and launch scripts below a folder, in order; hidden folders are left out."""
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in IGNORED_FOLDERS)
        for name in sorted(files):
            path = Path(root, name)
            if is_deployment(path):
                yield path


def is_deployment(path: Path) -> bool:
    """Return whether a file is a deployment beyond doubt: it has `engine` and `args`, or launches an engine."""
    suffix = path.suffix.lower()
    if suffix not in READERS and suffix not in SCRIPTS:
        return False
    try:
        text = read_text(path)
        if suffix in SCRIPTS:
            return launches_engine(text, str(path))
        value = READERS[suffix](text, str(path)).value
    except InputError:
        return False
    return isinstance(value, dict) and {"engine", "args"} <= set(value)


def launches_engine(text: str, source: str) -> bool:
    """Return whether a script launches an engine.

    Raises:
        InputError: the script cannot be read that far.
    """
    for engine in ENGINES.values():
        for _ in launches(text, source, lambda words, e=engine: e.launch_arguments(words) is not None):  # type: ignore[misc]
            return True
    return False
