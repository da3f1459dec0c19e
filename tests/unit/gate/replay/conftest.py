"""Short replays for pictures and pages."""

import json
from pathlib import Path
from typing import Any

import pytest

from schedproof_gate.replay.command import replay, replay_of
from schedproof_gate.replay.findings import Replay
from schedproof_gate.replay.options import ReplayOptions

DEPLOYMENT = """\
engine: fastdeploy
args:
  max_model_len: 2048
  max_num_seqs: 16
  max_num_batched_tokens: 128
  num_gpu_blocks_override: 400
  speculative_config: {method: mtp, num_speculative_tokens: 5}
"""


@pytest.fixture
def replayed(tmp_path: Path) -> Any:
    deployment, trace = tmp_path / "a&b.yaml", tmp_path / "<trace>.jsonl"
    deployment.write_text(DEPLOYMENT)
    requests = [{"arrival_s": number / 20, "num_prompt_tokens": 300, "max_new_tokens": 60} for number in range(12)]
    trace.write_text("".join(json.dumps(request) + "\n" for request in requests))

    def run(*policies: str) -> Replay:
        words = [str(trace), "--config", str(deployment), *(w for name in policies for w in ("--policy", name))]
        return replay_of(ReplayOptions(**replay.make_context("replay", words).params))

    return run
