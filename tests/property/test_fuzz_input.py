"""Whatever is in a file, the command answers with an exit code and, for a bad file, one line."""

import contextlib
import io
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from schedproof import NEWEST, REFERENCE, ServingConfig
from schedproof_gate.check import changes, checking
from schedproof_gate.command_line import main
from schedproof_spec import INVARIANTS, Invariant, Verdict, decide

NUM_FILES = 10_000
SEED = 7438

DECODE_NODE = """\
engine: fastdeploy
policy: 7756
args:
  splitwise_role: decode
  speculative_config: {method: mtp, num_speculative_tokens: 3}
  max_num_seqs: 100
  max_num_batched_tokens: 8192
env: {FD_DISABLE_CHUNKED_PREFILL: 1}
accept:
  - {invariant: progress, reason: known, until: 2027-01-31}
"""
COMPOSE = """\
services:
  llm:
    image: fastdeploy
    environment: [FD_DETERMINISTIC_MODE=1]
    command: fastdeploy serve --max-num-seqs ${N:-8} --splitwise-role decode
"""
POD = """\
kind: Pod
spec:
  containers:
    - {name: a, command: [fastdeploy, serve], args: [--max-num-seqs, $(N)], env: [{name: N, value: "8"}]}
"""
JSON_NODE = '{"engine": "fastdeploy", "args": {"max_num_seqs": 8, "speculative_config": {"method": "mtp"}}}\n'
TOML_NODE = 'engine = "fastdeploy"\n[args]\nmax-num-seqs = 8\nspeculative_config = {method = "ngram"}\n'
SCRIPT = """\
export FD_DISABLE_CHUNKED_PREFILL=1; N=8
python -m fastdeploy.entrypoints.openai.api_server --model "$M" --max-num-seqs $N \\
  --speculative-config '{"method": "mtp", "num_speculative_tokens": 3}' > log 2>&1 &
"""
SEEDS = [("yaml", DECODE_NODE), ("json", JSON_NODE), ("toml", TOML_NODE), ("sh", SCRIPT), ("txt", SCRIPT)]
SEEDS += [("yaml", COMPOSE), ("yml", POD)]

WORDS = """
{ } [ ] : , - = # ' " ` $ ( ) < > & | ; \\ ! % @ * ? ~ << &a *a !!int !!python/object:os.system --- ...
$N ${N} ${N:-8} $(x) $((1+1)) "$@" <<EOF 0 -1 8.5 1e9 0x10 010 1_000 1:30 .inf NaN true null yes
2147483647 2147483648 99999999999999999999999999 '8' "8" [8] {a:8} engine args policy platform env model_config
fastdeploy vllm mtp ngram decode max_num_seqs --max-num-seqs --max-num-batchd-tokens --max-num-batched-tokens=1
--config --model speculative_config --speculative-config FD_DISABLE_CHUNKED_PREFIL=1 accept
"""
TOKENS = [
    *WORDS.split(),
    "\0",
    "\n",
    "\r\n",
    "\t",
    " ",
    "\ufeff",
    "\u2028",
    "\x85",
    "é",
    "\x1b[31m",
    "\x07",
    "{" * 40,
    "[" * 40,
    "a.b." * 20,
    "- " * 40,
    "9" * 5000,
    "x" * 300,
    "\n  ",
    "\nmax_num_seqs: 8\n",
    "\\\n",
]

FIELDS = ("max_num_seqs", "max_num_batched_tokens", "max_model_len", "block_size", "splitwise_role", "policy")


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
            other = rng.choice(SEEDS)[1].encode()
            return content[:position] + other[rng.randrange(len(other)) :]
    return b"\n".join(lines)


def generated(rng: random.Random) -> bytes:
    """Return a file made of random lines from the vocabulary of deployments."""
    lines = []
    for _ in range(rng.randrange(1, 8)):
        key = rng.choice([rng.choice(FIELDS), rng.choice(TOKENS)])
        value = rng.choice([str(rng.randrange(-5, 5000)), rng.choice(TOKENS)])
        indent = "  " * rng.randrange(3)
        lines.append(indent + rng.choice([f"{key}: {value}", f"{key} = {value}", f"{key} {value}"]))
    return "\n".join(lines).encode()


def files() -> Iterator[tuple[str, bytes]]:
    """Yield suffix and content of every file, the same ones each time."""
    rng = random.Random(SEED)
    for _ in range(NUM_FILES):
        suffix, text = rng.choice(SEEDS)
        content = text.encode() if rng.random() < 0.9 else generated(rng)
        for _ in range(rng.choice([0, 1, 1, 1, 2, 4, 8])):
            content = mutated(rng, content)
        yield rng.choice([suffix, suffix, suffix, "yaml", "json", "toml", "sh", "conf"]), content


def run(path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str, str]:
    """Run the command in this process; return its exit code and what it printed."""
    monkeypatch.setattr(sys, "argv", ["schedproof", "check", str(path), "--format", "json"])
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as caught:
        main()
    assert isinstance(caught.value.code, int)
    return caught.value.code, out.getvalue(), err.getvalue()


def test_every_file_gets_an_exit_code_and_a_bad_one_a_single_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The readers and the command are fuzzed; in place of deciding each deployment, one held and one violated
    # verdict of the prover are remembered.
    def remembered(invariant: Invariant, policy: object, config: ServingConfig) -> Verdict:
        return decide(INVARIANTS["message_fits"], REFERENCE if config.max_num_seqs < 50 else NEWEST)

    monkeypatch.setattr(checking, "decide", remembered)
    monkeypatch.setattr(changes, "find_repairs", lambda *_: [])
    monkeypatch.setattr(changes, "find_repairs_of", lambda *_: [])
    monkeypatch.setattr(changes, "reference_keeps", lambda *_: True)
    codes: Counter[int] = Counter()
    problems: set[str] = set()
    for number, (suffix, content) in enumerate(files()):
        path = tmp_path / f"f.{suffix}"
        path.write_bytes(content)
        try:
            code, out, err = run(path, monkeypatch)
        except BaseException as error:
            raise AssertionError(f"file {number} (.{suffix}): {content!r}") from error
        assert code in (0, 1, 2, 3), content
        if code == 2:
            assert json.loads(out)["verdict"] == "error", content
            assert err.endswith("\n"), content
            assert all(line.startswith("schedproof: ") and len(line) < 1000 for line in err.splitlines()), content
            problems.add(err.removeprefix(f"schedproof: {path}").split("; ")[-1])
        else:
            assert (err, out[:1]) == ("", "{"), content
        codes[code] += 1
    assert sum(codes.values()) == NUM_FILES
    assert min(codes[0], codes[1], codes[2]) > 50, f"the fuzz has become one-sided: {codes}"
    assert len(problems) > 30, sorted(problems)
