"""Whatever id a report prints, `schedproof explain ID` says what it means."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from schedproof_gate.command_line import cli
from schedproof_gate.rules_by_id import rules_by_id

GOLDEN = Path(__file__).parents[1] / "golden"


def ids_in(document: object) -> Iterator[str]:
    """Yield the ids in a report as JSON or SARIF."""
    if isinstance(document, dict):
        for key, value in document.items():
            if key in ("invariant", "ruleId"):
                yield value
            yield from ids_in(value)
    elif isinstance(document, list):
        for value in document:
            yield from ids_in(value)


def test_every_id_of_the_kept_reports_is_known() -> None:
    files = [path for suffix in ("json", "sarif") for path in GOLDEN.rglob(f"*.{suffix}")]
    printed = {name for path in files for name in ids_in(json.loads(path.read_text(encoding="utf-8")))}
    assert len(printed) > 10
    assert printed <= set(rules_by_id())


@pytest.mark.parametrize("name", list(rules_by_id()))
def test_an_id_is_explained(name: str) -> None:
    done = CliRunner().invoke(cli, ["explain", name], standalone_mode=False)
    assert done.exception is None
    text = " ".join(click.unstyle(done.output).split())
    assert text.startswith(name)
    assert rules_by_id()[name].sentence.rstrip(".")[1:] in text
