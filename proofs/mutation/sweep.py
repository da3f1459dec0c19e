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
from collections.abc import Iterator
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
MODULES = ("budget", "chunk", "config", "speculation", "capacity", "startup", "blocks", "step", "reference_policy")
PROOFS = (
    "test_configuration.py",
    "test_rules.py",
    "test_ledger.py",
    "test_invariants.py",
    "test_claims_about_rules.py",
    "test_claims.py",
    "test_mutants.py",
)
"""Proofs about the reference's rules, quickest first; the first failure decides."""

TIMEOUT_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a change."""

    change: Change
    killed: bool
    by: str
    """The first test that failed; empty for a survivor."""


def all_changes() -> Iterator[Change]:
    """Yield every change of every module under proof."""
    for name in MODULES:
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


def killed_before() -> dict[str, str]:
    """Return the changes that the last outcome lists as killed, with the test that did it."""
    killed: dict[str, str] = json.loads((HERE / "result.json").read_text(encoding="utf-8"))["killed_by"]
    return killed


def explained() -> dict[str, str]:
    """Return why known survivors change nothing, by the name of the change without its line."""
    with (HERE / "survivors.toml").open("rb") as file:
        return {entry["change"]: entry["reason"] for entry in tomllib.load(file)["survivor"]}


@click.command()
@click.option("--jobs", default=2, show_default=True, help="Changes to try at the same time.")
@click.option("--only", default="", help="Try only the changes whose name contains this text.")
@click.option("--resume", is_flag=True, help="Take over what the last outcome lists as killed.")
def main(jobs: int, only: str, resume: bool) -> None:
    """Try every change and write the outcome."""
    console = Console()
    known = killed_before() if resume else {}
    selected = [change for change in all_changes() if only in change.name]
    tried = [change for change in selected if change.name not in known]
    fates = [Fate(change, killed=True, by=known[change.name]) for change in selected if change.name in known]
    with Progress(console=console) as progress, ThreadPoolExecutor(jobs) as pool:
        task = progress.add_task("changes", total=len(tried))
        for fate in pool.map(fate_of, tried):
            fates.append(fate)
            progress.advance(task)
            if not fate.killed:
                console.print(f"survives: {fate.change.name}")
    survivors = [fate.change for fate in fates if not fate.killed]
    reasons = explained()
    unexplained = [change.name for change in survivors if key(change) not in reasons]
    killed = len(fates) - len(survivors)
    console.print(f"{killed} of {len(fates)} changes killed ({100 * killed / max(len(fates), 1):.1f} %)")
    console.print(f"{len(survivors)} survive, {len(unexplained)} of them without a reason")
    if not only:
        (HERE / "result.json").write_text(json.dumps(report(fates, reasons), indent=1) + "\n", encoding="utf-8")
    sys.exit(1 if unexplained else 0)


def key(change: Change) -> str:
    """Return the name under which a survivor's reason stands."""
    return f"{change.module}: {change.old} -> {change.new}"


def report(fates: list[Fate], reasons: dict[str, str]) -> dict[str, object]:
    """Return the outcome as plain data."""
    survivors = [fate.change for fate in fates if not fate.killed]
    return {
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "python": platform.python_version(),
        "z3": version("z3-solver"),
        "modules": list(MODULES),
        "changes": len(fates),
        "killed": len(fates) - len(survivors),
        "survivors": {change.name: reasons.get(key(change), "") for change in survivors},
        "killed_by": {fate.change.name: fate.by for fate in fates if fate.killed},
    }


if __name__ == "__main__":
    main()
