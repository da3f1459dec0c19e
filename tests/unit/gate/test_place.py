"""A finding points at the flag: its line and, where they are known, its columns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from schedproof_gate.command_line import cli
from schedproof_gate.report.place import Columns, columns_of

REFUSED = {
    "a.yaml": "engine: fastdeploy\nargs:\n  max_num_batched_tokens: 100\n  max_num_seqs: 128\n",
    "a.sh": "fastdeploy serve --max-num-batched-tokens 100 \\\n    --max-num-seqs=128\n",
    "compose.yaml": (
        "services:\n  node:\n    image: fastdeploy\n    command: >\n"
        "      fastdeploy serve --max-num-batched-tokens 100\n      --max-num-seqs 128\n"
    ),
}


def sarif(*words: str) -> dict[str, Any]:
    done = CliRunner().invoke(cli, ["check", *words, "--format", "sarif"], standalone_mode=False)
    (run,) = json.loads(done.stdout)["runs"]
    assert run["columnKind"] == "unicodeCodePoints"
    return run


def pointed_at(run: dict[str, Any]) -> str:
    """Return the text that the first result points at."""
    place = run["results"][0]["locations"][0]["physicalLocation"]
    region = place["region"]
    line = Path(place["artifactLocation"]["uri"]).read_text(encoding="utf-8").split("\n")[region["startLine"] - 1]
    return line[region["startColumn"] - 1 : region["endColumn"] - 1]


@pytest.mark.parametrize("name", list(REFUSED))
def test_a_refused_start_points_at_the_flag(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_text(REFUSED[name], encoding="utf-8")
    assert pointed_at(sarif(name)).lstrip("-").replace("-", "_") in ("max_num_seqs", "max_num_batched_tokens")


def test_what_cannot_be_read_points_at_the_flag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.sh").write_text("fastdeploy serve --max-num-seqs x\n", encoding="utf-8")
    assert pointed_at(sarif("a.sh")) == "--max-num-seqs"


@pytest.mark.parametrize(
    ("text", "spelling", "columns"),
    [
        ("a: 1", "a", Columns(1, 2)),
        ("é --seqs 1", "--seqs", Columns(3, 9)),
        ('  spec: {"k": 1}', "spec.k", Columns(11, 12)),
        ("--seqs 1 --seqs 2", "--seqs", None),
        ("--seqs-max 1", "--seqs", None),
        ("a: 1", "b", None),
        ("a: 1", "", None),
    ],
)
def test_columns_are_those_of_the_only_such_word(
    text: str, spelling: str, columns: Columns | None, tmp_path: Path
) -> None:
    file = tmp_path / "f"
    file.write_text(f"first\n{text}\n", encoding="utf-8")
    assert columns_of(str(file), 2, spelling) == columns


def test_there_are_no_columns_where_there_is_no_such_line(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("a: 1\n", encoding="utf-8")
    assert columns_of(str(file), 9, "a") is None
    assert columns_of(str(file), None, "a") is None
    assert columns_of("standard input", 1, "a") is None
