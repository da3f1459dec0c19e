"""SGLang's batch lines: one for each prefill batch, one every ``--decode-log-interval`` (40) decode batches.

Source: ``log_prefill_stats`` and ``log_decode_stats`` in ``sglang/srt/managers/scheduler_metrics_mixin.py``. Older
releases write ``Prefill batch.`` with a full stop. What the lines leave open becomes bounds:

- A prefill batch runs its new tokens, and with ``--enable-mixed-chunk`` the running requests beside them. Whether
  it is on is known when the log has the server's arguments, which it writes at its start.
- Between two lines only decode batches run. Requests join through prefill batches, so the last line bounds their
  number; on a decode node they join without a line, and only the number of slots bounds it.
- A decode batch runs one token a request, or with speculation as many as the configuration says; ``accept len`` is
  an average over the batches since the line before and bounds nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from schedproof import Role, ServingConfig
from schedproof_gate.audit.traces.batch_lines import BEGIN, MARK, BatchLine, read_batch_line
from schedproof_gate.audit.traces.blocks import Block
from schedproof_gate.audit.traces.columns import ABSENT, UNBOUNDED, StepBatch
from schedproof_gate.audit.traces.log_steps import LogStep, bounded_batch

NO_MIXED_CHUNK = b"enable_mixed_chunk=False"
SPECULATES = b"accept len"
IS_DECODE_NODE = b"#transfer-req"


def is_step_line(text: bytes) -> bool:
    """Return whether a line speaks of a batch."""
    return MARK in text and BEGIN.search(text) is not None


def read_sglang(blocks: Iterable[Block], source: str, config: ServingConfig) -> Iterator[StepBatch]:
    """Yield the batches with the steps that follow them, a block at a time.

    Raises:
        InputError: a batch's line that is broken.
    """
    count = 0
    speculates = False
    mixes = True
    for block in blocks:
        found: list[LogStep] = []
        for line, text in enumerate(block.lines, start=block.first_line):
            batch = read_batch_line(text, line, block, source, "SGLang")
            if batch is None:
                mixes = mixes and NO_MIXED_CHUNK not in text
                continue
            count += 1
            step = count if batch.number is None else batch.number
            if batch.is_prefill:
                found += prefill_steps(
                    batch, step, batch.num_running if mixes else 0, tokens_per_seq(config, speculates)[1]
                )
            else:
                speculates = speculates or SPECULATES in text
                joins_unseen = config.role is Role.DECODE or IS_DECODE_NODE in text
                most = max(batch.num_running, config.max_num_seqs) if joins_unseen else batch.num_running
                found += decode_steps(batch, step, tokens_per_seq(config, SPECULATES in text), most)
        if found:
            yield bounded_batch(found)


def tokens_per_seq(config: ServingConfig, speculates: bool) -> tuple[int, int]:
    """Return the least and the most tokens that a decode runs, by the configuration and by what the log shows."""
    tokens = config.tokens_per_seq
    if speculates:
        return (tokens, tokens) if tokens > 1 else (1, UNBOUNDED)
    return 1, tokens


def prefill_steps(batch: BatchLine, step: int, most_beside: int, most_tokens_per_seq: int) -> list[LogStep]:
    """Return a prefill batch with up to so many decodes beside it, and the decode batches after it."""
    num_afterwards = batch.num_running + batch.num_new_seqs
    return [
        LogStep(
            line=batch.line,
            step=step,
            num_decoding=(0, most_beside),
            num_decode_tokens=(0, bounded(most_beside, most_tokens_per_seq)),
            num_prefill_tokens=batch.num_new_tokens,
            num_slots_used=(num_afterwards, ABSENT),
        ),
        unseen_decodes(batch, step, num_afterwards, most_tokens_per_seq),
    ]


def decode_steps(batch: BatchLine, step: int, per_seq: tuple[int, int], most_running: int) -> list[LogStep]:
    """Return a decode batch, and those after it when more requests can be in them."""
    running, (least, most) = batch.num_running, per_seq
    shown = LogStep(
        line=batch.line,
        step=step,
        num_decoding=(running, running),
        num_decode_tokens=(running * least, bounded(running, most)),
        num_slots_used=(running, ABSENT),
    )
    return [shown] if most_running == running else [shown, unseen_decodes(batch, step, most_running, most)]


def unseen_decodes(batch: BatchLine, step: int, most_running: int, most_tokens_per_seq: int) -> LogStep:
    """Return the decode batches between a line and the next."""
    return LogStep(
        line=batch.line,
        step=step,
        num_decoding=(0, most_running),
        num_decode_tokens=(0, bounded(most_running, most_tokens_per_seq)),
        is_between=True,
    )


def bounded(num_running: int, tokens_per_seq: int) -> int:
    """Return the product, or that nothing bounds it."""
    return min(num_running * tokens_per_seq, UNBOUNDED)
