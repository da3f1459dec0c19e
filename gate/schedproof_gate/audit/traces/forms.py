"""The forms of recorded steps by name, and which of them a file has."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from schedproof import ServingConfig
from schedproof_gate.audit.traces import fastdeploy, sglang, tensorrt_llm, vllm
from schedproof_gate.audit.traces.blocks import Block, read_blocks
from schedproof_gate.audit.traces.columns import StepBatch
from schedproof_gate.audit.traces.recorded_steps import read_recorded_steps
from schedproof_gate.errors import InputError

RECORDED = re.compile(rb'\s*\{\s*"(schema|step)"\s*:')
"""How a file of recorded steps begins."""

Reader = Callable[[Iterable[Block], str, ServingConfig], Iterator[StepBatch]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceForm:
    """One form of recorded steps."""

    name: str
    title: str
    """What the lines are, for a sentence."""
    engine: str
    """Whose steps they are; empty where the file says it."""
    is_step_line: Callable[[bytes], bool]
    read: Reader
    how_to_get: str
    """What makes the engine write such lines."""
    is_other_line: Callable[[bytes], bool] = lambda text: False
    """Whether a line is the engine's, though it speaks of no step."""
    leaves_open: str = ""
    """What the lines do not say, so that only bounds are known."""


SCHEDPROOF = TraceForm(
    name="schedproof",
    title="recorded steps",
    engine="",
    is_step_line=lambda text: text.lstrip().startswith(b"{"),
    read=read_recorded_steps,
    how_to_get="add a hook from examples/hooks/ to the engine",
)

FORMS = {
    form.name: form
    for form in (
        SCHEDPROOF,
        TraceForm(
            name="vllm",
            title="vLLM's log of iterations",
            engine="vllm",
            is_step_line=vllm.is_step_line,
            read=vllm.read_vllm,
            how_to_get="start vLLM with --enable-logging-iteration-details",
            is_other_line=vllm.is_statistics_line,
        ),
        TraceForm(
            name="tensorrt-llm",
            title="TensorRT-LLM's log of iterations",
            engine="tensorrt-llm",
            is_step_line=tensorrt_llm.is_step_line,
            read=tensorrt_llm.read_tensorrt_llm,
            how_to_get="start TensorRT-LLM with print_iter_log: true",
            leaves_open="the log does not count the requests, so that their tokens bound them",
        ),
        TraceForm(
            name="fastdeploy",
            title="FastDeploy's log of batches",
            engine="fastdeploy",
            is_step_line=fastdeploy.is_step_line,
            read=fastdeploy.read_fastdeploy,
            how_to_get="start FastDeploy with FD_CONSOLE_SCHEDULER_METRICS=1",
            leaves_open="the log does not show every step, nor which running requests still prefill",
        ),
        TraceForm(
            name="sglang",
            title="SGLang's log of batches",
            engine="sglang",
            is_step_line=sglang.is_step_line,
            read=sglang.read_sglang,
            how_to_get="start SGLang with --log-level info, and a small --decode-log-interval",
            leaves_open="the log does not show every step, nor whether decodes run beside a prefill",
        ),
    )
}
"""FastDeploy comes before SGLang, whose lines its own are made after."""


def form_of(path: Path) -> TraceForm:
    """Return the form of a file, by the first line that has one.

    Raises:
        InputError: the file cannot be read, or no line is a step in any form.
    """
    first = b""
    seen: list[TraceForm] = []
    for block in read_blocks(path):
        for text in block.lines:
            if not first and text.strip():
                first = text
                if RECORDED.match(first):
                    return SCHEDPROOF
            for form in FORMS.values():
                if form is not SCHEDPROOF and form.is_step_line(text):
                    return form
                if not seen and form.is_other_line(text):
                    seen.append(form)
    if SCHEDPROOF.is_step_line(first):
        return SCHEDPROOF
    for form in seen:
        raise InputError(
            f"the file is a log of {form.engine} that does not show its steps",
            source=str(path),
            advice=form.how_to_get,
        )
    raise InputError(
        "no line is a recorded step in any known form",
        source=str(path),
        advice=f"name the form with --trace-format {'|'.join(FORMS)}, or make the engine write its steps",
    )
