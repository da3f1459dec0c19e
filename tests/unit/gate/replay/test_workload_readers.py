from pathlib import Path

import pytest

from schedproof import MultimodalItem
from schedproof_gate.deployment.line_file import MAX_LINE_BYTES
from schedproof_gate.errors import InputError
from schedproof_gate.replay.workloads.arrival import Arrival, block_hashes
from schedproof_gate.replay.workloads.formats import FORMATS, Workload, recognised_format

AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
CSV = "arrival_s,num_prompt_tokens,max_new_tokens,request_id\n"


def workload(tmp_path: Path, text: str | bytes, form: str | None = None, **options: object) -> Workload:
    path = tmp_path / "trace"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Workload(path=path, format=form or recognised_format(path), **options)  # type: ignore[arg-type]


def read(
    tmp_path: Path, text: str | bytes, form: str | None = None, **options: object
) -> list[tuple[int, Arrival]]:
    return list(workload(tmp_path, text, form, **options).arrivals())


def refused(tmp_path: Path, text: str | bytes, form: str | None = None) -> InputError:
    with pytest.raises(InputError) as caught:
        read(tmp_path, text, form)
    assert "\n" not in str(caught.value)
    return caught.value


def test_azure_counts_microseconds_from_the_first_request_and_drops_digits_below(tmp_path: Path) -> None:
    rows = "2023-11-16 18:17:03.9799609,4808,10\n2023-11-16 18:17:04.0319600,3180,8\n"
    first, second = read(tmp_path, AZURE + rows)
    assert [(at, a.request_id, a.num_prompt_tokens, a.max_new_tokens) for at, a in (first, second)] == [
        (0, "2", 4808, 10),
        (52_000, "3", 3180, 8),
    ]


def test_azure_takes_times_with_a_zone_and_columns_in_any_order(tmp_path: Path) -> None:
    header = "GeneratedTokens,TIMESTAMP,ContextTokens\n"
    rows = "1,2024-05-10 00:00:00+00:00,5\n2,2024-05-10 02:00:01+02:00,6\n"
    (_, first), (at, second) = read(tmp_path, header + rows)
    assert (first.num_prompt_tokens, second.max_new_tokens, at) == (5, 2, 1_000_000)


def test_mooncake_counts_milliseconds_and_keeps_hashes_of_512_tokens(tmp_path: Path) -> None:
    line = '{"timestamp": 27482, "input_length": 1100, "output_length": 52, "hash_ids": [46, 47, 48]}\n'
    later = '{"timestamp": 27483.5, "input_length": 3, "output_length": 2}\n'
    (_, first), (at, second) = read(tmp_path, line + later)
    assert (first.prefix_hashes, first.tokens_per_hash, at) == ((46, 47, 48), 512, 1500)
    assert second.prefix_hashes == ()


def test_json_lines_of_your_own_carry_names_items_and_hashes(tmp_path: Path) -> None:
    text = (
        '{"arrival_s": 0.5, "num_prompt_tokens": 200, "max_new_tokens": 3, "request_id": "a", '
        '"items": [[10, 20], [20, 30]], "block_hashes": ["x", 7]}\n'
        '{"arrival_s": 1, "num_prompt_tokens": 5, "max_new_tokens": 1}\n'
    )
    (_, first), (at, second) = read(tmp_path, text)
    assert (first.request_id, first.items, first.prefix_hashes, first.tokens_per_hash) == (
        "a",
        (MultimodalItem(start=10, end=20), MultimodalItem(start=20, end=30)),
        ("x", 7),
        None,
    )
    assert (second.request_id, at) == ("2", 500_000)


def test_csv_of_your_own_may_name_requests(tmp_path: Path) -> None:
    (_, named), (_, unnamed) = read(tmp_path, CSV + '0, 10, 2, "a, b"\n0.25,11,3,\n')
    assert (named.request_id, named.num_prompt_tokens, unnamed.request_id) == ("a, b", 10, "3")


def test_blank_lines_a_byte_order_mark_and_carriage_returns_do_not_count(tmp_path: Path) -> None:
    rows = read(tmp_path, b"\xef\xbb\xbf\r\n" + (CSV + "\r\n0,10,2,\r\n").encode())
    assert [arrival.line for _, arrival in rows] == [4]


def test_the_rate_can_be_scaled_and_the_trace_cut(tmp_path: Path) -> None:
    text = CSV + "1,10,2,\n3,10,2,\n9,10,2,\n"
    assert [at for at, _ in read(tmp_path, text, rate_scale=4.0, limit=2)] == [0, 500_000]


