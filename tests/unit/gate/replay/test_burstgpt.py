"""BurstGPT's columns are read as they are published."""

from __future__ import annotations

from pathlib import Path

from schedproof_gate.replay.workloads.formats import Workload, recognised_format

TRACE = """Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type
3,ChatGPT,120,30,150,Conversation log
4.25,GPT-4,55,18,73,API log
"""


def test_burstgpt_is_recognised_and_read(tmp_path: Path) -> None:
    path = tmp_path / "burst.csv"
    path.write_text(TRACE, encoding="utf-8")
    assert recognised_format(path) == "burstgpt"
    found = list(Workload(path=path, format="burstgpt").arrivals())
    assert [(time_us, each.num_prompt_tokens, each.max_new_tokens) for time_us, each in found] == [
        (0, 120, 30),
        (1_250_000, 55, 18),
    ]
