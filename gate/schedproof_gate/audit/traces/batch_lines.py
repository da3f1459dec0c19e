"""The lines ``Prefill batch`` and ``Decode batch`` that SGLang writes, and FastDeploy after its example."""

from __future__ import annotations

import re
from dataclasses import dataclass

from schedproof_gate.audit.traces.blocks import Block
from schedproof_gate.audit.traces.log_steps import broken_line, number

MARK = b" batch"
BEGIN = re.compile(rb"\b(Prefill|Decode|Decode bootstrap) batch(?: from prefill)?(?: \[(\d+)\])?[,.]")
COUNT = re.compile(rb"#([a-z]+-[a-z]+): (\d+)")
NEEDED = {b"Prefill": (b"new-seq", b"new-token", b"running-req"), b"Decode": (b"running-req",)}
NEEDED[b"Decode bootstrap"] = NEEDED[b"Prefill"]


@dataclass(frozen=True, slots=True)
class BatchLine:
    """One of these lines."""

    line: int
    is_prefill: bool
    """Whether it has new sequences; a decode node's line about requests that come from a prefill node has, too."""
    number: int | None
    """The engine's own step number, where it is written."""
    num_new_seqs: int
    num_new_tokens: int
    num_running: int


def read_batch_line(text: bytes, line: int, block: Block, source: str, engine: str) -> BatchLine | None:
    """Return what a line says; None when it is another one.

    Raises:
        InputError: it begins like one and lacks a count.
    """
    begin = BEGIN.search(text) if MARK in text else None
    if begin is None:
        return None
    counts = dict(COUNT.findall(text, begin.end()))
    kind = begin.group(1)
    if any(name not in counts for name in NEEDED[kind]):
        raise broken_line(source, line, block, f"{engine} batch")
    new_seqs, new_tokens, running = (
        number(counts[name], source, line) if name in counts else 0
        for name in (b"new-seq", b"new-token", b"running-req")
    )
    return BatchLine(
        line=line,
        is_prefill=kind != b"Decode",
        number=None if begin.group(2) is None else number(begin.group(2), source, line),
        num_new_seqs=new_seqs,
        num_new_tokens=new_tokens,
        num_running=running,
    )
