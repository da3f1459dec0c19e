"""Replays several traces and policies at once, each in a process of its own, and says how far they are."""

from __future__ import annotations

import contextlib
import ctypes
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.sharedctypes import RawArray
from typing import Any

from schedproof import Policy
from schedproof_gate.deployment.engines import named_policy
from schedproof_gate.errors import InputError
from schedproof_gate.own_policy import failure_in_own, spelling_of
from schedproof_gate.processes import INTERRUPTED, Lost, Processes, num_cores
from schedproof_gate.replay.measurements import Measurements
from schedproof_gate.replay.plan import ReplayPlan, Watch, replay_policy
from schedproof_gate.report.progress import PATIENCE_S, after, nothing

MOST_BARS = 20
"""How many replays are shown with a bar each; of more, the first."""


@dataclass(frozen=True, slots=True)
class Run:
    """A trace to replay under one policy."""

    plan: ReplayPlan
    policy: Policy
    num_requests: int


@dataclass(frozen=True, slots=True)
class Task:
    """The same for a process, with the policy by its name on the command line."""

    plan: ReplayPlan
    policy: str
    slot: int


class _Shared:
    """What a process shares with the one that started it."""

    num_done: Any


def share(num_done: Any) -> None:
    """Take in what is shared."""
    _Shared.num_done = num_done


def replay_in_process(task: Task) -> Measurements | InputError:
    """Replay a trace in a process that shares how far it is."""

    def progress(num_done: int) -> None:
        _Shared.num_done[task.slot] = num_done

    try:
        return replay_policy(task.plan, named_policy(task.policy), progress)
    except InputError as error:
        return error
    except Exception as error:
        raise failure_in_own(error) or error from None


def replay_all(runs: Sequence[Run], jobs: int | None) -> list[Measurements | InputError | Lost]:
    """Replay each, and return what it came to, in the given order; a single one in this process.

    Raises:
        InputError: a rule of a person's own raises.
    """
    if len(runs) == 1:
        return [replay_one(runs[0])]
    number = min(jobs or num_cores(), max(len(runs), 1))
    num_done = RawArray(ctypes.c_uint64, max(len(runs), 1))
    processes = Processes(replay_in_process, number, lambda task: task.slot, share, (num_done,))
    tasks = [Task(run.plan, spelling_of(run.policy), slot) for slot, run in enumerate(runs)]
    with shown_progress(runs) as show:

        def watch() -> None:
            for slot, count in enumerate(num_done):
                show(slot, count)

        return processes.results(tasks, nothing, watch)


def replay_one(run: Run, *watches: Watch) -> Measurements | InputError | Lost:
    """Replay one trace in this process."""
    with shown_progress([run]) as show:
        try:
            return replay_policy(run.plan, run.policy, lambda num_done: show(0, num_done), watches)
        except InputError as error:
            return error
        except KeyboardInterrupt:
            return INTERRUPTED


@contextlib.contextmanager
def shown_progress(runs: Sequence[Run]) -> Iterator[Callable[[int, int], None]]:
    """Show a bar for each run on a terminal, on the standard error, once they take long; elsewhere nothing."""
    if not sys.stderr.isatty():
        yield lambda slot, count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} requests"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    shown = Progress(*columns, console=Console(stderr=True), transient=True)
    has_several = len({run.plan.workload.source for run in runs}) > 1
    tasks = []
    for run in runs[:MOST_BARS]:
        name = f"{run.plan.workload.source}, {run.policy.name}" if has_several else run.policy.name
        tasks.append(shown.add_task(name, total=run.num_requests))

    def show(slot: int, count: int) -> None:
        if slot < len(tasks):
            shown.update(tasks[slot], completed=count)

    with after(PATIENCE_S, shown.start, shown.stop):
        yield show
