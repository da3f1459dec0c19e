"""What each line of an engine's log says, and what it leaves open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from schedproof import Role, ServingConfig, SpeculativeConfig, SpeculativeMethod
from schedproof_gate.audit.traces import log_steps
from schedproof_gate.audit.traces.blocks import read_blocks
from schedproof_gate.audit.traces.columns import ABSENT, UNBOUNDED, StepBatch
from schedproof_gate.audit.traces.forms import FORMS, form_of
from schedproof_gate.errors import InputError

CONFIG = ServingConfig(max_num_seqs=64, max_num_batched_tokens=8192)
DRAFTS = replace(CONFIG, speculation=SpeculativeConfig(method=SpeculativeMethod.MTP, num_speculative_tokens=3))

VLLM = (
    "(EngineCore_DP{dp} pid=57) INFO 09-02 08:14:11 [core.py:318] Iteration({n}): 2 context requests, 500 context "
    "tokens, 3 generation requests, 9 generation tokens, iteration elapsed time: 38.41 ms"
)
TENSORRT = (
    "[TRT-LLM] [RANK {rank}] [I] iter = {n}, global_rank = {rank}, rank = {rank}, {scheduled}, "
    "host_step_time = 3ms, states = {{'num_ctx_requests': 2, 'num_ctx_tokens': 500, 'num_generation_tokens': 12}}"
)
PREFILL = "#new-seq: 2, #new-token: 500, #cached-token: 64, token usage: 0.02, #running-req: {r}, #queue-req: 2,"
DECODE = "#running-req: {r}, #token: 900, token usage: 0.02, {more}gen throughput (token/s): 88.12, #queue-req: 0,"

Range = tuple[int, int]


def batches(folder: Path, form: str, text: str, config: ServingConfig = CONFIG) -> Iterator[StepBatch]:
    path = folder / "engine.log"
    path.write_text(text, encoding="utf-8")
    return FORMS[form].read(read_blocks(path), "engine.log", config)


def read(folder: Path, form: str, text: str, config: ServingConfig = CONFIG) -> list[tuple[int, Range, int, Range]]:
    """Return line, decode tokens, prefill tokens and slots of every row."""
    return [
        (
            int(batch.lines[at]),
            (int(batch.low.num_decode_tokens[at]), int(batch.high.num_decode_tokens[at])),
            int(batch.low.num_prefill_tokens[at]),
            (int(batch.low.num_slots_used[at]), int(batch.high.num_slots_used[at])),
        )
        for batch in batches(folder, form, text, config)
        for at in range(len(batch.lines))
    ]


def refused(folder: Path, form: str, text: str) -> InputError:
    with pytest.raises(InputError) as caught:
        list(batches(folder, form, text))
    return caught.value


@pytest.mark.parametrize(
    ("form", "line"),
    [
        ("vllm", VLLM.format(dp=0, n=1)),
        ("tensorrt-llm", TENSORRT.format(rank=0, n=1, scheduled="num_scheduled_requests = 6")),
        ("sglang", "[2026-09-02 08:14:20 DP0 TP0] Prefill batch, " + PREFILL.format(r=1)),
        ("sglang", "[gpu=0] Decode batch. " + DECODE.format(r=1, more="")),
        ("fastdeploy", "INFO Prefill batch, dp_rank: 0, " + PREFILL.format(r=1)),
        ("schedproof", '{"step":1,"num_decoding":0,"num_decode_tokens":0,"num_prefill_tokens":0}'),
        ("schedproof", '{"schema":"schedproof/step/1"}'),
    ],
)
def test_a_form_is_known_by_its_first_line_after_any_others(tmp_path: Path, form: str, line: str) -> None:
    path = tmp_path / "trace"
    path.write_text(f"\n \n{line}\nIteration(7): \n")
    assert form_of(path).name == form
    path.write_text(f"{{'max_num_seqs': 8}}\nWARNING something else\n{line}\n")
    assert form_of(path).name == form


def test_a_file_without_any_step_names_the_option(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    path.write_text("nothing\nhere\n")
    with pytest.raises(InputError, match="no line is a recorded step") as caught:
        form_of(path)
    assert "--trace-format schedproof|vllm|" in caught.value.advice


def test_vllm_counts_are_exact_and_dummy_steps_are_no_steps(tmp_path: Path) -> None:
    text = f"start\n{VLLM.format(dp=0, n=0)}\n{VLLM.format(dp=0, n=1)} (dummy)\n{VLLM.format(dp=0, n=2)}, GPU 1%\n"
    assert read(tmp_path, "vllm", text) == [(2, (9, 9), 500, (5, ABSENT)), (4, (9, 9), 500, (5, ABSENT))]
    (batch,) = batches(tmp_path, "vllm", text)
    assert (batch.steps.tolist(), batch.num_missing) == ([0, 2], 1)


def test_vllm_engines_count_apart_and_may_start_again(tmp_path: Path) -> None:
    order = [(0, 4), (1, 4), (0, 5), (1, 5), (0, 0), (1, 6), (0, 1), (0, 2)]
    named = [VLLM.format(dp=dp, n=n) for dp, n in order]
    unnamed = [VLLM.format(dp=0, n=n).partition(" ")[2].partition(" ")[2] for n in (4, 5)]
    text = "\n".join([*named, *unnamed]) + "\n"
    assert len(read(tmp_path, "vllm", text)) == len(order) + 2


@pytest.mark.parametrize(
    ("numbers", "problem"),
    [((4, 7, 6), "step 6 comes after step 7"), ((4, 5, 5), "step 5 is given twice")],
)
def test_iterations_out_of_order_are_named(tmp_path: Path, numbers: tuple[int, ...], problem: str) -> None:
    text = "\n".join(VLLM.format(dp=0, n=n) for n in numbers) + "\n"
    error = refused(tmp_path, "vllm", text)
    assert (error.problem, error.line) == (problem, 3)


def test_steps_that_a_log_leaves_out_are_counted_and_a_restart_leaves_out_none(tmp_path: Path) -> None:
    numbers = (3, 5, 9, 0, 1, 2, 7, 1, 2)
    text = "\n".join(VLLM.format(dp=0, n=n) for n in numbers) + "\n"
    assert [batch.num_missing for batch in batches(tmp_path, "vllm", text)] == [1 + 3 + 4]


def test_a_log_of_more_engines_than_can_be_told_apart_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_steps, "MAX_ENGINES", 2)
    text = "\n".join(VLLM.format(dp=dp, n=n) for n in (0, 1) for dp in (0, 1)) + "\n"
    assert len(read(tmp_path, "vllm", text)) == 4
    error = refused(tmp_path, "vllm", text + VLLM.format(dp=2, n=0) + "\n")
    assert (error.problem, error.line) == ("more than 2 engines", 5)


@pytest.mark.parametrize("scheduled", ["num_scheduled_requests = 6", "num_scheduled_requests: 6"])
def test_tensorrt_llm_counts_are_exact_in_every_release(tmp_path: Path, scheduled: str) -> None:
    first = TENSORRT.format(rank=0, n=7, scheduled=scheduled)
    other_rank = TENSORRT.format(rank=1, n=7, scheduled=scheduled)
    warm_up = "[TRT-LLM] [I] iter = 0, host_step_time = 3.1ms, num_scheduled_requests: 0, states = {}"
    text = f"{warm_up}\n{first}\n{other_rank}\n"
    assert read(tmp_path, "tensorrt-llm", text) == [(2, (12, 12), 500, (6, 6)), (3, (12, 12), 500, (6, 6))]
    (batch,) = batches(tmp_path, "tensorrt-llm", text)
    assert batch.low.num_decoding.tolist() == [4, 4]


def test_sglang_leaves_open_whether_decodes_run_beside_a_prefill(tmp_path: Path) -> None:
    line = "[2026-09-02 08:14:20 TP0] Prefill batch, " + PREFILL.format(r=3)
    open_rows = [(1, (0, 3), 500, (5, ABSENT)), (1, (0, 5), 0, (ABSENT, ABSENT))]
    assert read(tmp_path, "sglang", line + "\n") == open_rows
    known = f"server_args=ServerArgs(enable_mixed_chunk=False)\n{line}\n"
    assert read(tmp_path, "sglang", known) == [(2, (0, 0), 500, (5, ABSENT)), (2, (0, 5), 0, (ABSENT, ABSENT))]


@pytest.mark.parametrize(
    ("config", "more", "tokens"),
    [
        (CONFIG, "", (7, 7)),
        (CONFIG, "accept len: 2.10, ", (7, UNBOUNDED)),
        (DRAFTS, "accept len: 2.10, ", (28, 28)),
        (DRAFTS, "", (7, 28)),
    ],
)
def test_sglang_decodes_run_what_the_configuration_says(
    tmp_path: Path, config: ServingConfig, more: str, tokens: Range
) -> None:
    text = "[2026-09-02 08:14:20] Decode batch [41], " + DECODE.format(r=7, more=more) + "\n"
    assert read(tmp_path, "sglang", text, config) == [(1, tokens, 0, (7, ABSENT))]
    (batch,) = batches(tmp_path, "sglang", text, config)
    assert batch.steps.tolist() == [41]


def test_sglang_speculates_from_the_first_line_that_shows_it_on(tmp_path: Path) -> None:
    decode = "Decode batch, " + DECODE.format(r=7, more="accept len: 2.10, ")
    prefill = "Prefill batch, " + PREFILL.format(r=7)
    rows = read(tmp_path, "sglang", f"{prefill}\n{decode}\n{prefill}\n")
    assert [most for _, (_, most), _, _ in rows] == [7, 9, UNBOUNDED, UNBOUNDED, UNBOUNDED]


@pytest.mark.parametrize(("role", "more"), [(Role.DECODE, ""), (Role.MIXED, "#transfer-req: 2, ")])
def test_on_a_decode_node_of_sglang_requests_join_unseen(tmp_path: Path, role: Role, more: str) -> None:
    text = "Decode batch, " + DECODE.format(r=7, more=more) + "\n"
    rows = read(tmp_path, "sglang", text, replace(CONFIG, role=role))
    assert rows == [(1, (7, 7), 0, (7, ABSENT)), (1, (0, 64), 0, (ABSENT, ABSENT))]


def test_fastdeploy_s_other_running_requests_decode_beside_a_prefill(tmp_path: Path) -> None:
    text = "INFO Prefill batch, dp_rank: 0, " + PREFILL.format(r=5) + "\n"
    between = (1, (0, 20), 0, (ABSENT, ABSENT))
    assert read(tmp_path, "fastdeploy", text, DRAFTS) == [(1, (12, 12), 500, (5, ABSENT)), between]
    for cuts_many in (replace(DRAFTS, deterministic=True), replace(DRAFTS, max_multimodal_item_tokens=9)):
        assert read(tmp_path, "fastdeploy", text, cuts_many) == [(1, (0, 12), 500, (5, ABSENT)), between]


def test_a_decode_line_of_fastdeploy_may_stand_for_the_prefill_line_before_it(tmp_path: Path) -> None:
    prefill = "Prefill batch, dp_rank: {rank}, " + PREFILL.format(r=5)
    decode = "Decode batch, dp_rank: 0, " + DECODE.format(r=6, more="")
    for text, least in (
        (f"{prefill.format(rank=0)}\n{decode}\n", 3),
        (f"{prefill.format(rank=1)}\n{decode}\n", 5),
        (f"{prefill.format(rank=0)}\n{decode}\n{decode}\n", 5),
    ):
        assert read(tmp_path, "fastdeploy", text)[-1][1] == (least, 6)


def test_the_role_decides_what_fastdeploy_s_lines_mean(tmp_path: Path) -> None:
    text = "Decode bootstrap batch from prefill, dp_rank: 0, splitwise_role: decode, " + PREFILL.format(r=5) + "\n"
    assert read(tmp_path, "fastdeploy", text, replace(DRAFTS, role=Role.DECODE)) == [(1, (20, 20), 0, (5, ABSENT))]
    text = "Prefill batch, dp_rank: 0, splitwise_role: prefill, " + PREFILL.format(r=5) + "\n"
    assert read(tmp_path, "fastdeploy", text, replace(DRAFTS, role=Role.PREFILL)) == [(1, (0, 0), 500, (5, ABSENT))]


@pytest.mark.parametrize(
    ("form", "line"),
    [
        ("vllm", "Iteration(4): 2 context requests, 500 conte"),
        ("tensorrt-llm", "iter = 4, global_rank = 0, rank = 0, num_scheduled_requests = 2, states = {'num_ctx"),
        ("sglang", "Prefill batch, #new-seq: 2, #new-tok"),
        ("sglang", "Decode batch. #token: 2,"),
        ("fastdeploy", "Prefill batch, dp_rank: 0, #new-seq: 2,"),
    ],
)
def test_a_broken_line_is_named_and_never_skipped(tmp_path: Path, form: str, line: str) -> None:
    error = refused(tmp_path, form, f"start\n{line}\nend\n")
    assert error.line == 2
    assert error.problem.startswith("the line is not a whole")
    error = refused(tmp_path, form, f"start\n{line}")
    assert (error.problem, error.line) == ("the last line is cut off", 2)


@pytest.mark.parametrize(
    ("form", "line"),
    [
        ("vllm", VLLM.format(dp=0, n=1).replace("500", "5" * 30)),
        ("tensorrt-llm", TENSORRT.format(rank=0, n="9" * 5000, scheduled="num_scheduled_requests = 6")),
        ("sglang", "Prefill batch, " + PREFILL.format(r="2147483648")),
    ],
)
def test_a_number_that_no_engine_means_is_out_of_range(tmp_path: Path, form: str, line: str) -> None:
    error = refused(tmp_path, form, line + "\n")
    assert error.problem.endswith("is out of range")
    assert len(str(error)) < 300


def test_other_lines_of_a_log_may_hold_any_bytes(tmp_path: Path) -> None:
    path = tmp_path / "engine.log"
    path.write_bytes(b"\xff\xfe prompt\r\n" + VLLM.format(dp=0, n=0).encode() + b"\r\n\xc3\n")
    assert form_of(path).name == "vllm"
    (batch,) = FORMS["vllm"].read(read_blocks(path), "engine.log", CONFIG)
    assert batch.lines.tolist() == [2]