def test_a_limit_reads_no_further(tmp_path: Path) -> None:
    assert len(read(tmp_path, CSV + "1,10,2,\nnonsense\n", limit=1)) == 1


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (AZURE, "azure"),
        (CSV, "csv"),
        ('{"timestamp": 0, "input_length": 1, "output_length": 1}\n', "mooncake"),
        ('  {"arrival_s": 0, "num_prompt_tokens": 1, "max_new_tokens": 1}\n', "jsonl"),
    ],
)
def test_each_form_is_recognised(tmp_path: Path, text: str, form: str) -> None:
    assert workload(tmp_path, text).format == form
    assert [name for name, known in FORMATS.items() if known.recognises(text)] == [form]


@pytest.mark.parametrize(
    ("text", "line", "key", "problem"),
    [
        (
            AZURE + "2023-11-16 18:17,1,1\n2023-11-16 18:16,1,1\n",
            3,
            "",
            "arrives 60 s before the request of line 2",
        ),
        (AZURE + "2023-11-16 18:17,1\n", 2, "", "2 columns where the header has 3"),
        (AZURE + "2023-11-16 18:17,1,1,1\n", 2, "", "4 columns where the header has 3"),
        (AZURE + "soon,1,1\n", 2, "TIMESTAMP", "'soon' is not a date with a time"),
        (AZURE + ",1,1\n", 2, "TIMESTAMP", "is missing"),
        (AZURE + "2023-11-16,-1,1\n", 2, "ContextTokens", "'-1' is out of range"),
        (AZURE + "2023-11-16,1,nan\n", 2, "GeneratedTokens", "'nan' is not a whole number"),
        (AZURE + "2023-11-16,1,1.5\n", 2, "GeneratedTokens", "'1.5' is not a whole number"),
        (AZURE + "2023-11-16,1,2147483648\n", 2, "GeneratedTokens", "'2147483648' is out of range"),
        (AZURE + '"2023-11-16,1,1\n', 2, "", "not a CSV line: unexpected end of data"),
        (AZURE[:-1] + ",TIMESTAMP\n", 1, "", "the column 'TIMESTAMP' is given twice"),
        (CSV + "0,1,1,a\n1,1,1,b\n2,1,1,a\n", 4, "request_id", "'a' is already the request of line 2"),
        (CSV + "nan,1,1,a\n", 2, "arrival_s", "'nan' is not a finite number"),
        (CSV + "soon,1,1,a\n", 2, "arrival_s", "'soon' is not a number"),
        (CSV + "-0.1,1,1,a\n", 2, "arrival_s", "'-0.1' is out of range"),
        ("arrival_s,max_new_tokens\n", 1, "num_prompt_tokens", "the column is missing"),
        ('{"arrival_s": 0, "num_prompt_tokens": 1', 1, "", "not valid JSON: Expecting ',' delimiter (column 40)"),
        ('{"arrival_s": NaN}\n', 1, "", "not valid JSON: NaN is not a JSON number"),
        ('{"arrival_s": 1, "arrival_s": 2}\n', 1, "", "not valid JSON: the key 'arrival_s' is given twice"),
        ('{"arrival_s": 1e999}\n', 1, "num_prompt_tokens", "is missing"),
        (
            '{"arrival_s": true, "num_prompt_tokens": 1, "max_new_tokens": 1}',
            1,
            "arrival_s",
            "true is not a number",
        ),
    ],
)
def test_what_cannot_be_used_is_named_with_its_line(
    tmp_path: Path, text: str, line: int, key: str, problem: str
) -> None:
    error = refused(tmp_path, text)
    assert (error.problem, error.line, error.key) == (problem, line, key)
    assert error.advice


@pytest.mark.parametrize(
    ("fields", "key", "problem"),
    [
        ('"num_prompt_tokens": true', "num_prompt_tokens", "true is not a whole number"),
        ('"num_prompt_tokens": [1]', "num_prompt_tokens", "a list is not a whole number"),
        ('"num_prompt_tokens": null', "num_prompt_tokens", "is missing"),
        ('"num_prompt_tokens": 9, "items": [[2, 12]]', "items", "[2, 12] is empty, overlaps"),
        ('"num_prompt_tokens": 9, "items": [[2, 4], [3, 5]]', "items", "[3, 5] is empty, overlaps"),
        ('"num_prompt_tokens": 9, "items": [[2, 2]]', "items", "[2, 2] is empty, overlaps"),
        ('"num_prompt_tokens": 9, "items": [[2.0, 4]]', "items", "an item is not [start, end]"),
        ('"num_prompt_tokens": 9, "items": {"a": 1}', "items", "a JSON object is not a list"),
        ('"num_prompt_tokens": 9, "block_hashes": [1.5]', "block_hashes", "1.5 is not a hash"),
        ('"num_prompt_tokens": 9, "request_id": 1.5', "request_id", "1.5 is not a name"),
        ('"num_prompt_tokens": 9, "item": []', "item", "unknown key"),
        ('"num_prompt_tokens": ' + "9" * 5000, "", "a number of 5000 characters"),
    ],
)
def test_a_value_of_json_lines_is_named_by_its_key(tmp_path: Path, fields: str, key: str, problem: str) -> None:
    error = refused(tmp_path, f'{{"arrival_s": 0, "max_new_tokens": 1, {fields}}}\n')
    assert (error.key, error.line) == (key, 1)
    assert error.problem.startswith(problem)


