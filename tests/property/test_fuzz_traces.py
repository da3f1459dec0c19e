"""Whatever is in a trace, `schedproof audit` answers with an exit code and, for a bad file, one line."""

from __future__ import annotations

import contextlib
import io
import random
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from schedproof_gate.command_line import main

NUM_FILES = 4_000
SEED = 7438
TRACES = Path(__file__).parents[2] / "examples" / "traces"
SEEDS = [path.read_bytes() for path in sorted(TRACES.iterdir()) if path.suffix in (".jsonl", ".log")]

NUMBERS = b"0 1 -1 7 64 511 513 4096 2147483647 2147483648 1e3 1e999 0.5 -0.0 NaN Infinity null true".split()
NUMBERS += [b"9" * 40, b"9" * 5000, b'"8"', b"[8]", b'{"a":8}']
PIECES = [
    b"\0",
    b"\n",
    b"\r\n",
    b"\n\n",
    b" ",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\xc3",
    b"{",
    b"}",
    b"[" * 3000,
    b'{"a":' * 3000,
    b'"',
    b"\\u0000",
    b"\\ud800",
    b"\x1f\x8b",
    b"x" * 2000,
    b'{"schema":"schedproof/step/1"}\n',
    b'{"schema":"schedproof/step/1","num_kv_blocks":1}\n',
    b'{"schema":"schedproof/step/9"}\n',
    b'"requests":[]',
    b'"phase":"admission"',
    b"Iteration(3): 1 context requests, ",
    b"Prefill batch, dp_rank: 0, ",
    b"Decode batch. #running-req: 900, ",
    b"iter = 3, rank = 0, states = {}\n",
]
NUMBER = re.compile(rb"-?\d+")
FIELD = re.compile(rb'"\w+":[^,{}\[\]]+,')


def mutated(rng: random.Random, content: bytes) -> bytes:
    """Return the content after one random edit."""
    at = rng.randrange(len(content) + 1)
    match rng.randrange(10):
        case 0 | 1 | 2:
            found = list(NUMBER.finditer(content))
            if not found:
                return content
            match = rng.choice(found)
            return content[: match.start()] + rng.choice(NUMBERS) + content[match.end() :]
        case 3:
            found = list(FIELD.finditer(content))
            if not found:
                return content
            match = rng.choice(found)
            return content[: match.start()] + content[match.end() :]
        case 4:
            return content[:at] + rng.choice(PIECES) + content[at:]
        case 5:
            return content[:at] + rng.choice(PIECES) + content[at + rng.randrange(1, 30) :]
        case 6:
            return content[:at]
        case 7:
            return content[:at] + bytes([rng.randrange(256)]) + content[at + 1 :]
        case 8:
            other = rng.choice(SEEDS)
            return content[:at] + other[rng.randrange(len(other)) :]
        case _:
            lines = content.split(b"\n")
            first, second = rng.randrange(len(lines)), rng.randrange(len(lines))
            lines[first], lines[second] = lines[second], lines[first] if rng.random() < 0.5 else lines[second]
            return b"\n".join(lines)


def files() -> Iterator[bytes]:
    """Yield every file, the same ones each time."""
    rng = random.Random(SEED)
    for _ in range(NUM_FILES):
        content = rng.choice(SEEDS)
        for _ in range(rng.choice([0, 1, 1, 1, 1, 2, 4, 8])):
            content = mutated(rng, content)
        yield content


def run(path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str, str]:
    """Run the command in this process; return its exit code and what it printed."""
    config = str(TRACES / "mixed-mtp.yaml")
    words = ["schedproof", "audit", str(path), "--config", config, "--policy", "7756", "--format", "json"]
    monkeypatch.setattr(sys, "argv", words)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as caught:
        main()
    assert isinstance(caught.value.code, int)
    return caught.value.code, out.getvalue(), err.getvalue()


def test_every_trace_gets_an_exit_code_and_a_bad_one_a_single_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes: Counter[int] = Counter()
    problems: set[str] = set()
    path = tmp_path / "trace"
    for number, content in enumerate(files()):
        path.write_bytes(content)
        try:
            code, out, err = run(path, monkeypatch)
        except BaseException as error:
            raise AssertionError(f"file {number}: {content!r}") from error
        assert code in (0, 1, 2, 3), content
        if code == 2:
            assert (out, err.count("\n")) == ("", 1), content
            assert err.startswith("schedproof: "), content
            assert len(err) < 1000, content
            problems.add(re.sub(r"\d+", "N", err.removeprefix(f"schedproof: {path}").split("; ")[0]))
        else:
            assert (err, out[:1]) == ("", "{"), content
        codes[code] += 1
    assert sum(codes.values()) == NUM_FILES
    assert min(codes[0], codes[1], codes[2]) > 50, f"the fuzz has become one-sided: {codes}"
    assert len(problems) > 60, sorted(problems)
