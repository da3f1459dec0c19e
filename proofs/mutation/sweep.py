"""Runs the proofs once for every change of the reference; a change that they accept survives.

    python -m proofs.mutation.sweep rules        the rules of a step, by the proofs alone
    python -m proofs.mutation.sweep scheduler    the order of a step, by proofs and random runs
    python -m proofs.mutation.sweep engine       the engine over many steps, by proofs and random runs

No other test runs. The outcome is in `rules_result.json`, `scheduler_result.json` and `engine_result.json`.
Survivors must stand in `survivors.toml`, each with the reason why it changes nothing that could be seen.
"""

from __future__ import annotations

import datetime
import functools
import importlib.util
import json
import multiprocessing
import os
import platform
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import click
import pytest
from proofs.mutation.generate import Change, changes
from rich.console import Console
from rich.progress import Progress

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


PRELOADED = ("pytest", "hypothesis.stateful", "z3", "numpy", "click", "rich")
"""What each run needs and no change touches: imported once, by the server from which the runs are forked."""

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
            "engines.fastdeploy.rules.budget",
            "engines.fastdeploy.rules.chunk",
            "engines.fastdeploy.config",
            "engines.fastdeploy.speculation",
            "engines.fastdeploy.reference_policy",
            "engines.fastdeploy.rules.capacity",
            "engines.fastdeploy.rules.blocks",
            "engines.fastdeploy.ledger",
            "engines.fastdeploy.startup",
        ),
        tests=(
            "proofs/test_source_under_proof.py",
            "proofs/test_configuration.py",
            "proofs/test_rules_of_configurations.py",
            "proofs/test_rules_of_requests.py",
            "proofs/test_ledger.py",
            "proofs/test_invariants.py",
            "proofs/test_claims_about_rules.py",
            "proofs/test_claims.py",
            "proofs/test_run_invariants.py",
        ),
        selected=WITHOUT_NAMED_MUTANTS,
        outcome="rules_result.json",
    ),
    "scheduler": Subject(
        modules=("request", "engines.fastdeploy.loop"),
        tests=(
            "proofs/test_source_under_proof.py",
            "proofs/test_configuration.py",
            "proofs/test_ledger.py",
            "proofs/test_rules_of_configurations.py",
            "proofs/test_rules_of_requests.py",
            "proofs/test_invariants.py",
            "proofs/test_run_invariants.py",
            "proofs/test_short_runs.py",
            "tests/property/test_engine.py",
        ),
        selected=f"{WITHOUT_NAMED_MUTANTS} and not test_upstream_is_decided",
        outcome="scheduler_result.json",
    ),
    "engine": Subject(
        modules=(
            "engines.fastdeploy.rules.launch_forecast",
            "engines.fastdeploy.life.request_events",
            "engines.fastdeploy.life.places",
            "kv.free_list",
            "kv.pool",
            "kv.prefix_cache",
            "engines.fastdeploy.rules.output_reserve",
            "engines.fastdeploy.life.job",
            "engines.fastdeploy.rules.transfers",
            "engines.fastdeploy.life.engine",
        ),
        tests=(
            "proofs/test_source_under_proof.py",
            "proofs/test_refusals.py",
            "proofs/test_room_to_finish.py",
            "proofs/test_request_counts.py",
            "proofs/test_reserve_decays.py",
            "proofs/test_run_invariants.py",
            "proofs/test_short_runs.py",
            "tests/property/test_engine_pair.py",
            "tests/property/test_engine.py",
        ),
        selected=f"{WITHOUT_NAMED_MUTANTS} and not test_upstream_is_decided and not budget",
        outcome="engine_result.json",
    ),
}

BROKEN_AT_IMPORT = "ImportError while loading conftest"
"""What pytest writes when the changed module cannot even be imported by what all tests share."""

FAILED = (1, 2)
"""How pytest ends when a test fails, or cannot even be collected; anything else says nothing about a change."""

TIMEOUT_SECONDS = 300


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
    """Return the source file of a module of the reference, without importing it."""
    spec = importlib.util.find_spec("schedproof")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / f"{name.replace('.', '/')}.py"


def run_tests(change: Change, subject: Subject, source: str, output: str) -> None:
    """Run the proofs against a change, in a process of its own, and end that as pytest ends."""
    os.chdir(ROOT)
    os.environ["SCHEDPROOF_CHANGED_MODULE"] = change.module
    os.environ["SCHEDPROOF_CHANGED_SOURCE"] = source
    sys.dont_write_bytecode = True
    with open(output, "w", encoding="utf-8") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    arguments = ["-p", "proofs.mutation.plugin", "-p", "no:cacheprovider", "-n", "0", "-x", "-q", "--tb=no"]
    arguments += ["-W", "ignore::pytest.PytestAssertRewriteWarning", "-k", subject.selected, *subject.tests]
    code = int(pytest.main(arguments))
    sys.stdout.flush()
    os._exit(code)