def test_keys_that_look_like_no_other_are_left_alone(tmp_path: Path) -> None:
    text = '{"arrival_s": 0, "num_prompt_tokens": 1, "max_new_tokens": 1, "user": "x"}\n'
    assert len(read(tmp_path, text)) == 1


def test_more_hashes_than_the_prompt_has_room_for_are_a_contradiction(tmp_path: Path) -> None:
    error = refused(tmp_path, '{"timestamp": 0, "input_length": 1024, "output_length": 1, "hash_ids": [1, 2, 3]}')
    assert error.problem == "3 hashes of 512 tokens for a prompt of 1024, which has room for 2"
    assert "--tokens-per-hash" in error.advice
    text = '{"timestamp": 0, "input_length": 48, "output_length": 1, "hash_ids": [1, 2, 3]}'
    ((_, arrival),) = read(tmp_path, text, tokens_per_hash=16)
    assert arrival.tokens_per_hash == 16


def test_a_forced_form_is_believed(tmp_path: Path) -> None:
    assert refused(tmp_path, AZURE, "mooncake").problem.startswith("not valid JSON")
    assert refused(tmp_path, "[" * 100_000, "jsonl").problem == "not valid JSON: it is nested too deeply"
    assert refused(tmp_path, "[1]", "jsonl").problem == "a list is not a JSON object"
    assert refused(tmp_path, "a,b\n", "azure").problem == "the column is missing"


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        (b"", None, "the file is empty"),
        (b"\n \n", None, "the file is empty"),
        (b"\xff\xfe\0", 1, "the file is not UTF-8 text"),
        (CSV.encode() + b"0,1,1,\n0,1,1,\xff\n", 3, "the file is not UTF-8 text"),
        (CSV.encode() + b"0,1,\0,a\n", 2, "the file has a NUL byte"),
        (CSV.encode() + b"0," + b"1" * MAX_LINE_BYTES, 2, f"the line is longer than {MAX_LINE_BYTES} bytes"),
        (b"hello\n", 1, "is not a known form of request trace"),
        (b"TIMESTAMP,ContextTokens\n", 1, "is not a known form of request trace"),
    ],
)
def test_a_file_that_is_no_trace_is_refused(tmp_path: Path, content: bytes, line: int | None, problem: str) -> None:
    error = refused(tmp_path, content)
    assert (error.problem, error.line) == (problem, line)


def test_a_path_that_is_no_file_is_refused(tmp_path: Path) -> None:
    for path, problem in ((tmp_path, "is a directory"), (tmp_path / "absent", "no such file")):
        with pytest.raises(InputError, match=problem):
            recognised_format(path)


def arrival(prompt: int, hashes: tuple[int, ...], tokens_per_hash: int | None) -> Arrival:
    return Arrival(
        line=1,
        request_id="a",
        time_us=0,
        num_prompt_tokens=prompt,
        max_new_tokens=1,
        prefix_hashes=hashes,
        tokens_per_hash=tokens_per_hash,
    )


def test_a_block_has_the_hash_that_covers_its_end_and_where_it_ends_there() -> None:
    assert block_hashes(arrival(9, (7, 8, 9), 4), block_size=2) == ((7, 2), (7, 4), (8, 2), (8, 4))
    assert block_hashes(arrival(9, (7, 8, 9), 4), block_size=3) == ((7, 3), (8, 2), (9, 1))
    assert block_hashes(arrival(20, (7, 8), 4), block_size=8) == ((8, 4),)
    assert block_hashes(arrival(5, (7, 8, 9), None), block_size=2) == (7, 8)


def test_prompts_share_blocks_exactly_as_far_as_their_hashes_agree() -> None:
    one = block_hashes(arrival(1600, (1, 2, 3, 4), 512), block_size=64)
    other = block_hashes(arrival(1700, (1, 2, 9, 5), 512), block_size=64)
    agreeing = [left == right for left, right in zip(one, other, strict=False)]
    assert agreeing == [True] * 16 + [False] * 9
