"""Gives items to processes: one that dies loses the item that it was at, and an interrupt what is not done."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

ITEMS_PER_PROCESS = 3
"""Fewer are done sooner than a process has started and loaded the prover."""

POLL_S = 0.1

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Lost:
    """What stands for the result of an item that has none."""

    reason: str
    """Why it has none, for people."""
    is_interrupted: bool = False


DIED = Lost("the process that was at it ended, most often because memory ran out")
INTERRUPTED = Lost("the call was interrupted before", is_interrupted=True)


def number_of_processes(jobs: int | None, num_items: int) -> int:
    """Return how many processes to use: as many as are wanted or, by default, as many cores as pay off."""
    if jobs is not None:
        return max(1, min(jobs, num_items))
    return max(1, min(num_cores(), num_items // ITEMS_PER_PROCESS))


def num_cores() -> int:
    """Return how many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def done_here(
    function: Callable[[Item], Result], items: Sequence[Item], tell_done: Callable[[], None]
) -> list[Result | Lost]:
    """Return each item's result, in order; after an interrupt the others are lost."""
    results: list[Result | Lost] = []
    try:
        for item in items:
            results.append(function(item))
            tell_done()
    except KeyboardInterrupt:
        pass
    return results + [INTERRUPTED] * (len(items) - len(results))


@dataclass(frozen=True, slots=True)
class Processes(Generic[Item, Result]):
    """Processes that do what a function says, each set up by another."""

    function: Callable[[Item], Result]
    number: int
    kin: Callable[[Item], Hashable]
    """Items that share work go to one process as long as others have enough to do."""
    set_up: Callable[..., None] | None = None
    shared: tuple[Any, ...] = ()
    """What a process is set up with."""

    def results(
        self, items: Sequence[Item], tell_done: Callable[[], None], watch: Callable[[], None] | None = None
    ) -> list[Result | Lost]:
        """Return each item's result, in the order of the items; `watch` is called every now and then.

        Raises:
            Exception: what the function raises.
        """
        results: list[Result | Lost] = [INTERRUPTED] * len(items)
        waiting = Waiting([self.kin(item) for item in items])
        lanes = [Lane(self) for _ in range(self.number)]
        running: dict[Future[Result], tuple[Lane, int]] = {}
        try:
            while True:
                for lane in lanes:
                    if lane.is_idle and waiting:
                        index = waiting.next_for(lane)
                        running[lane.submit(items[index])] = lane, index
                if not running:
                    return results
                for future in wait(running, POLL_S, FIRST_COMPLETED).done:
                    lane, index = running.pop(future)
                    lane.is_idle = True
                    try:
                        results[index] = future.result()
                    except BrokenProcessPool:
                        results[index] = DIED
                        lane.renew()
                    tell_done()
                if watch is not None:
                    watch()
        except KeyboardInterrupt:
            for future, (_, index) in running.items():
                if future.done() and future.exception() is None:
                    results[index] = future.result()
            return results
        finally:
            end_all(lanes)


class Lane:
    """One process, which another one follows when it has died."""

    def __init__(self, processes: Processes[Any, Any]) -> None:
        self.processes = processes
        self.is_idle = True
        self.kin: Hashable = None
        self.renew()

    def renew(self) -> None:
        """Take another process for the items to come."""
        context = multiprocessing.get_context("spawn")
        arguments = (self.processes.set_up, self.processes.shared)
        self.executor = ProcessPoolExecutor(1, context, begin, arguments)

    def submit(self, item: Any) -> Future[Any]:
        """Give an item to the process."""
        self.is_idle = False
        with interrupts_held():
            return self.executor.submit(self.processes.function, item)


class Waiting:
    """Items that nobody is at, by their kin."""

    def __init__(self, kin: Sequence[Hashable]) -> None:
        self.by_kin: dict[Hashable, deque[int]] = {}
        for index, name in enumerate(kin):
            self.by_kin.setdefault(name, deque()).append(index)
        self.taken: set[Hashable] = set()
        """Kin of which somebody has begun."""

    def __bool__(self) -> bool:
        return bool(self.by_kin)

    def next_for(self, lane: Lane) -> int:
        """Return the next item for a process: of the kin that it knows, else of one that nobody does."""
        if lane.kin not in self.by_kin:
            fresh = [name for name in self.by_kin if name not in self.taken]
            lane.kin = fresh[0] if fresh else max(self.by_kin, key=lambda name: len(self.by_kin[name]))
        self.taken.add(lane.kin)
        index = self.by_kin[lane.kin].popleft()
        if not self.by_kin[lane.kin]:
            del self.by_kin[lane.kin]
        return index


def end_all(lanes: list[Lane]) -> None:
    """End the processes, whatever they are at, and wait until they have ended.

    Python would otherwise end beside the threads that watch them, which then complain on the standard error.
    """
    with contextlib.suppress(KeyboardInterrupt), interrupts_held():
        if not all(lane.is_idle for lane in lanes):
            for child in multiprocessing.active_children():
                child.terminate()
        for lane in lanes:
            lane.executor.shutdown(wait=True, cancel_futures=True)


def begin(set_up: Callable[..., None] | None, shared: tuple[Any, ...]) -> None:
    """Set up a process, which does not outlive the one that started it."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    threading.Thread(target=end_with_parent, daemon=True).start()
    if set_up is not None:
        set_up(*shared)


def end_with_parent() -> None:
    """End this process when the one that started it has ended, however that came about."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


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


@contextlib.contextmanager
def interrupted_when_terminated() -> Iterator[None]:
    """Take a request to terminate as an interrupt."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
