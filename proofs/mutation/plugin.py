"""A pytest plugin that imports one module of the reference from a changed source.

`SCHEDPROOF_CHANGED_MODULE` names the module, `SCHEDPROOF_CHANGED_SOURCE` the file with its source. A random run
that fails is not made shorter: that it fails is all that counts.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType

from hypothesis import Phase, settings

MODULE = os.environ["SCHEDPROOF_CHANGED_MODULE"]
SOURCE = Path(os.environ["SCHEDPROOF_CHANGED_SOURCE"]).read_text(encoding="utf-8")


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


def pytest_collection_modifyitems() -> None:
    """Leave out shrinking, whatever profile the tests have chosen while they were collected."""
    phases = [Phase.explicit, Phase.generate]
    settings.register_profile("sweep", settings.get_profile("ci"), phases=phases)
    settings.load_profile("sweep")
