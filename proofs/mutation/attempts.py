"""One attempt: the tests of a subject run against one change, in a process of its own."""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from proofs.mutation.generate import Change
from proofs.mutation.subjects import Subject

ROOT = Path(__file__).parent.parent.parent

PRELOADED = ("pytest", "hypothesis.stateful", "z3", "numpy", "click", "rich", "xdist.plugin", "tomllib")
"""What each run needs and no change touches: imported once, by the server from which the runs are forked."""

BROKEN_AT_IMPORT = "ImportError while loading conftest"
"""What pytest writes when the changed module cannot even be imported by what all tests share."""

FAILED = "FAILED "
NO_END = "NO END "
"""What stands before the test that killed a change."""

EXIT_NO_END = 77
"""How a process ends when too many tests have not ended."""

TIMES_AS_LONG, SECONDS_MORE = 5, 10
"""A test may take 5 times the processor time that it takes without a change, and 10 s more."""

MOST_SECONDS = 120
"""Processor time of a test of which it is not known how long it takes without a change."""

MOST_LEFT_OUT = 3
"""When this many tests have taken longer than they may, whatever their parameters, no test ends."""

PATIENCE = 10
"""If all other tests pass, those that were left out get this many times as long."""

TIMEOUT_SECONDS = 1800
"""How long all tests together may take, for those that wait and do not run."""

MEMORY_BYTES = 6 << 30
"""An endless loop may fill an endless list."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a change."""

    change: Change
    by: str
    """What killed it: the first test that failed or did not end, or what else went wrong; empty for a survivor."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Processor time of each test that ran."""
    left_out: Sequence[str] = ()
    """Tests that took too long, where no other failed."""
    remark: str = ""
    """What a person should see who wonders about a survivor: that pytest ended in an unknown way."""

    @property
    def killed(self) -> bool:
        """Return whether anything noticed the change."""
        return self.by != ""

    @property
    def failed_test(self) -> str:
        """Return the test that failed; empty when it was none."""
        return self.by.removeprefix(FAILED) if self.by.startswith(FAILED) else ""


def fate_of(change: Change, subject: Subject, order: Sequence[str], seconds: Mapping[str, float]) -> Fate:
    """Return what the tests make of a change, tried in this order, and given what they take without a change.

    A test that takes long is left out at first: another may fail sooner.
    """
    limits = {test: TIMES_AS_LONG * each + SECONDS_MORE for test, each in seconds.items()}
    fate = attempt(change, subject, {"order": list(order), "limits": limits, "most_left_out": MOST_LEFT_OUT})
    if fate.killed or not fate.left_out:
        return fate
    longer = {test: PATIENCE * limits.get(test, MOST_SECONDS) for test in fate.left_out}
    again = attempt(change, subject, {"order": list(fate.left_out), "limits": limits | longer, "most_left_out": 1})
    return replace(again, seconds=fate.seconds)


def attempt(change: Change, subject: Subject, how: dict[str, Any]) -> Fate:
    """Run the tests of a subject against a change once."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "source.py").write_text(change.source, encoding="utf-8")
        told = json.dumps({"module": change.module, "limit": MOST_SECONDS, **how})
        (folder / "attempt.json").write_text(told, encoding="utf-8")
        process = multiprocessing.get_context("forkserver").Process(target=run_tests, args=(folder, subject))
        process.start()
        process.join(TIMEOUT_SECONDS)
        if process.exitcode is None:
            process.kill()
            process.join()
            return Fate(change, by=f"no end within {TIMEOUT_SECONDS} s")
        return judged(change, process.exitcode, folder)


def run_tests(folder: Path, subject: Subject) -> None:
    """Run the tests on the source in a folder, and end the process as pytest ends."""
    os.chdir(ROOT)
    os.environ["SCHEDPROOF_ATTEMPT"] = str(folder)
    sys.dont_write_bytecode = True
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    with (folder / "output").open("w", encoding="utf-8") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    arguments = ["-p", "proofs.mutation.plugin", "-p", "no:cacheprovider", "-n", "0", "-x", "-q", "--tb=no"]
    arguments += ["-W", "ignore::pytest.PytestAssertRewriteWarning", "-k", subject.selected, *subject.tests]
    code = int(pytest.main(arguments))
    sys.stdout.flush()
    os._exit(code)


def judged(change: Change, code: int, folder: Path) -> Fate:
    """Return what became of a change, from how pytest ended and what it left in the folder."""
    output, known = text_in(folder / "output"), json.loads(text_in(folder / "outcome.json") or "{}")
    last, seconds, left_out = known.get("last", ""), known.get("seconds", {}), known.get("left_out", [])
    errors = [line.split(" - ")[0] for line in output.splitlines() if line.startswith((FAILED, "ERROR "))]
    if code == pytest.ExitCode.OK:
        return Fate(change, "", seconds, left_out)
    if code == pytest.ExitCode.TESTS_FAILED or (code == pytest.ExitCode.INTERRUPTED and errors):
        return Fate(change, errors[0] if errors else f"{FAILED}{last}", seconds)
    if code == EXIT_NO_END:
        return Fate(change, f"{NO_END}{left_out[0]}", seconds)
    if code == -signal.SIGPROF:
        return Fate(change, f"{NO_END}collection")
    if code == pytest.ExitCode.USAGE_ERROR and BROKEN_AT_IMPORT in output:
        return Fate(change, BROKEN_AT_IMPORT)
    return Fate(change, "", seconds, remark=f"pytest ended with {code} after {last}: {output[-2000:]}")


def text_in(path: Path) -> str:
    """Return what a run has written; empty when it did not come to it."""
    return path.read_text(encoding="utf-8") if path.exists() else ""