def fate_of(change: Change, subject: Subject) -> Fate:
    """Return what the proofs make of a change."""
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder, "source.py"), Path(folder, "output")
        source.write_text(change.source, encoding="utf-8")
        process = multiprocessing.get_context("forkserver").Process(
            target=run_tests, args=(change, subject, str(source), str(output))
        )
        process.start()
        process.join(TIMEOUT_SECONDS)
        if process.exitcode is None:
            process.kill()
            process.join()
            return Fate(change, killed=True, by=f"no end within {TIMEOUT_SECONDS} s")
        written = output.read_text(encoding="utf-8") if output.exists() else ""
    if process.exitcode == pytest.ExitCode.USAGE_ERROR and BROKEN_AT_IMPORT in written:
        return Fate(change, killed=True, by=BROKEN_AT_IMPORT)
    if process.exitcode not in (0, *FAILED):
        raise click.ClickException(f"{change.name}: pytest ended with {process.exitcode}\n{written}")
    failed = [line for line in written.splitlines() if line.startswith(("FAILED", "ERROR"))]
    by = failed[0].split(" - ")[0] if failed else f"exit {process.exitcode}"
    return Fate(change, killed=process.exitcode != 0, by=by if process.exitcode else "")


def unchanged(name: str) -> Change:
    """Return the change that changes nothing."""
    path = module_path(name)
    source = path.read_text(encoding="utf-8")
    return Change(module=f"schedproof.{name}", line=0, column=0, place="", old="", new="", source=source)


def refuse_failing_tests(change: Change, subject: Subject) -> None:
    """Stop when the tests fail without any change: then their failures say nothing."""
    fate = fate_of(change, subject)
    if fate.killed:
        raise click.ClickException(f"the tests fail without a change: {fate.by}")


def explained() -> dict[str, str]:
    """Return why known survivors change nothing, by their lasting names."""
    with (HERE / "survivors.toml").open("rb") as file:
        return {entry["change"]: entry["reason"] for entry in tomllib.load(file)["survivor"]}


def report(fates: Sequence[Fate], reasons: Mapping[str, str]) -> dict[str, object]:
    """Return what became of a module's changes, as plain data."""
    survivors = [fate.change for fate in fates if not fate.killed]
    return {
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "python": platform.python_version(),
        "z3": version("z3-solver"),
        "num_changes": len(fates),
        "num_killed": len(fates) - len(survivors),
        "survivors": {change.lasting_name: reasons.get(change.lasting_name, "") for change in survivors},
        "killed_by": {fate.change.name: fate.by for fate in fates if fate.killed},
    }


def write_report(path: Path, module: str, outcome: dict[str, object], modules: Sequence[str]) -> None:
    """Put a module's outcome in the place of its last one; modules that are no longer tried leave."""
    written = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    written[module] = outcome
    ordered = {name: written[name] for name in modules if name in written}
    path.write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")


@click.command()
@click.argument("subject", type=click.Choice(tuple(SUBJECTS)))
@click.option("--jobs", default=2, show_default=True, help="Changes to try at the same time.")
@click.option("--only", multiple=True, metavar="MODULE", help="Try this module; may be given again.")
def main(subject: str, jobs: int, only: tuple[str, ...]) -> None:
    """Try every change; the outcome is written after each module."""
    chosen = SUBJECTS[subject]
    if not set(only) <= set(chosen.modules):
        raise click.UsageError(f"--only: expected one of {', '.join(chosen.modules)}")
    console = Console()
    reasons = explained()
    multiprocessing.get_context("forkserver").set_forkserver_preload(list(PRELOADED))
    refuse_failing_tests(unchanged(chosen.modules[0]), chosen)
    fates: list[Fate] = []
    for name in only or chosen.modules:
        tried = list(changes_of(name))
        with Progress(console=console) as progress, ThreadPoolExecutor(jobs) as pool:
            fates_in_turn = pool.map(functools.partial(fate_of, subject=chosen), tried)
            shown = progress.track(fates_in_turn, total=len(tried), description=name)
            found = [announced(fate, console) for fate in shown]
        write_report(HERE / chosen.outcome, name, report(found, reasons), chosen.modules)
        fates += found
    unexplained = [fate for fate in fates if not fate.killed and fate.change.lasting_name not in reasons]
    num_killed = sum(fate.killed for fate in fates)
    console.print(f"{num_killed} of {len(fates)} changes killed ({100 * num_killed / len(fates):.1f} %)")
    console.print(f"{len(fates) - num_killed} survive, {len(unexplained)} of them without a reason")
    sys.exit(1 if unexplained else 0)


def announced(fate: Fate, console: Console) -> Fate:
    """Print a survivor when it is found."""
    if not fate.killed:
        console.print(f"survives: {fate.change.lasting_name}")
    return fate


if __name__ == "__main__":
    main()
