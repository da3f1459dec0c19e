"""A pytest plugin that imports one module of the reference from a changed source.

`SCHEDPROOF_ATTEMPT` is a folder with the changed `source.py` and an `attempt.json`: which module it is, in which
order the tests run, and the processor time that each may take; a test that takes more ends the process. The plugin
writes there which test it has come to, and in the end how long each took. A random run that fails is not made
shorter: that it fails is all that counts.
"""

from __future__ import annotations

import importlib.util
import json
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

FOLDER = Path(os.environ["SCHEDPROOF_ATTEMPT"])
ATTEMPT = json.loads((FOLDER / "attempt.json").read_text(encoding="utf-8"))
MODULE: str = ATTEMPT["module"]
SOURCE = (FOLDER / "source.py").read_text(encoding="utf-8")

seconds: dict[str, float] = {}


class ChangedLoader(SourceFileLoader):
    """Compiles the changed source in place of the file's."""

    def get_code(self, fullname: str) -> CodeType:
        return compile(SOURCE, self.path, "exec")


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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests in order, and leave out shrinking, whatever profile they chose while they were collected."""
    position = {test: index for index, test in enumerate(ATTEMPT["order"])}
    items.sort(key=lambda item: position.get(item.nodeid, len(position)))
    phases = [Phase.explicit, Phase.generate]
    settings.register_profile("sweep", settings.get_profile("ci"), phases=phases)
    settings.load_profile("sweep")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Note which test runs, and end the process when it takes too long."""
    (FOLDER / "running").write_text(item.nodeid, encoding="utf-8")
    signal.setitimer(signal.ITIMER_PROF, ATTEMPT["limits"].get(item.nodeid, ATTEMPT["limit"]))
    start = time.process_time()
    result = yield
    signal.setitimer(signal.ITIMER_PROF, 0)
    seconds[item.nodeid] = time.process_time() - start
    return result


def pytest_sessionfinish() -> None:
    """Write how long the tests took."""
    (FOLDER / "seconds.json").write_text(json.dumps(seconds), encoding="utf-8")
