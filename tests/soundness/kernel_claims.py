"""What is decided of a small kernel: its accesses, and then whether two of its threads meet."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from schedproof_spec.gpu.memory import INT64, Log
from schedproof_spec.gpu.races import no_races
from schedproof_spec.gpu.thread import Thread
from schedproof_spec.prover.context import Context
from schedproof_spec.prover.prove import prove
from schedproof_spec.prover.verdict import Outcome, Status

Kernel = Callable[..., None]
HERE = "# here"
"""Marks the line that a refusal has to name."""

BLOCK = 64


def decide(kernel: Kernel) -> Outcome:
    """Decide a kernel of integers, data, a table, two outputs and a size, in up to 100 blocks of 64 threads."""
    log = Log()

    def launched(ctx: Context) -> None:
        thread = Thread(ctx, log)
        n = thread.size("n", 1, 1000)
        thread.launch(
            kernel,
            thread.array("values", (n,)),
            thread.array("data", (n,), None),
            thread.array("table", (n, BLOCK), INT64),
            thread.array("out", (n,)),
            thread.array("wide", (n, BLOCK), INT64),
            n,
            grid=(thread.size("blocks", 1, 100),),
            block=BLOCK,
        )

    found = prove(launched)
    return prove(no_races(log)) if found.status is Status.HELD and log.written() else found


def assert_kernel_refused(kernel: Kernel, words: str) -> None:
    """Assert that a kernel is not decided, and that the reason names the construct and the line that is marked."""
    found = decide(kernel)
    assert found.status is Status.UNDECIDED, found
    for word in words.split(" ... "):
        assert word in found.reason
    assert place_of(kernel) in found.reason


def place_of(kernel: Kernel) -> str:
    """Return the marked line of a kernel, or of the helper of its name with `_helper` behind it."""
    helper = kernel.__globals__.get(f"{kernel.__name__}_helper")
    for function in (kernel, helper):
        if function is not None:
            lines, first = inspect.getsourcelines(function)
            for line, text in enumerate(lines, first):
                if HERE in text:
                    return f"{Path(inspect.getfile(function)).name}, line {line}, in {function.__name__}: "
    raise ValueError(f"{kernel.__name__} has no line that is marked")


class Kernels:
    """Notes the kernels of a test file, each with what is expected of it."""

    def __init__(self) -> None:
        self.expected: list[tuple[Kernel, str]] = []

    def __call__(self, words: str) -> Callable[[Kernel], Kernel]:
        """Note a kernel with what its verdict says."""

        def note(kernel: Kernel) -> Kernel:
            self.expected.append((kernel, words))
            return kernel

        return note


def names(case: Any) -> str:
    """Return how the test of a kernel is called."""
    return case.__name__ if callable(case) else ""
