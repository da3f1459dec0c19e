"""Whatever is in a trace, the command answers with an exit code and, for a bad trace, one line."""

import contextlib
import io
import random
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from schedproof_gate.command_line import main

NUM_FILES = 3_000
SEED = 7440

DEPLOYMENT = """\
engine: fastdeploy
policy: {policy}
args:
  max_model_len: 256
  max_num_seqs: 4
  max_num_batched_tokens: 64
  num_gpu_blocks_override: 100
  block_size: 16
  speculative_config: {{method: mtp, num_speculative_tokens: 3}}
model_config: {{mm_max_tokens_per_item: {{image: 40}}}}
"""
POLICIES = ("original", "7438", "7756")

AZURE = """\
TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:17:03.9799600,48,10
2023-11-16 18:17:04.0319600,31,8
2023-11-16 18:17:04.0781490,110,27
"""
MOONCAKE = """\
{"timestamp": 27, "input_length": 95, "output_length": 5, "hash_ids": [46]}
{"timestamp": 30, "input_length": 97, "output_length": 6, "hash_ids": [46]}
"""
JSON_LINES = """\
{"arrival_s": 0.5, "num_prompt_tokens": 100, "max_new_tokens": 3, "items": [[10, 30]], "request_id": "a"}
{"arrival_s": 0.7, "num_prompt_tokens": 100, "max_new_tokens": 3, "block_hashes": [1, "x"], "request_id": "b"}
"""
CSV = """\
arrival_s,num_prompt_tokens,max_new_tokens,request_id
0,10,12,a
0.25,250,1,b
"""
SEEDS = (AZURE, MOONCAKE, JSON_LINES, CSV)

WORDS = """
{ } [ ] : , " ' - + . 0 1 -1 1e9 1e999 NaN Infinity null true 9999999999 2147483647 0x10 1_0 é timestamp arrival_s
hash_ids items request_id ContextTokens input_length block_hashes 2023-11-16 0001-01-01 2023-11-16T18:17:04+09:00
"""
TOKENS = [
    *WORDS.split(),
    *("\0", "\n", "\r\n", "\t", " ", "\ufeff", "\u2028", "\x1b[31m", "\n\n", "[" * 2000, "9" * 5000, "x" * 300),
    *("[[0, 5]]", "[[5, 0]]", "9999-12-31 23:59:59.9999999"),
]


def mutated(rng: random.Random, content: bytes) -> bytes:
    """Return the content after one random edit."""
    position = rng.randrange(len(content) + 1)
    end = min(len(content), position + rng.randrange(1, 12))
    lines = content.split(b"\n")
    match rng.randrange(9):
        case 0:
            return content[:position] + rng.choice(TOKENS).encode() + content[position:]
        case 1:
            return content[:position] + rng.choice(TOKENS).encode() + content[end:]
        case 2:
            return content[:position] + content[end:]
        case 3:
            return content[:position] + bytes([rng.randrange(256)]) + content[position + 1 :]
        case 4:
            lines.insert(rng.randrange(len(lines) + 1), rng.choice(lines))
        case 5:
            lines.pop(rng.randrange(len(lines)))
        case 6:
            rng.shuffle(lines)
        case 7:
            return content[:position]
        case _:
            return content[:position] + str(rng.randrange(-3, 400)).encode() + content[end:]
    return b"\n".join(lines)


def traces() -> Iterator[tuple[bytes, list[str]]]:
    """Yield every trace with the options that it is replayed with, the same ones each time."""
    rng = random.Random(SEED)
    for _ in range(NUM_FILES):
        content = rng.choice(SEEDS).encode()
        for _ in range(rng.choice([0, 1, 1, 1, 2, 4, 8])):
            content = mutated(rng, content)
        options = ["--config", f"{rng.choice(POLICIES)}.yaml"]
        options += rng.choice([[], [], ["--skip-refused"], ["--limit", "1"], ["--rate-scale", "1e-6"]])
        options += rng.choice([[]] * 9 + [["--workload-format", rng.choice(["azure", "mooncake", "jsonl", "csv"])]])
        yield content, options


def run(words: list[str], monkeypatch: pytest.MonkeyPatch) -> tuple[int, str, str]:
    """Run the command in this process; return its exit code and what it printed."""
    monkeypatch.setattr(sys, "argv", ["schedproof", "replay", "trace", *words, "--format", "json"])
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as caught:
        main()
    assert isinstance(caught.value.code, int)
    return caught.value.code, out.getvalue(), err.getvalue()


def test_every_trace_gets_an_exit_code_and_a_bad_one_a_single_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for policy in POLICIES:
        Path(f"{policy}.yaml").write_text(DEPLOYMENT.format(policy=policy))
    codes: Counter[int] = Counter()
    problems: set[str] = set()
    for number, (content, options) in enumerate(traces()):
        Path("trace").write_bytes(content)
        try:
            code, out, err = run(options, monkeypatch)
        except BaseException as error:
            raise AssertionError(f"trace {number} with {options}: {content!r}") from error
        assert code in (0, 1, 2, 3), content
        if code == 2:
            assert (out, err.count("\n")) == ("", 1), content
            assert err.startswith("schedproof: "), content
            assert len(err) < 1000, content
            problems.add(err.removeprefix("schedproof: trace").split("; ")[-1])
        else:
            assert (err, out[:1]) == ("", "{"), content
        codes[code] += 1
    assert sum(codes.values()) == NUM_FILES
    assert min(codes[0], codes[1], codes[2]) > 50, f"the fuzz has become one-sided: {codes}"
    assert len(problems) > 20, sorted(problems)
