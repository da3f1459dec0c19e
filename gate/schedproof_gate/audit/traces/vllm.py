"""vLLM's log line for every iteration, with ``--enable-logging-iteration-details``.

Source: ``log_iteration_details`` in ``vllm/v1/engine/core.py``, later ``vllm/v1/metrics/loggers.py``. The counts
are what was scheduled, drafts included. A preempted request that is prefilled again counts as generation there, so
only the sum of both token counts is taken for what it says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from schedproof import ServingConfig
from schedproof_gate.audit.traces.blocks import Block
from schedproof_gate.audit.traces.columns import ABSENT, StepBatch
from schedproof_gate.audit.traces.log_steps import EngineSteps, LogStep, bounded_batch, broken_line, numbers

MARK = b"Iteration("
BEGIN = re.compile(rb"\bIteration\(\d+\):")
LINE = re.compile(
    rb"\bIteration\((\d+)\): (\d+) context requests, (\d+) context tokens, "
    rb"(\d+) generation requests, (\d+) generation tokens\b"
)
ENGINE = re.compile(rb"EngineCore_DP\d+|Engine \d+")
DUMMY = b"(dummy)"
"""A rank of a data-parallel group that had nothing to run."""


def is_step_line(text: bytes) -> bool:
    """Return whether a line speaks of an iteration."""
    return MARK in text and BEGIN.search(text) is not None


def is_statistics_line(text: bytes) -> bool:
    """Return whether a line is one of the averages that vLLM logs every few seconds, which show no step."""
    return b"Avg prompt throughput" in text and b"GPU KV cache usage" in text


def read_vllm(blocks: Iterable[Block], source: str, config: ServingConfig) -> Iterator[StepBatch]:
    """Yield the iterations, a block at a time.

    Raises:
        InputError: an iteration's line that is broken, or out of order.
    """
    order = EngineSteps(source)
    for block in blocks:
        found = []
        for line, text in enumerate(block.lines, start=block.first_line):
            if not is_step_line(text):
                continue
            match = LINE.search(text)
            if match is None:
                raise broken_line(source, line, block, "vLLM iteration")
            if DUMMY in text:
                continue
            step, num_contexts, context_tokens, num_generations, generation_tokens = numbers(match, source, line)
            engine = ENGINE.search(text, 0, match.start())
            order.check(b"" if engine is None else engine.group(), step, line)
            found.append(
                LogStep(
                    line=line,
                    step=step,
                    num_decoding=(num_generations, num_generations),
                    num_decode_tokens=(generation_tokens, generation_tokens),
                    num_prefill_tokens=context_tokens,
                    num_slots_used=(num_contexts + num_generations, ABSENT),
                )
            )
        if found:
            yield bounded_batch(found, order.taken_missing())
