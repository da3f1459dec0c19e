"""The files that put the check into a project."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from schedproof.version import __version__

PROJECT_FILE = Path("schedproof.toml")
WORKFLOW = Path(".github/workflows/schedproof.yaml")
PRE_COMMIT = Path(".pre-commit-config.yaml")

PROJECT_TEXT = """\
# Findings that are known and accepted. They are listed and do not count; after the last day they fail again.
#
# [[accept]]
# invariant = "budget_tight"          # `schedproof explain` lists them all
# files = "deploy/*.yaml"             # all deployments if left out
# reason = "why it is accepted"
# until = 2027-01-31                  # for ever if left out
"""


def workflow_text(files: Sequence[str]) -> str:
    """Return a GitHub workflow that checks these deployments when one of them changes."""
    paths = "".join(f"      - {quoted(path)}\n" for path in [*files, str(PROJECT_FILE), WORKFLOW.as_posix()])
    return f"""\
name: schedproof
on:
  push:
    branches: [main]
  pull_request:
    paths:
{paths}jobs:
  check:
    runs-on: ubuntu-latest
    permissions:
      contents: read
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "3.12"
      - run: pip install schedproof=={__version__}
      - run: {quoted(f"schedproof check --format github {shlex.join(files)}")}
"""


def pre_commit_text(files: Sequence[str]) -> str:
    """Return a pre-commit configuration that checks these deployments when one of them changes."""
    return f"repos:\n{pre_commit_entry(files)}"


def pre_commit_entry(files: Sequence[str]) -> str:
    """Return the entry of a pre-commit configuration."""
    pattern = "|".join(re.escape(file) for file in files)
    return f"""\
  - repo: local
    hooks:
      - id: schedproof
        name: schedproof
        entry: schedproof check
        language: python
        additional_dependencies: [schedproof=={__version__}]
        files: {quoted(f"^({pattern})$")}
"""


def quoted(text: str) -> str:
    """Return text as a YAML scalar in single quotes."""
    return "'" + text.replace("'", "''") + "'"
