"""What every result says of the run that it comes from: date, machine, Python and the version of each package."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Return the version of each package, "absent" for one that is not installed."""
    found = {}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "absent"
    return found


def write_result(path: Path, benchmark: str, packages: Iterable[str], figures: dict[str, Any]) -> None:
    """Write the figures of a benchmark as JSON, after what they were measured with."""
    machine = {
        "system": platform.system(),
        "machine": platform.machine(),
        "python": platform.python_version(),
    }
    result = {
        "benchmark": benchmark,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine,
        "versions": versions(packages),
        **figures,
    }
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
