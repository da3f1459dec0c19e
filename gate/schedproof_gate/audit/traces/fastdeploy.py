"""FastDeploy's batch lines: one for each step with a prefill, one every fifth step that hands out decode blocks.

Source: ``SchedulerMetricsLogger`` (PR 6339, PR 7843), switched on by ``FD_CONSOLE_SCHEDULER_METRICS``. The lines
are written when a step is planned: ``#running-req`` counts its prefills and its decodes, and the worker runs every
decode in every step. What the lines leave open becomes bounds:

- Beside the ``#new-seq`` prefills every other running request decodes, for text: the first prompt that the budget
  cuts leaves nothing for another. With multimodal items or deterministic chunks, prompts can also wait half done.
- A decode line may stand for the step of the prefill line before it. Outside of such a step at most one prompt
  waits half done.
- Between two lines only decodes run, and no request joins.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from schedproof import Role, ServingConfig
from schedproof_gate.audit.traces.batch_lines import BEGIN, MARK, BatchLine, read_batch_line
from schedproof_gate.audit.traces.blocks import Block
from schedproof_gate.audit.traces.columns import ABSENT, StepBatch
from schedproof_gate.audit.traces.log_steps import LogStep, bounded_batch

RANK = re.compile(rb"\bdp_rank: (\d+)")
MAX_RANKS = 4096


def is_step_line(text: bytes) -> bool:
    """Return whether a line speaks of a batch."""
    return MARK in text and BEGIN.search(text) is not None and RANK.search(text) is not None


def read_fastdeploy(blocks: Iterable[Block], source: str, config: ServingConfig) -> Iterator[StepBatch]:
    """Yield the steps with those that follow them, a block at a time.

    Raises:
        InputError: a batch's line that is broken.
    """
    count = 0
    new_seqs_before: dict[bytes, int] = {}
    for block in blocks:
        found: list[LogStep] = []
        for line, text in enumerate(block.lines, start=block.first_line):
            batch = read_batch_line(text, line, block, source, "FastDeploy")
            if batch is None:
                continue
            count += 1
            match = RANK.search(text)
            rank = b"" if match is None else match.group(1)[:9]
            found += steps_of(batch, count, new_seqs_before.get(rank, 0), config)
            if len(new_seqs_before) < MAX_RANKS or rank in new_seqs_before:
                new_seqs_before[rank] = batch.num_new_seqs if batch.is_prefill else 0
        if found:
            yield bounded_batch(found)


def steps_of(batch: BatchLine, step: int, new_seqs_before: int, config: ServingConfig) -> list[LogStep]:
    """Return the step of a line, and the decode steps after it where they can be larger."""
    least, most = decoding(batch, new_seqs_before, config)
    shown = LogStep(
        line=batch.line,
        step=step,
        num_decoding=(least, most),
        num_decode_tokens=(least * config.tokens_per_seq, most * config.tokens_per_seq),
        num_prefill_tokens=0 if config.role is Role.DECODE else batch.num_new_tokens,
        num_slots_used=(batch.num_running, ABSENT),
    )
    if not batch.is_prefill or config.role is not Role.MIXED:
        return [shown]
    running = batch.num_running
    unseen = LogStep(
        line=batch.line,
        step=step,
        num_decoding=(0, running),
        num_decode_tokens=(0, running * config.tokens_per_seq),
        is_between=True,
    )
    return [shown, unseen]


def decoding(batch: BatchLine, new_seqs_before: int, config: ServingConfig) -> tuple[int, int]:
    """Return the least and the most requests that decode in a line's step."""
    if config.role is Role.PREFILL:
        return 0, 0
    if config.role is Role.DECODE:
        return batch.num_running, batch.num_running
    cuts_many = config.deterministic or config.max_multimodal_item_tokens > 0
    if batch.is_prefill:
        others = max(batch.num_running - batch.num_new_seqs, 0)
        return (0 if cuts_many else others), others
    waiting = new_seqs_before + 1
    return (0 if cuts_many else max(batch.num_running - waiting, 0)), batch.num_running
