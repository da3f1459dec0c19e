"""Runs the proofs once for every change of the reference's rules; a change that they accept survives.

    python -m proofs.mutation.sweep

Only the proofs run, no other test. Survivors must stand in `survivors.toml`, each with the reason why it changes
nothing that a proof could see. The outcome is written to `result.json`.
"""

from __future__ import annotations

import datetime
import importlib.util
import json
import os
import platform
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import click
from proofs.mutation.generate import Change, changes
from rich.console import Console
from rich.progress import Progress

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
MODULES = (
    "budget",
    "chunk",
    "config",
    "speculation",
    "reference_policy",
    "capacity",
    "blocks",
    "step",
    "startup",
)
PROOFS = (
    "test_configuration.py",
    "test_rules.py",
    "test_ledger.py",
    "test_invariants.py",
    "test_claims_about_rules.py",
    "test_claims.py",
)
"""Proofs about the reference's rules, quickest first; the first failure decides."""

WITHOUT_NAMED_MUTANTS = "not test_mutant_is_refuted"
"""A named mutant edits the source on disk, which is not the one that runs here: its failure would prove nothing."""

TIMEOUT_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a change."""

    change: Change
    killed: bool
    by: str
    """The first test that failed; empty for a survivor."""


def changes_of(name: str) -> Iterator[Change]:
    """Yield every change of one module under proof."""
    module = f"schedproof.{name}"
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    yield from changes(module, Path(spec.origin).read_text(encoding="utf-8"))


def fate_of(change: Change) -> Fate:
    """Run the proofs against a change."""
    with tempfile.NamedTemporaryFile("w", suffix=".py", encoding="utf-8") as file:
        file.write(change.source)
        file.flush()
        environment = os.environ | {
            "SCHEDPROOF_CHANGED_MODULE": change.module,
            "SCHEDPROOF_CHANGED_SOURCE": file.name,
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        arguments = ["-p", "proofs.mutation.plugin", "-p", "no:cacheprovider", "-n", "0", "-x", "-q", "--tb=no"]
        arguments += ["-k", WITHOUT_NAMED_MUTANTS]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *arguments, *(str(ROOT / "proofs" / name) for name in PROOFS)],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    by = failed[0].split(" - ")[0] if failed else f"exit {done.returncode}"
    return Fate(change, killed=done.returncode != 0, by=by if done.returncode else "")


def explained() -> dict[str, str]:
    """Return why known survivors change nothing, by the name of the change without its line."""
    with (HERE / "survivors.toml").open("rb") as file:
        return {entry["change"]: entry["reason"] for entry in tomllib.load(file)["survivor"]}


@click.command()
@click.option("--jobs", default=2, show_default=True, help="Changes to try at the same time.")
@click.option("--only", type=click.Choice(MODULES), help="Try one module, and write nothing.")
def main(jobs: int, only: str | None) -> None:
    """Try every change; the outcome is written after each module."""
    console = Console()
    reasons = explained()
    fates: list[Fate] = []
    for index, name in enumerate(MODULES if only is None else (only,)):
        with Progress(console=console) as progress, ThreadPoolExecutor(jobs) as pool:
            tried = list(changes_of(name))
            task = progress.add_task(name, total=len(tried))
            for fate in pool.map(fate_of, tried):
                fates.append(fate)
                progress.advance(task)
                if not fate.killed:
                    console.print(f"survives: {fate.change.name}")
        if only is None:
            outcome = json.dumps(report(MODULES[: index + 1], fates, reasons), indent=1)
            (HERE / "result.json").write_text(outcome + "\n", encoding="utf-8")
    survivors = [fate.change for fate in fates if not fate.killed]
    unexplained = [change.name for change in survivors if key(change) not in reasons]
    killed = len(fates) - len(survivors)
    console.print(f"{killed} of {len(fates)} changes killed ({100 * killed / max(len(fates), 1):.1f} %)")
    console.print(f"{len(survivors)} survive, {len(unexplained)} of them without a reason")
    sys.exit(1 if unexplained else 0)


def key(change: Change) -> str:
    """Return the name under which a survivor's reason stands."""
    return f"{change.module}: {change.old} -> {change.new}"


def report(modules: Sequence[str], fates: list[Fate], reasons: dict[str, str]) -> dict[str, object]:
    """Return the outcome as plain data."""
    survivors = [fate.change for fate in fates if not fate.killed]
    return {
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "python": platform.python_version(),
        "z3": version("z3-solver"),
        "modules": list(modules),
        "changes": len(fates),
        "killed": len(fates) - len(survivors),
        "survivors": {change.name: reasons.get(key(change), "") for change in survivors},
        "killed_by": {fate.change.name: fate.by for fate in fates if fate.killed},
    }


if __name__ == "__main__":
    main()
