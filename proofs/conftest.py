"""Collects what was proved, prints it at the end, and writes it for comparison.

`--verdicts FILE` writes every verdict without its cost: the file is the same for every run and hash seed.
`--update-goldens` writes the golden files anew from what the solver finds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest
from rich.console import Console
from rich.table import Table

from schedproof_spec.prover.verdict import Status
from schedproof_spec.verdicts import stored_verdicts

GOLDENS = Path(__file__).parent / "goldens"
STORED = Path(stored_verdicts.__file__).parent / stored_verdicts.FOLDER
COLUMNS = ("theorem", "verdict", "scope", "paths", "solver ms")


class Decided(Protocol):
    """What a verdict and an outcome have in common."""

    status: Status
    num_paths: int
    solver_ms: float


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--verdicts", type=Path, help="write every verdict, without its cost, to this JSON file")
    parser.addoption("--update-goldens", action="store_true", help="write the golden files anew")


SHARING = (
    "test_reference_keeps",
    "test_rule_is_kept_without_the_change",
    "test_every_ledger_is_possible",
    "test_upstream_is_decided",
    "test_claim_about_an_invariant",
)
"""Tests that ask the same questions: one process runs them one after the other, and decides each question once."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bring those that share questions to the front; they are the longest, so that both workers end together."""
    items.sort(key=rank)


def rank(item: pytest.Item) -> int:
    """Return where a test comes; those without a place stay in their order, behind."""
    name = getattr(item, "originalname", None)
    is_shared = item.path.parent == Path(__file__).parent and name in SHARING
    return SHARING.index(name) if is_shared else len(SHARING)


@pytest.fixture
def theorem(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Record a decided theorem for the summary."""

    def record(name: str, decided: Decided, *, scope: str) -> None:
        row = (name, decided.status.value, scope, decided.num_paths, decided.solver_ms)
        request.node.user_properties.append(("theorem", row))

    return record


@pytest.fixture
def searches(request: pytest.FixtureRequest) -> bool:
    """Return whether runs are searched anew: what is written to the goldens is what a search finds."""
    return bool(request.config.getoption("--update-goldens"))


@pytest.fixture
def golden_text(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Compare with a golden file, or write it."""

    def compare(name: str, text: str, folder: Path = GOLDENS) -> None:
        path = folder / name
        if request.config.getoption("--update-goldens"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8")

    return compare


@pytest.fixture
def golden(golden_text: Callable[..., None]) -> Callable[[str, object], None]:
    """Compare plain data with a golden JSON file, or write it."""
    return lambda name, found: golden_text(f"{name}.json", json_text(found))


@pytest.fixture
def stored(golden_text: Callable[..., None]) -> Callable[[str, object], None]:
    """Compare plain data with a stored verdict that is shipped, or write it."""
    return lambda name, found: golden_text(f"{name}.json", json_text(found), STORED)


@pytest.fixture
def stored_names() -> set[str]:
    """Return the names of the stored verdicts."""
    return {path.stem for path in STORED.glob("*.json")}


def json_text(found: object) -> str:
    """Return plain data as it stands in a golden file."""
    return json.dumps(found, indent=1, sort_keys=True) + "\n"


def recorded(reporter: pytest.TerminalReporter) -> Iterator[tuple[str, str, str, int, float]]:
    """Yield the theorems of all tests that ran, in whichever process."""
    for reports in reporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) == "call":
                yield from (row for kind, row in report.user_properties if kind == "theorem")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    rows = sorted(recorded(terminalreporter))
    if not rows:
        return
    table = Table(*COLUMNS, box=None, pad_edge=False)
    for name, status, scope, num_paths, solver_ms in rows:
        table.add_row(name, status, scope, str(num_paths), f"{solver_ms:.0f}")
    console = Console(width=170, force_terminal=False)
    with console.capture() as capture:
        console.print(table)
    terminalreporter.section("theorems")
    terminalreporter.write(capture.get())
    held = sum(status == Status.HELD.value for _, status, *_ in rows)
    terminalreporter.write_line(f"{len(rows)} theorems: {held} held, {len(rows) - held} refuted as expected")
    path: Path | None = config.getoption("--verdicts")
    if path is not None:
        verdicts = [(name, status, scope) for name, status, scope, *_ in rows]
        path.write_text(json.dumps(verdicts, indent=1) + "\n", encoding="utf-8")
