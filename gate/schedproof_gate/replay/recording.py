"""Writes the steps of a replay in the form ``schedproof/step/1``, which an audit reads."""

from __future__ import annotations

from dataclasses import replace
from typing import IO

from schedproof import ServingConfig
from schedproof.step_record import TraceHeader, header_line, record_requests, record_totals, step_line
from schedproof_gate.replay.simulation import SimulatedStep

ENGINE = "schedproof-reference"


class Recorder:
    """An open file that gets a header, and a line for each step."""

    def __init__(self, file: IO[bytes], config: ServingConfig, policy: str) -> None:
        self.file = file
        self.config = config
        header = TraceHeader(engine=ENGINE, version=policy, num_kv_blocks=config.num_kv_blocks)
        self.file.write(header_line(header).encode())

    def add(self, step: SimulatedStep) -> None:
        """Write one step."""
        record = record_totals(
            step.index,
            step.launch.plan,
            self.config,
            num_waiting=step.num_waiting,
            num_free_blocks=step.num_free_blocks,
            num_owned_blocks=step.num_owned_blocks,
            launch_tokens=step.launch.launch_tokens,
            timestamp_s=step.start_us / 1e6,
        )
        record = replace(record, requests=record_requests(step.launch.plan, self.config))
        self.file.write(step_line(record).encode())
