"""Work in processes is in order whatever their number; a death or an interrupt loses no more than it was at."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from schedproof_gate.processes import (
    DIED,
    INTERRUPTED,
    ITEMS_PER_PROCESS,
    Lane,
    Lost,
    Processes,
    Waiting,
    done_here,
    interrupted_when_terminated,
    num_cores,
    number_of_processes,
)


def slow_square(number: int) -> int:
    time.sleep(0.05 * (4 - number))
    return number * number


def square_or_die(number: int) -> int:
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def raise_on_two(number: int) -> int:
    if number == 2:
        raise ValueError("two")
    return number


def wait_for_ever(file: Path) -> str:
    if file.name == "slow":
        file.touch()
        time.sleep(600)
    return file.name


def process_of(number: int) -> int:
    time.sleep(0.2)
    return os.getpid()


def test_results_come_in_the_order_of_the_items() -> None:
    told: list[int] = []
    for number in (1, 2):
        found = Processes(slow_square, number, lambda item: item).results([1, 2, 3], lambda: told.append(1))
        assert found == [1, 4, 9]
    assert len(told) == 6
    assert Processes(slow_square, 2, lambda item: item).results([], lambda: None) == []


def test_a_process_that_dies_loses_its_own_item() -> None:
    assert Processes(square_or_die, 1, lambda item: item).results([0, 1, 2, 3], lambda: None) == [0, DIED, 4, 9]


def test_what_the_function_raises_is_raised() -> None:
    with pytest.raises(ValueError, match="two"):
        Processes(raise_on_two, 1, lambda item: item).results([1, 2, 3], lambda: None)


def test_an_interrupt_keeps_what_is_done_and_ends_the_processes(tmp_path: Path) -> None:
    slow = tmp_path / "slow"

    def interrupt() -> None:
        while not slow.exists():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=interrupt, daemon=True).start()
    files = [tmp_path / "quick", slow, tmp_path / "never"]
    with interrupted_when_terminated():
        found = Processes(wait_for_ever, 1, lambda item: item).results(files, lambda: None)
    assert found == ["quick", INTERRUPTED, INTERRUPTED]


def test_an_interrupt_in_this_process_keeps_what_is_done() -> None:
    def stop_at_three(number: int) -> int:
        if number == 3:
            raise KeyboardInterrupt
        return number

    assert done_here(stop_at_three, [1, 2, 3, 4], lambda: None) == [1, 2, INTERRUPTED, INTERRUPTED]
    assert isinstance(INTERRUPTED, Lost) and INTERRUPTED.is_interrupted and not DIED.is_interrupted


def test_kin_go_to_one_process_while_there_are_others() -> None:
    first, second, third, fourth = Processes(process_of, 2, lambda item: item % 2).results(
        [0, 1, 2, 3], lambda: None
    )
    assert first == third != second == fourth
    waiting = Waiting(["a", "a", "a", "b"])
    processes = Processes(slow_square, 2, lambda item: item)
    one, two = Lane(processes), Lane(processes)
    assert [waiting.next_for(lane) for lane in (one, two, two, one)] == [0, 3, 1, 2]
    assert not waiting


def test_few_items_need_no_process_of_their_own() -> None:
    assert number_of_processes(None, ITEMS_PER_PROCESS) == 1
    assert number_of_processes(None, 1000 * ITEMS_PER_PROCESS) == num_cores()
    assert number_of_processes(3, 2) == 2
    assert number_of_processes(3, 0) == 1
