"""Runs the proofs once for every change of the reference; a change that they accept survives.

    python -m proofs.mutation.sweep rules     the rules of a step, by the proofs alone: `result.json`
    python -m proofs.mutation.sweep engine    the engine, by its proofs and its random runs: `engine_result.json`

No other test runs. Survivors must stand in `survivors.toml`, each with the reason why it changes nothing that could
be seen.
"""

from __future__ import annotations

import datetime
import functools
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


WITHOUT_NAMED_MUTANTS = "not test_mutant_is_refuted"
"""A named mutant edits the source on disk, which is not the one that runs here: its failure would prove nothing."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Modules that are changed, and what has to notice, quickest first: the first failure decides."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]
    selected: str
    """Which of these tests run, in the words of ``pytest -k``."""
    outcome: str


SUBJECTS = {
    "rules": Subject(
        modules=(
            "budget",
            "chunk",
            "config",
            "speculation",
            "reference_policy",
            "capacity",
            "blocks",
            "step",
            "startup",
        ),
        tests=(
            "proofs/test_configuration.py",
            "proofs/test_rules.py",
            "proofs/test_ledger.py",
            "proofs/test_invariants.py",
            "proofs/test_claims_about_rules.py",
            "proofs/test_claims.py",
            "proofs/test_run_invariants.py",
        ),
        selected=WITHOUT_NAMED_MUTANTS,
        outcome="result.json",
    ),
    "engine": Subject(
        modules=(
            "launch_forecast",
            "life",
            "places",
            "free_list",
            "pool",
            "prefix_cache",
            "output_reserve",
            "job",
            "engine",
        ),
        tests=(
            "proofs/test_refusals.py",
            "proofs/test_run_invariants.py",
            "proofs/test_short_runs.py",
            "tests/property/test_engine.py",
            "tests/property/test_engine_pair.py",
        ),
        selected=f"{WITHOUT_NAMED_MUTANTS} and not test_upstream_is_decided and not budget",
        outcome="engine_result.json",
    ),
}

FAILED = (1, 2)
"""How pytest ends when a test fails, or cannot even be collected; anything else says nothing about a change."""

TIMEOUT_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a change."""

    change: Change
    killed: bool
    by: str
    """The first test that failed, or that there was no end; empty for a survivor."""


def changes_of(name: str) -> Iterator[Change]:
    """Yield every change of one module under proof."""
    yield from changes(f"schedproof.{name}", module_path(name).read_text(encoding="utf-8"))


def module_path(name: str) -> Path:
    """Return the source file of a module of the reference."""
    spec = importlib.util.find_spec(f"schedproof.{name}")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin)


def fate_of(change: Change, subject: Subject) -> Fate:
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
        arguments += ["-k", subject.selected]
        try:
            done = subprocess.run(
                [sys.executable, "-m", "pytest", *arguments, *(str(ROOT / name) for name in subject.tests)],
                cwd=ROOT,
                env=environment,
                capture_output=True,
                text=True,
                timeout=TIMEOUT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Fate(change, killed=True, by=f"no end within {TIMEOUT_SECONDS} s")
    if done.returncode not in (0, *FAILED):
        raise click.ClickException(
            f"{change.name}: pytest ended with {done.returncode}\n{done.stdout}{done.stderr}"
        )
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    by = failed[0].split(" - ")[0] if failed else f"exit {done.returncode}"
    return Fate(change, killed=done.returncode != 0, by=by if done.returncode else "")


def unchanged(name: str) -> Change:
    """Return the change that changes nothing."""
    path = module_path(name)
    return Change(module=f"schedproof.{name}", line=0, old="", new="", source=path.read_text(encoding="utf-8"))


def refuse_failing_tests(change: Change, subject: Subject) -> None:
    """Stop when the tests fail without any change: then their failures say nothing."""
    fate = fate_of(change, subject)
    if fate.killed:
        raise click.ClickException(f"the tests fail without a change: {fate.by}")


def explained() -> dict[str, str]:
    """Return why known survivors change nothing, by the name of the change without its line."""
    with (HERE / "survivors.toml").open("rb") as file:
        return {entry["change"]: entry["reason"] for entry in tomllib.load(file)["survivor"]}


@click.command()
@click.argument("subject", type=click.Choice(tuple(SUBJECTS)))
@click.option("--jobs", default=2, show_default=True, help="Changes to try at the same time.")
@click.option("--only", help="Try one module, and write nothing.")
def main(subject: str, jobs: int, only: str | None) -> None:
    """Try every change; the outcome is written after each module."""
    console = Console()
    reasons = explained()
    fates: list[Fate] = []
    chosen = SUBJECTS[subject]
    refuse_failing_tests(unchanged(chosen.modules[0]), chosen)
    for index, name in enumerate(chosen.modules if only is None else (only,)):
        with Progress(console=console) as progress, ThreadPoolExecutor(jobs) as pool:
            tried = list(changes_of(name))
            task = progress.add_task(name, total=len(tried))
            for fate in pool.map(functools.partial(fate_of, subject=chosen), tried):
                fates.append(fate)
                progress.advance(task)
                if not fate.killed:
                    console.print(f"survives: {fate.change.name}")
        if only is None:
            outcome = json.dumps(report(chosen.modules[: index + 1], fates, reasons), indent=1)
            (HERE / chosen.outcome).write_text(outcome + "\n", encoding="utf-8")
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
