"""Turns plain Python functions into kernels, at their first launch and not before.

A kernel is written as an ordinary function that calls ordinary functions, so it can be read, tested and proved
without a GPU. To compile it, every plain function that it names is replaced by an inlined device function, and
every primitive by its instruction. In the simulator (``NUMBA_ENABLE_CUDASIM=1``) it runs as it is written.
"""

from __future__ import annotations

import types
import warnings
from collections.abc import Callable
from typing import Any

from numba import cuda
from numba.cuda.core import config
from numba.cuda.core.errors import NumbaPerformanceWarning

SIMULATED = bool(config.ENABLE_CUDASIM)
"""Whether kernels run in Numba's simulator instead of on a GPU."""


def device_source(function: Callable[..., Any]) -> types.FunctionType:
    """A copy of a plain function in which every plain function that it names is a device function."""
    if not isinstance(function, types.FunctionType):
        raise TypeError(f"expected a plain function, got {function!r}")
    names = {name: function.__globals__.get(name) for name in function.__code__.co_names}
    replaced = {name: _device(value) for name, value in names.items() if isinstance(value, types.FunctionType)}
    scope = {**function.__globals__, **replaced}
    copy = types.FunctionType(function.__code__, scope, function.__name__, function.__defaults__)
    copy.__module__ = function.__module__
    copy.__qualname__ = function.__qualname__
    return copy


def _device(function: types.FunctionType) -> Any:
    from schedproof_kernels.intrinsics import INSTRUCTIONS

    if function in INSTRUCTIONS:
        return INSTRUCTIONS[function]
    return cuda.jit(device_source(function), device=True, inline="always")


class Kernel:
    """A kernel by its plain source; compiled for the argument types that it is first launched with."""

    def __init__(self, py_func: Callable[..., None], threads: int, multiple: int) -> None:
        self.py_func = py_func
        self.threads = threads
        """Most threads of a block; the registers are allotted for it."""
        self.multiple = multiple
        """What the threads of a block are a multiple of."""
        self._compiled: Any = None

    def launch(self, grid: tuple[int, ...], block: int, stream: Any, *arguments: Any) -> None:
        """Enqueue the kernel on a stream.

        Raises:
            ValueError: for a block over ``threads``, or that is no ``multiple``.
        """
        if not 0 < block <= self.threads or block % self.multiple:
            steps = "" if self.multiple == 1 else f" in steps of {self.multiple}"
            raise ValueError(f"block: expected {self.multiple}..{self.threads} threads{steps}, got {block}")
        if self._compiled is None:
            self._compiled = self._compile()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NumbaPerformanceWarning)
            configured = self._compiled[grid, block, stream]
        configured(*arguments)

    def _compile(self) -> Any:
        if SIMULATED:
            return cuda.jit(self.py_func)
        return cuda.jit(device_source(self.py_func), launch_bounds=self.threads)


def kernel(threads: int, *, multiple: int = 1) -> Callable[[Callable[..., None]], Kernel]:
    """Make a kernel of a plain function; a block has at most ``threads`` threads, a multiple of ``multiple``."""

    def wrap(function: Callable[..., None]) -> Kernel:
        return Kernel(function, threads, multiple)

    return wrap
