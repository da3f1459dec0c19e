"""The reference engine: how many tokens a serving step runs, and how large the buffers behind it are.

Importing it costs next to nothing: all but the version is loaded when the first of its names is asked for.
"""

import importlib
from typing import TYPE_CHECKING, Any

from schedproof.version import __version__ as __version__

if TYPE_CHECKING:
    from schedproof.public import *  # noqa: F403


def __getattr__(name: str) -> Any:
    if name.startswith("_") and name != "__all__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    public = importlib.import_module("schedproof.public")
    names = {each: getattr(public, each) for each in public.__all__}
    globals().update(names, __all__=[*names, "__version__"])
    if name not in globals():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *__getattr__("__all__")})
