"""Runs the proofs once for every change of the reference; a change that they accept survives.

    python -m proofs.mutation.sweep rules        the rules of a step, by the proofs alone
    python -m proofs.mutation.sweep scheduler    the order of a step, by proofs and random runs
    python -m proofs.mutation.sweep engine       the engine over many steps, by proofs and random runs

No other test runs. The outcome is in `rules_result.json`, `scheduler_result.json` and `engine_result.json`; it is
written after each module, and ``--stale`` goes on where a sweep was stopped. Survivors must stand in
`survivors.toml`, each with the reason why it survives. A reason that begins with "Equivalent:" or "A short cut:"
says that nothing could tell the change from the code: these do not count in the percentage.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import click
from proofs.mutation.attempts import FAILED, PRELOADED, Fate, fate_of
from proofs.mutation.order import Order
from proofs.mutation.record import (
    Outcome,
    explained,
    is_of_this_code,
    killers_in,
    percent_killed,
    record,
    recorded,
    report,
    with_reasons,
)
from proofs.mutation.sources import changes_of, unchanged
from proofs.mutation.subjects import SUBJECTS, Subject
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

LINES_EVERY = 50
"""After how many changes a line says how far the sweep is, where no bar can be drawn."""

COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    MofNCompleteColumn(),
    TimeElapsedColumn(),
    TimeRemainingColumn(),
)


def seconds_without_a_change(subject: Subject) -> Mapping[str, float]:
    """Return how long each test takes; stop when one fails without a change: then its failures say nothing."""
    fate = fate_of(unchanged(subject.modules[0]), subject, order=(), seconds={})
    if fate.killed or fate.remark:
        raise click.ClickException(f"the tests fail without a change: {fate.by or fate.remark}")
    return fate.seconds


def tried(name: str, subject: Subject, seconds: Mapping[str, float], jobs: int, console: Console) -> list[Fate]:
    """Return what becomes of every change of a module; survivors are printed when they are found."""
    changes = list(changes_of(name))
    killers = killers_in(recorded(subject).get(name, {"killed_by": {}}))
    failed = {change: by.removeprefix(FAILED) for change, by in killers if by.startswith(FAILED)}
    order = Order(seconds, failed)
    fates: list[Fate] = []
    with Progress(*COLUMNS, console=console) as progress, ThreadPoolExecutor(jobs) as pool:
        task = progress.add_task(name, total=len(changes))
        attempts = [
            pool.submit(lambda each=each: fate_of(each, subject, order.for_change(each.lasting_name), seconds))
            for each in changes
        ]
        for attempt in attempts:
            fate = attempt.result()
            fates.append(fate)
            order.note(fate.failed_test, fate.seconds)
            progress.advance(task)
            if not fate.killed:
                say(console, f"survives: {fate.change.lasting_name} {fate.remark}".rstrip())
            if not console.is_terminal and len(fates) % LINES_EVERY == 0:
                say(console, f"{name}: {len(fates)} of {len(changes)}")
    return fates


def say(console: Console, line: str) -> None:
    """Print a line as it stands."""
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def summary(outcomes: Sequence[Outcome]) -> str:
    """Return in one line how much was killed."""
    counts = ("num_killed", "num_changes", "num_equivalent")
    num_killed, num_changes, num_equivalent = (sum(each[count] for each in outcomes) for count in counts)
    percent = percent_killed(num_killed, num_changes, num_equivalent)
    return (
        f"{num_killed} of {num_changes} changes killed, {num_equivalent} equivalent: "
        f"{percent:.2f} % of those that are not"
    )


@click.command()
@click.argument("subject", type=click.Choice(tuple(SUBJECTS)))
@click.option(
    "--jobs",
    type=int,
    default=lambda: len(os.sched_getaffinity(0)),
    help="Changes to try at the same time; one a core.",
)
@click.option("--only", multiple=True, metavar="MODULE", help="Try this module; may be given again.")
@click.option("--stale", is_flag=True, help="Leave out modules whose recorded outcome is about the code as it is.")
@click.option("--reasons", "only_reasons", is_flag=True, help="Try nothing; read the reasons of survivors anew.")
def main(subject: str, jobs: int, only: tuple[str, ...], stale: bool, only_reasons: bool) -> None:
    """Try every change; the outcome is written after each module."""
    chosen = SUBJECTS[subject]
    if not set(only) <= set(chosen.modules):
        raise click.UsageError(f"--only: expected one of {', '.join(chosen.modules)}")
    console = Console()
    reasons = explained()
    record(chosen, {name: with_reasons(outcome, reasons) for name, outcome in recorded(chosen).items()})
    names = [] if only_reasons else list(only or chosen.modules)
    if stale:
        known = recorded(chosen)
        names = [name for name in names if name not in known or not is_of_this_code(known[name], name)]
    if names:
        multiprocessing.get_context("forkserver").set_forkserver_preload(list(PRELOADED))
        seconds = seconds_without_a_change(chosen)
        say(console, f"without a change: {len(seconds)} tests, {sum(seconds.values()):.0f} s of processor time")
    for name in names:
        start = time.monotonic()
        fates = tried(name, chosen, seconds, jobs, console)
        outcome = report(name, fates, reasons)
        record(chosen, {name: outcome})
        spent = sum(sum(fate.seconds.values()) for fate in fates)
        took = f"{time.monotonic() - start:.0f} s, and {spent:.0f} s of processor time in tests"
        say(console, f"{name}: {summary([outcome])}; {took}")
    conclude(chosen, reasons, console)


def conclude(subject: Subject, reasons: Mapping[str, str], console: Console) -> None:
    """Print what is recorded of a subject, and what is left to explain."""
    found = recorded(subject)
    survivors = {name for outcome in found.values() for name in outcome["survivors"]}
    prefixes = tuple(f"schedproof.{name}: " for name in subject.modules)
    left_over = [name for name in reasons if name.startswith(prefixes) and name not in survivors]
    for name in sorted(survivors - reasons.keys()):
        say(console, f"without a reason: {name}")
    for name in left_over:
        say(console, f"a reason, but no survivor: {name}")
    say(console, summary(list(found.values())))
    sys.exit(1 if survivors - reasons.keys() or left_over else 0)


if __name__ == "__main__":
    main()
