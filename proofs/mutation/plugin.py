"""A pytest plugin that imports one module of the reference from a changed source.

`SCHEDPROOF_ATTEMPT` is a folder with the changed `source.py` and an `attempt.json`: which module it is, in which
order the tests run, and the processor time that each may take. A test that takes more is left out, because to be
slow is not to fail, and with it all other parameters of the same test; after too many of them the process ends.
`outcome.json` says which test came last, how long each took, and which were left out. A random run that fails is
not made shorter: that it fails is all that counts.
"""

from __future__ import annotations

import importlib.util
import json
import linecache
import os
import signal
import sys
import time
from collections.abc import Iterator
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType

import pytest
from hypothesis import Phase, settings
from proofs.mutation.attempts import EXIT_NO_END

FOLDER = Path(os.environ["SCHEDPROOF_ATTEMPT"])
ATTEMPT = json.loads((FOLDER / "attempt.json").read_text(encoding="utf-8"))
MODULE: str = ATTEMPT["module"]
SOURCE = (FOLDER / "source.py").read_text(encoding="utf-8")

SECONDS_TO_COLLECT = 60
"""A loop that is endless while tests are collected ends the process with SIGPROF."""

SECONDS_BETWEEN = 5
"""After how long a test is stopped again that has caught what was to stop it."""

outcome: dict = {"last": "", "seconds": {}, "left_out": []}


class NoEndError(BaseException):
    """A test takes too long."""


class ChangedLoader(SourceFileLoader):
    """Compiles the changed source in place of the file's."""

    def get_code(self, fullname: str) -> CodeType:
        linecache.cache[self.path] = (len(SOURCE), None, SOURCE.splitlines(keepends=True), self.path)
        return compile(SOURCE, self.path, "exec", dont_inherit=True)


class ChangedFinder(MetaPathFinder):
    """Finds the changed module before anything else does."""

    def find_spec(self, fullname: str, path: object, target: object = None) -> ModuleSpec | None:
        if fullname != MODULE:
            return None
        found = PathFinder.find_spec(fullname, path)  # type: ignore[arg-type]
        if found is None or found.origin is None:
            return None
        return importlib.util.spec_from_loader(fullname, ChangedLoader(fullname, found.origin))


if MODULE in sys.modules:
    raise RuntimeError(f"{MODULE} was imported before it could be changed")
sys.meta_path.insert(0, ChangedFinder())
signal.setitimer(signal.ITIMER_PROF, SECONDS_TO_COLLECT)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests in order, and leave out shrinking, whatever profile they chose while they were collected."""
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.signal(signal.SIGPROF, stop)
    position = {test: index for index, test in enumerate(ATTEMPT["order"])}
    items.sort(key=lambda item: position.get(item.nodeid, len(position)))
    phases = [Phase.explicit, Phase.generate]
    settings.register_profile("sweep", settings.get_profile("ci"), phases=phases)
    settings.load_profile("sweep")


def stop(*_: object) -> None:
    """Stop the test that runs."""
    raise NoEndError


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Note how long a test takes, and leave it out when that is too long."""
    if function_of(item.nodeid) in map(function_of, outcome["left_out"]):
        outcome["left_out"].append(item.nodeid)
        pytest.skip("no end with other parameters")
    outcome["last"] = item.nodeid
    start = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, ATTEMPT["limits"].get(item.nodeid, ATTEMPT["limit"]), SECONDS_BETWEEN)
    try:
        return (yield)
    except NoEndError:
        outcome["left_out"].append(item.nodeid)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        outcome["seconds"][item.nodeid] = time.process_time() - start
    if len(set(map(function_of, outcome["left_out"]))) >= ATTEMPT["most_left_out"]:
        pytest_sessionfinish()
        os._exit(EXIT_NO_END)
    pytest.skip("no end")


def function_of(test: str) -> str:
    """Return a test without its parameters."""
    return test.split("[")[0]


def pytest_sessionfinish() -> None:
    """Write what is known of the tests."""
    (FOLDER / "outcome.json").write_text(json.dumps(outcome), encoding="utf-8")
