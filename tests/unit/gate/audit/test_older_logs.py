"""Logs of other releases: what they leave out is bounded or asked for by name."""

from __future__ import annotations

from pathlib import Path

import pytest
import recorded_audits

from schedproof import ServingConfig, SpeculativeConfig, SpeculativeMethod
from schedproof_gate.audit.traces.blocks import read_blocks
from schedproof_gate.audit.traces.forms import FORMS, form_of
from schedproof_gate.audit.traces.tensorrt_llm import bounds_of_generations
from schedproof_gate.errors import InputError
from schedproof_spec import Status

CONFIG = ServingConfig(max_num_seqs=64, max_num_batched_tokens=8192, max_model_len=32768)
DRAFTS = SpeculativeConfig(method=SpeculativeMethod.MTP, num_speculative_tokens=3)


@pytest.mark.parametrize(
    "states",
    [
        "{'num_ctx_requests': 1, 'num_ctx_tokens': 7, 'num_generation_tokens': 3}",
        "{'num_ctx_tokens': 7, 'num_generation_tokens': 3, 'num_ctx_requests': 1}",
    ],
)
def test_tensorrt_llm_without_a_count_of_requests_bounds_them(tmp_path: Path, states: str) -> None:
    path = tmp_path / "trtllm.log"
    path.write_text(
        f"[02/03/2025-10:11:12] [TRT-LLM] [I] iter = 5, global_rank = 0, rank = 0, currank_total_requests = 0/4, "
        f"elapsed_time = 0.02s, timestamp = 2025-02-03 10:11:12, states = {states}\n",
        encoding="utf-8",
    )
    assert form_of(path) is FORMS["tensorrt-llm"]
    (batch,) = FORMS["tensorrt-llm"].read(read_blocks(path), str(path), CONFIG)
    for columns in (batch.low, batch.high):
        assert int(columns.num_tokens[0]) == 10
        assert int(columns.num_slots_used[0]) == 4


UNCOUNTED = "the log does not count the requests, so that their tokens bound them"


def test_the_report_says_which_steps_have_requests_that_are_bounded_alone(tmp_path: Path) -> None:
    states = "states = {'num_ctx_requests': 0, 'num_ctx_tokens': 0, 'num_generation_tokens': 8}"
    path = tmp_path / "trtllm.log"
    path.write_text(
        f"[TRT-LLM] [I] iter = 4, rank = 0, num_scheduled_requests: 2, {states}\n"
        f"[TRT-LLM] [I] iter = 5, rank = 0, {states}\n[TRT-LLM] [I] iter = 6, rank = 0, {states}\n",
        encoding="utf-8",
    )
    found = recorded_audits.audit_file(path, recorded_audits.CONFIG, form="tensorrt-llm")
    assert f"in 2 steps {UNCOUNTED}" in found.subject.notes
    slots = recorded_audits.results(found)["slots_within_limit"]
    assert (slots.status, slots.line) == (Status.UNDECIDED, 2)
    assert slots.message.endswith(f"{UNCOUNTED} (the first of 2 steps)")

    path.write_text(path.read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8")
    found = recorded_audits.audit_file(path, recorded_audits.CONFIG, form="tensorrt-llm")
    assert not any(UNCOUNTED in note for note in found.subject.notes)
    assert recorded_audits.results(found)["slots_within_limit"].status is Status.HELD


@pytest.mark.parametrize(
    ("num_tokens", "config", "bounds"),
    [
        (0, CONFIG, (0, 0)),
        (5, CONFIG, (5, 5)),
        (5, ServingConfig(max_num_seqs=64, max_num_batched_tokens=8192, speculation=DRAFTS), (2, 5)),
    ],
)
def test_generations_are_bounded_by_their_tokens(
    num_tokens: int, config: ServingConfig, bounds: tuple[int, int]
) -> None:
    assert bounds_of_generations(num_tokens, config) == bounds


def test_a_log_of_averages_names_the_flag_that_it_lacks(tmp_path: Path) -> None:
    path = tmp_path / "vllm.log"
    path.write_text(
        "INFO 02-03 10:11:12 [loggers.py:236] Engine 000: Avg prompt throughput: 1.0 tokens/s, Avg generation "
        "throughput: 4.0 tokens/s, Running: 2 reqs, Waiting: 0 reqs, GPU KV cache usage: 2.0%, Prefix cache hit "
        "rate: 0.0%\n",
        encoding="utf-8",
    )
    with pytest.raises(InputError, match="a log of vllm that does not show its steps") as caught:
        form_of(path)
    assert "--enable-logging-iteration-details" in str(caught.value)
