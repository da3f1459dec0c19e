"""The exact form: what is read, and every way in which a file is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from schedproof import Phase, ServingConfig
from schedproof.step_record import RecordedRequest, RecordedStep, TraceHeader, header_line, step_line
from schedproof_gate.audit.traces import blocks
from schedproof_gate.audit.traces.blocks import read_blocks
from schedproof_gate.audit.traces.columns import ABSENT, StepBatch
from schedproof_gate.audit.traces.recorded_steps import (
    HeaderFields,
    RequestFields,
    StepFields,
    read_recorded_steps,
)
from schedproof_gate.errors import InputError

STEP = {"step": 1, "num_decoding": 1, "num_decode_tokens": 4, "num_prefill_tokens": 6}
DECODE = {"request_id": "a", "phase": "decode", "num_tokens": 4}
CHUNK = {"request_id": "b", "phase": "prefill", "num_tokens": 6}


def batches(folder: Path, content: str | bytes) -> list[StepBatch]:
    path = folder / "steps.jsonl"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read_recorded_steps(read_blocks(path), "steps.jsonl", ServingConfig()))


def refused(folder: Path, content: str | bytes) -> InputError:
    with pytest.raises(InputError) as caught:
        batches(folder, content)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600
    return caught.value


def lines(*records: dict[str, Any]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def test_the_reader_knows_the_fields_of_the_record() -> None:
    assert set(StepFields.__struct_fields__) == set(RecordedStep.__slots__)
    assert set(RequestFields.__struct_fields__) == set(RecordedRequest.__slots__)
    assert set(HeaderFields.__struct_fields__) == {"schema", *TraceHeader.__slots__}


def test_what_the_reference_writes_is_read(tmp_path: Path) -> None:
    request = RecordedRequest(
        request_id="ä",
        phase=Phase.ADMISSION,
        num_tokens=6,
        num_computed_tokens=0,
        need_prefill_tokens=9,
        num_blocks=1,
    )
    step = RecordedStep(
        step=7,
        num_decoding=0,
        num_decode_tokens=0,
        num_prefill_tokens=6,
        num_slots_used=1,
        num_free_blocks=3,
        budget=-2,
        timestamp_s=0.25,
        requests=(request,),
    )
    (batch,) = batches(tmp_path, header_line(TraceHeader(engine="e", num_kv_blocks=4)) + step_line(step))
    assert batch.header == TraceHeader(engine="e", num_kv_blocks=4)
    assert (batch.lines.tolist(), batch.steps.tolist(), batch.is_exact) == ([2], [7], True)
    assert (batch.low.budget.tolist(), batch.low.launch_tokens.tolist()) == ([-2], [ABSENT])
    requests = batch.requests
    assert requests is not None
    assert (requests.request_ids, requests.is_decode.tolist(), requests.is_admission.tolist()) == (
        ["ä"],
        [False],
        [True],
    )
    assert (requests.num_prefill_tokens_left.tolist(), requests.num_total_tokens.tolist()) == ([9], [ABSENT])


def test_lines_keep_their_numbers_across_blocks_blank_lines_and_marks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 64)
    content = "\ufeff\n" + "\r\n \n".join(json.dumps(STEP | {"step": n}) for n in range(20))
    found = [int(line) for batch in batches(tmp_path, content) for line in batch.lines]
    assert found == [2 + 2 * n for n in range(20)]


def test_a_header_further_down_begins_anew(tmp_path: Path) -> None:
    header = {"schema": "schedproof/step/1", "engine": "e", "started": {"by": ["a", "person"]}}
    found = batches(
        tmp_path, lines(header, STEP | {"step": 5, "timestamp_s": 9}, header, STEP | {"timestamp_s": 1})
    )
    assert [(batch.begins_anew, batch.lines.tolist()) for batch in found] == [(True, [2]), (True, [4])]


@pytest.mark.parametrize("block_bytes", [16, 100, 1 << 20])
def test_missing_steps_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_bytes: int) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", block_bytes)
    header = {"schema": "schedproof/step/1"}
    steps = [STEP | {"step": step} for step in (5, 6, 14)]
    found = batches(tmp_path, lines(*steps, header, STEP | {"step": 99}, STEP | {"step": 101}))
    assert sum(batch.num_missing for batch in found) == 7 + 1


@pytest.mark.parametrize(
    ("fields", "key", "problem"),
    [
        ({"num_decoding": -1}, "num_decoding", "expected 'int' >= 0"),
        ({"num_decoding": 1.5}, "num_decoding", "expected 'int', got 'float'"),
        ({"num_decoding": "1"}, "num_decoding", "expected 'int', got 'str'"),
        ({"num_decoding": True}, "num_decoding", "expected 'int', got 'bool'"),
        ({"num_decoding": None}, "num_decoding", "expected 'int', got 'null'"),
        ({"num_decoding": [[[]]]}, "num_decoding", "expected 'int', got 'array'"),
        ({"num_decode_tokens": 2**31}, "num_decode_tokens", "expected 'int' <= 2147483647"),
        ({"budget": -(2**31)}, "budget", "expected 'int' >= -2147483647"),
        ({"step": 10**30}, "step", "expected 'int' <= 2147483647"),
        ({"timestamp_s": -0.5}, "timestamp_s", "expected 'float' >= 0.0"),
        ({"num_prefil_tokens": 3}, "", "object contains unknown field 'num_prefil_tokens'"),
        ({"requests": {"a": 1}}, "requests", "expected 'array | null', got 'object'"),
        ({"requests": [DECODE | {"phase": "idle"}]}, "requests[0].phase", "invalid enum value 'idle'"),
        ({"requests": [{"request_id": "a"}]}, "requests[0]", "object missing required field 'phase'"),
        ({"requests": [DECODE | {"request_id": 3}]}, "requests[0].request_id", "expected 'str', got 'int'"),
    ],
)
def test_a_wrong_field_is_named_with_its_line_and_key(
    tmp_path: Path, fields: dict[str, Any], key: str, problem: str
) -> None:
    error = refused(tmp_path, lines(STEP | {"step": 0}, STEP | fields, STEP | {"step": 2}))
    assert (error.line, error.key) == (2, key)
    assert error.problem.lower().startswith(problem)


def test_a_misspelt_field_names_the_right_one(tmp_path: Path) -> None:
    assert refused(tmp_path, lines(STEP | {"num_prefil_tokens": 3})).advice == "did you mean num_prefill_tokens?"


@pytest.mark.parametrize(
    ("second", "problem"),
    [
        (STEP, "step 1 is given twice"),
        (STEP | {"step": 0}, "step 0 comes after step 1"),
        (STEP | {"step": 2, "timestamp_s": 4.5}, "4.5 is before 5.0: the clock goes backwards"),
        (STEP | {"step": 2, "requests": [DECODE, CHUNK | {"num_tokens": 5}]}, "6 contradicts the requests"),
        (STEP | {"step": 2, "requests": [DECODE | {"num_tokens": 5}, CHUNK]}, "4 contradicts the requests"),
        (STEP | {"step": 2, "requests": [CHUNK]}, "1 contradicts the requests, which add up to 0"),
        (STEP | {"step": 2, "requests": []}, "1 contradicts the requests, which add up to 0"),
        (STEP | {"step": 2, "requests": [DECODE, CHUNK | {"request_id": "a"}]}, "'a' is listed twice"),
        ({"schema": "schedproof/step/1", "engine": "b"}, "'b' is not 'a', whose steps are above"),
        ({"schema": "schedproof/step/2"}, "'schedproof/step/2' is not schedproof/step/1"),
        ({"schema": 1}, "expected 'str', got 'int'"),
    ],
)
def test_what_contradicts_the_line_or_those_before_is_refused(
    tmp_path: Path, second: dict[str, Any], problem: str
) -> None:
    header = {"schema": "schedproof/step/1", "engine": "a"}
    error = refused(tmp_path, lines(header, STEP | {"timestamp_s": 5}, second))
    assert error.line == 3
    assert error.problem.startswith(problem)


def test_order_is_kept_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 16)
    assert refused(tmp_path, lines(STEP | {"step": 9}, STEP | {"step": 9})).problem == "step 9 is given twice"
    error = refused(
        tmp_path, lines(STEP | {"timestamp_s": 2}, STEP | {"step": 9}, STEP | {"step": 10, "timestamp_s": 1})
    )
    assert (error.problem, error.line) == ("1.0 is before 2.0: the clock goes backwards", 3)


@pytest.mark.parametrize(
    ("content", "problem", "line"),
    [
        (b"", "the file is empty", None),
        (b"\xef\xbb\xbf", "the file is empty", None),
        (b"{}\n", "object missing required field 'step'", 1),
        (b"[1]\n", "expected 'object', got 'array'", 1),
        (b"null\n", "expected 'object', got 'null'", 1),
        (b'{"step": NaN}\n', "not valid JSON", 1),
        (lines(STEP).encode().replace(b": 4", b": NaN"), "not valid JSON", 1),
        (lines(STEP | {"timestamp_s": float("inf")}).encode(), "not valid JSON", 1),
        (lines(STEP).encode().replace(b": 4", b": 1e999"), "number out of range", 1),
        (lines(STEP).encode() + b"}{\n", "not valid JSON", 2),
        (lines(STEP).encode() + lines(STEP | {"step": 2}).encode()[:20], "the last line is cut off", 2),
        (lines(STEP | {"requests": [DECODE]}).encode().replace(b'"a"', b'"\xff"'), "not valid JSON", 1),
        (b"\xff\xfe{\0\n", "the file has a NUL byte", 1),
        (lines(STEP).encode() + b"\n\0", "the file has a NUL byte", 3),
        (b"\x1f\x8b\x08\x00abc", "the file is compressed", None),
        (b"\x28\xb5\x2f\xfdabc", "the file is compressed", None),
        (b"[" * 200_000 + b"\n", "expected 'object', got 'array'", 1),
        (b'{"a":' * 200_000 + b"\n", "object contains unknown field 'a'", 1),
        (b'{"schema":"schedproof/step/1","x":' + b"[" * 200_000 + b"\n", "not valid JSON", 1),
        (b'{"step":' + b"9" * 1_000_000 + b"}\n", "integer value out of range", 1),
    ],
)
def test_content_that_is_no_record_is_refused_in_one_line(
    tmp_path: Path, content: bytes, problem: str, line: int | None
) -> None:
    error = refused(tmp_path, content)
    assert error.problem.lower().startswith(problem.lower())
    assert error.line == line


def test_an_enormous_line_is_refused_before_it_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "MAX_LINE_BYTES", 1 << 16)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1 << 12)
    error = refused(tmp_path, lines(STEP).encode() + b" " * (1 << 17))
    assert (error.problem, error.line) == ("the line is longer than 65536 bytes", 2)
