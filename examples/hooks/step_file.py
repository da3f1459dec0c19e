"""A file of recorded steps (schedproof/step/1) that an engine writes on the side: buffered, never in its way."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

BUFFER_BYTES = 1 << 20
FLUSH_SECONDS = 1.0
"""What an engine that is killed can lose."""


class StepFile:
    """Numbers the steps of one scheduler and appends them to a file."""

    def __init__(self, path: str, engine: str) -> None:
        self.file = open(path, "a", encoding="utf-8", buffering=BUFFER_BYTES)  # noqa: SIM115
        self.num_steps = 0
        self.flushed_s = time.monotonic()
        self.error: Exception | None = None
        self._write({"schema": "schedproof/step/1", "engine": engine})

    def add(self, describe: Callable[..., dict[str, Any] | None], *arguments: Any) -> None:
        """Write what ``describe`` says of a step, None for nothing. An error ends the recording, not the engine."""
        if self.error is not None:
            return
        try:
            step = describe(*arguments)
            if step is not None:
                self._write({"step": self.num_steps, **step, "timestamp_s": time.monotonic()})
                self.num_steps += 1
        except Exception as error:
            self.error = error
            print(f"steps are no longer recorded: {error!r}")

    def _write(self, fields: dict[str, Any]) -> None:
        self.file.write(json.dumps(fields, separators=(",", ":")) + "\n")
        now = time.monotonic()
        if now - self.flushed_s >= FLUSH_SECONDS:
            self.file.flush()
            self.flushed_s = now
