"""TensorRT-LLM's iteration log of the PyTorch backend (``print_iter_log``).

Source: ``_profiler`` in ``tensorrt_llm/_torch/pyexecutor/py_executor.py``. Releases write the fields in different
orders, and ``num_scheduled_requests`` with a colon or an equals sign, or not at all: then the generation tokens
bound the requests that generate. Generation tokens include drafts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from schedproof import ServingConfig
from schedproof_gate.audit.traces.blocks import Block
from schedproof_gate.audit.traces.columns import StepBatch
from schedproof_gate.audit.traces.log_steps import EngineSteps, LogStep, bounded_batch, broken_line, numbers

MARK = b"iter = "
BEGIN = re.compile(rb"\biter = (\d+), .*?(?:rank|num_scheduled_requests|currank_total_requests|host_step_time)\b")
SCHEDULED = re.compile(rb"\bnum_scheduled_requests ?[:=] ?(\d+)")
STATES = tuple(
    re.compile(rb"'%s': (\d+)" % key) for key in (b"num_ctx_requests", b"num_ctx_tokens", b"num_generation_tokens")
)
RANK = re.compile(rb"\bglobal_rank = (\d+)|RANK (\d+)")
NOTHING_YET = b"states = {}"
"""What the first iteration of an engine may say."""


def is_step_line(text: bytes) -> bool:
    """Return whether a line speaks of an iteration."""
    return MARK in text and BEGIN.search(text) is not None


def read_tensorrt_llm(blocks: Iterable[Block], source: str, config: ServingConfig) -> Iterator[StepBatch]:
    """Yield the iterations, a block at a time.

    Raises:
        InputError: an iteration's line that is broken, or out of order.
    """
    order = EngineSteps(source)
    for block in blocks:
        found = []
        num_uncounted = 0
        for line, text in enumerate(block.lines, start=block.first_line):
            begin = BEGIN.search(text) if MARK in text else None
            if begin is None or NOTHING_YET in text:
                continue
            states = [match for state in STATES if (match := state.search(text)) is not None]
            if len(states) < len(STATES):
                raise broken_line(source, line, block, "TensorRT-LLM iteration")
            (step,) = numbers(begin, source, line)
            num_contexts, context_tokens, generation_tokens = (numbers(match, source, line)[0] for match in states)
            scheduled = SCHEDULED.search(text)
            if scheduled is None:
                num_uncounted += 1
                num_decoding = bounds_of_generations(generation_tokens, config)
            else:
                (num_requests,) = numbers(scheduled, source, line)
                num_decoding = (max(num_requests - num_contexts, 0),) * 2
            rank = RANK.search(text)
            order.check(b"" if rank is None else rank.group(rank.lastindex or 0), step, line)
            found.append(
                LogStep(
                    line=line,
                    step=step,
                    num_decoding=num_decoding,
                    num_decode_tokens=(generation_tokens, generation_tokens),
                    num_prefill_tokens=context_tokens,
                    num_slots_used=(num_contexts + num_decoding[0], num_contexts + num_decoding[1]),
                )
            )
        if found:
            yield bounded_batch(found, order.taken_missing(), num_uncounted)


def bounds_of_generations(num_tokens: int, config: ServingConfig) -> tuple[int, int]:
    """Return the fewest and the most requests that can have generated so many tokens in one iteration."""
    return -(-num_tokens // config.tokens_per_seq), num_tokens
