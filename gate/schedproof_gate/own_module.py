"""Imports a module that a person names on the command line, by its name or its file."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import pkgutil
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from schedproof_gate.deployment.given import Origin
from schedproof_gate.errors import InputError, quoted, shown
from schedproof_gate.from_here import from_here
from schedproof_gate.misspellings import closest

_modules: dict[str, ModuleType] = {}


def import_own(name: str, origin: Origin) -> ModuleType:
    """Run and return a module: a file, or a name as `python -m` finds it from the current folder.

    Raises:
        InputError: there is none, or it raises.
    """
    is_file = name.endswith(".py") or "/" in name or os.sep in name
    key = os.path.abspath(name) if is_file else name
    if key not in _modules:
        _modules[key] = from_file(Path(key), name, origin) if is_file else from_name(name, origin)
    return _modules[key]


def own_files() -> frozenset[Path]:
    """Return the files of the modules that were imported for a person."""
    return frozenset(Path(module.__file__) for module in _modules.values() if module.__file__ is not None)


def from_file(path: Path, given: str, origin: Origin) -> ModuleType:
    """Run a file as a module; what stands beside it can be imported by it."""
    if not path.is_file():
        beside = sorted(each.name for each in path.parent.glob("*.py")) if path.parent.is_dir() else []
        near = closest(path.name, beside, similarity=0.5)
        advice = f"did you mean {Path(given).with_name(near)}?" if near else "check the path"
        raise origin.error(f"there is no file {quoted(given)}", advice)
    spec = importlib.util.spec_from_file_location(f"own_{len(_modules)}_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise origin.error(f"{quoted(given)} is not a Python file", "name a file that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    with first_on_path(path.parent), quietly(), refused_in_words(given, origin, given):
        spec.loader.exec_module(module)
    return module


def from_name(name: str, origin: Origin) -> ModuleType:
    """Import a module by its name."""
    if not all(part.isidentifier() for part in name.split(".")):
        raise origin.error(
            f"{quoted(name)} is not the name of a module", "write package.module:Class or path/to/file.py:Class"
        )
    with first_on_path(Path.cwd()), quietly(), refused_in_words(name, origin, ""):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                raise
            near = closest(error.name, names_beside(error.name), similarity=0.5)
            advice = f"did you mean {near}{name[len(error.name) :]}?" if near else "give the path of its file"
            raise origin.error(f"there is no module {quoted(error.name)}", advice) from None


def names_beside(name: str) -> list[str]:
    """Return the modules in the package where a module is looked for, or in the current folder."""
    package, dot, _ = name.rpartition(".")
    where = list(getattr(sys.modules.get(package), "__path__", ())) if package else [os.getcwd()]
    return [f"{package}{dot}{each.name}" for each in pkgutil.iter_modules(where)]


@contextlib.contextmanager
def first_on_path(folder: Path) -> Iterator[None]:
    """Look for modules in a folder first, until the end of the block."""
    before = list(sys.path)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path[:] = before


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Let a person's module print beside the report rather than into it."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


@contextlib.contextmanager
def refused_in_words(name: str, origin: Origin, file: str) -> Iterator[None]:
    """Turn whatever a module raises while it is imported into one sentence, with the line of the module's own file.

    Raises:
        InputError: it raises.
    """
    try:
        yield
    except InputError:
        raise
    except (Exception, SystemExit) as error:
        place = place_in_own(error, file)
        message = shown(str(error.msg if isinstance(error, SyntaxError) else error).strip().partition("\n")[0])
        problem = f"cannot be imported: {type(error).__name__}" + (f": {message}" if message else "")
        advice = "mend the module, then ask again"
        if place is None:
            raise origin.error(f"{quoted(name)} {problem}", advice) from None
        raise InputError(problem, source=place[0], line=place[1], advice=advice) from None


def place_in_own(error: BaseException, file: str) -> tuple[str, int | None] | None:
    """Return the file and line at which an import fails, in the module's own file where it gets there."""
    if isinstance(error, SyntaxError) and error.filename:
        return as_given(error.filename, file), error.lineno
    frames = [
        each
        for each in traceback.extract_tb(error.__traceback__)
        if each.filename != __file__ and not each.filename.startswith("<") and "importlib" not in each.filename
    ]
    own = [each for each in frames if file and os.path.abspath(each.filename) == os.path.abspath(file)] or frames
    return (as_given(own[-1].filename, file), own[-1].lineno) if own else None


def as_given(filename: str, file: str) -> str:
    """Return a file as the person wrote it, or relative to where they are."""
    if file and os.path.abspath(filename) == os.path.abspath(file):
        return file
    return str(from_here(Path(filename)))
