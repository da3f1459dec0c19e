"""Load FastDeploy's scheduler from a source tree, on a machine without Paddle or an accelerator.

Only the modules in `REAL` are FastDeploy's own. Every other module that they import is a stand-in that accepts
any use and decides nothing; what the scheduler asks of a stand-in is listed in `stand_ins`.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, NoReturn

import numpy as np

SCHEDULER = "fastdeploy.engine.sched.resource_manager_v1"
REAL = (
    SCHEDULER,
    "fastdeploy.cache_manager.cache_data",
    "fastdeploy.cache_manager.prefix_cache_manager",
    "fastdeploy.cache_manager.v1.metadata",
    "fastdeploy.engine.request",
    "fastdeploy.engine.resource_manager",
    "fastdeploy.envs",
    "fastdeploy.input.utils.common",
    "fastdeploy.spec_decode.types",
)
FAKED = ("fastapi", "fastdeploy", "paddle", "pydantic", "zmq")
"""Packages of which everything that is not in `REAL` is a stand-in."""


class AnyName(type):
    """The class of `Anything`, which has every name itself."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return ANYTHING


class Anything(metaclass=AnyName):
    """Answers every use with itself."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return ANYTHING

    def __call__(self, *args: object, **kwargs: object) -> Any:
        return ANYTHING


ANYTHING = Anything()


class Logger(Anything):
    """Swallows messages; an error that the scheduler only logs stops the recording."""

    def error(self, message: str, *args: object) -> NoReturn:
        raise RuntimeError(f"FastDeploy logged an error: {message}")


class Signal:
    """Shared memory between processes; here an array."""

    def __init__(self, *, array: np.ndarray, **_: object) -> None:
        self.value = array


class StandIn(ModuleType):
    """A module with every name."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the real modules in the source tree and makes the stand-ins."""

    def __init__(self, source: Path, stand_ins: dict[str, dict[str, Any]]) -> None:
        self.source = source
        self.stand_ins = stand_ins

    def find_spec(
        self, name: str, path: object = None, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name in REAL:
            return importlib.util.spec_from_file_location(name, self.source / (name.replace(".", "/") + ".py"))
        if name.partition(".")[0] in FAKED:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return StandIn(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        vars(module).update(self.stand_ins.get(module.__name__, {}))


def image_boundaries(task_input_ids: np.ndarray, mm_num_token: np.ndarray, image_patch_id: int) -> Any:
    """Return where each run of text and each image ends, and how many images have ended there.

    Stands in for the kernel ``get_img_boundaries``, which FastDeploy has in C++.
    """
    ends, counts = [0], [0]
    position = num_images = 0
    while position < len(task_input_ids):
        if task_input_ids[position] == image_patch_id:
            position += int(mm_num_token[num_images])
            num_images += 1
        else:
            while position < len(task_input_ids) and task_input_ids[position] != image_patch_id:
                position += 1
        ends.append(position)
        counts.append(num_images)
    return SimpleNamespace(numpy=lambda: np.array([ends, counts], dtype=np.int64))


def never() -> bool:
    """Answer whether the platform is one of those that schedule in another way."""
    return False


def stand_ins() -> dict[str, dict[str, Any]]:
    """Return the names whose answers matter to the scheduler, by module."""
    logger = Logger()
    return {
        "paddle": {
            "to_tensor": lambda values, dtype=None: np.array(values, dtype=dtype),
            "sum": np.sum,
        },
        "fastdeploy.inter_communicator": {"IPCSignal": Signal},
        "fastdeploy.metrics.metrics": {"main_process_metrics": ANYTHING},
        "fastdeploy.model_executor.ops.gpu": {"get_img_boundaries": image_boundaries},
        "fastdeploy.platforms": {
            "current_platform": SimpleNamespace(is_xpu=never, is_iluvatar=never, is_intel_hpu=never)
        },
        "fastdeploy.utils": {"llm_logger": logger, "get_logger": lambda *_: logger, "console_logger": logger},
    }


def load(source: Path) -> SimpleNamespace:
    """Load the scheduler of a source tree; returns its modules.

    Raises FileNotFoundError when the tree does not have it.
    """
    missing = [name for name in REAL if not (source / (name.replace(".", "/") + ".py")).exists()]
    if missing:
        raise FileNotFoundError(f"{source} has no {', '.join(missing)}")
    known = stand_ins()
    sys.meta_path.insert(0, Finder(source, known))
    add_real_names(known, "fastdeploy.spec_decode", "fastdeploy.spec_decode.types", ["SpecMethod"])
    add_real_names(known, "fastdeploy.input.utils", "fastdeploy.input.utils.common", ["IDS_TYPE_FLAG"])
    sys.modules["fastdeploy"].envs = importlib.import_module("fastdeploy.envs")  # type: ignore[attr-defined]
    return SimpleNamespace(
        scheduler=importlib.import_module(SCHEDULER),
        request=importlib.import_module("fastdeploy.engine.request"),
        methods=importlib.import_module("fastdeploy.spec_decode.types").SpecMethod,
    )


def add_real_names(known: dict[str, dict[str, Any]], stand_in: str, real: str, names: Iterable[str]) -> None:
    """Let a stand-in pass on names of a real module below it."""
    module = importlib.import_module(real)
    vars(sys.modules[stand_in]).update({name: getattr(module, name) for name in names})
