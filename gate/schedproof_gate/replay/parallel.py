"""Replays several policies at once, each in a process of its own, and says how far they are."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from contextlib import AbstractContextManager
from multiprocessing.sharedctypes import RawArray, RawValue
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from schedproof import Policy
from schedproof_gate.deployment.engines import named_policy
from schedproof_gate.own_policy import failure_in_own, spelling_of
from schedproof_gate.replay.measurements import Measurements
from schedproof_gate.replay.plan import ReplayPlan, Watch, replay_policy

POLL_S = 0.1


class StoppedError(Exception):
    """The replay is not wanted any more."""


class _Shared:
    """What a process shares with the one that started it."""

    num_done: Any
    stops: Any


def begin(num_done: Any, stops: Any) -> None:
    """Set up a process, which does not outlive the one that started it."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    threading.Thread(target=end_with_parent, daemon=True).start()
    _Shared.num_done, _Shared.stops = num_done, stops


def end_with_parent() -> None:
    """End this process when the one that started it has ended, however that came about."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def replay_in_process(plan: ReplayPlan, policy: str, slot: int) -> Measurements:
    """Replay one policy, by its name on the command line, in a process that `begin` set up.

    Raises:
        InputError: the trace cannot be read to its end, or a rule of one's own raises.
    """

    def progress(num_done: int) -> None:
        _Shared.num_done[slot] = num_done
        if _Shared.stops.value:
            raise StoppedError

    try:
        return replay_policy(plan, named_policy(policy), progress)
    except Exception as error:
        raise failure_in_own(error) or error from None


def replay_all(plan: ReplayPlan, policies: list[Policy], num_requests: int, jobs: int) -> list[Measurements]:
    """Replay each policy, and return what it came to, in the given order.

    Raises:
        InputError: the trace cannot be read to its end.
    """
    if not policies:
        return []
    context = multiprocessing.get_context("spawn")
    num_done, stops = RawArray(ctypes.c_uint64, len(policies)), RawValue(ctypes.c_bool, False)
    executor = ProcessPoolExecutor(jobs, context, begin, (num_done, stops))
    with shown_progress([policy.name for policy in policies], num_requests) as show:
        try:
            with interrupts_held():
                futures = [
                    executor.submit(replay_in_process, plan, spelling_of(policy), slot)
                    for slot, policy in enumerate(policies)
                ]
            running = set(futures)
            while running:
                done, running = wait(running, POLL_S, FIRST_EXCEPTION)
                for future in done:
                    future.result()
                for slot, count in enumerate(num_done):
                    show(slot, count)
            return [future.result() for future in futures]
        finally:
            stops.value = True
            executor.shutdown(cancel_futures=True)


INTERRUPTS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def interrupts_held() -> Iterator[None]:
    """Hold interrupts back until the end of the block; a process that is started in it never gets one.

    Raises:
        KeyboardInterrupt: at the end, when one came.
    """
    came: list[int] = []
    heeded = [number for number in INTERRUPTS if signal.getsignal(number) != signal.SIG_IGN]
    handlers = {number: signal.signal(number, lambda number, frame: came.append(number)) for number in heeded}
    # Processes inherit the mask. It does not hold this process's handlers back: they also run for other threads.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, heeded) if hasattr(signal, "pthread_sigmask") else None
    try:
        yield
    finally:
        if mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if came:
        raise KeyboardInterrupt


def replay_one(plan: ReplayPlan, policy: Policy, num_requests: int, *watches: Watch) -> Measurements:
    """Replay one policy in this process.

    Raises:
        InputError: the trace cannot be read to its end.
    """
    with shown_progress([policy.name], num_requests) as show:
        return replay_policy(plan, policy, lambda num_done: show(0, num_done), watches)


@contextlib.contextmanager
def shown_progress(names: list[str], num_requests: int) -> Iterator[Callable[[int, int], None]]:
    """Show a bar for each policy on a terminal, on the standard error; elsewhere nothing."""
    if not sys.stderr.isatty():
        yield lambda slot, count: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} requests"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    bars: AbstractContextManager[Progress] = Progress(*columns, console=Console(stderr=True), transient=True)
    with bars as shown:
        tasks = [shown.add_task(name, total=num_requests) for name in names]
        yield lambda slot, count: shown.update(tasks[slot], completed=count)
