"""Whatever stands in a `schedproof.toml` or a baseline, it is read or refused with one line."""

import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from test_fuzz_input import mutated

from schedproof_gate.accept.acceptance import Acceptance
from schedproof_gate.accept.baseline import read_baseline
from schedproof_gate.accept.project_file import read_project_file
from schedproof_gate.errors import InputError
from schedproof_gate.rules_by_id import DEPLOYMENT_RULES

NUM_FILES = 2_000
SEED = 7438

PROJECT = """\
[[accept]]
invariant = "progress"
files = "canary/*.yaml"
reason = "known"
until = 2027-01-31

[[accept]]
invariant = "no_overshoot"
reason = "known too"
status = "undecided"
"""
ENTRY = {"files": "../a.yaml", "invariant": "progress", "status": "violated", "reason": "known"}
BASELINE = json.dumps({"schema": "schedproof/baseline/1", "accept": [ENTRY, ENTRY]}, indent=2)

Read = Callable[[Path, Sequence[str]], tuple[Acceptance, ...]]


@pytest.mark.parametrize(("read", "text"), [(read_project_file, PROJECT), (read_baseline, BASELINE)])
def test_every_file_is_read_or_refused(read: Read, text: str, tmp_path: Path) -> None:
    rng, path = random.Random(SEED), tmp_path / "file"
    outcomes: Counter[str] = Counter()
    for number in range(NUM_FILES):
        content = text.encode()
        for _ in range(rng.choice([1, 1, 2, 4])):
            content = mutated(rng, content)
        path.write_bytes(content)
        try:
            for entry in read(path, list(DEPLOYMENT_RULES)):
                entry.covers("a.yaml")
            outcomes["read"] += 1
        except InputError as error:
            assert str(error).count("\n") == 0, content
            assert len(str(error)) < 1000, content
            outcomes["refused"] += 1
        except BaseException as error:
            raise AssertionError(f"file {number}: {content!r}") from error
    assert min(outcomes["read"], outcomes["refused"]) > 50
