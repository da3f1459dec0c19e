"""What the picture shows is what was measured."""

import json
from pathlib import Path
from typing import Any

import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import StepPatch

from schedproof_gate.replay.command import replay, replay_of
from schedproof_gate.replay.findings import Replay, report_of
from schedproof_gate.replay.options import ReplayOptions
from schedproof_gate.replay.page import render_page
from schedproof_gate.replay.pictures import BLOCKS, COLUMNS, OVERSHOOT, PREFILL, WAITING, figure

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


def drawn(axis: Any, colour: str) -> StepPatch:
    (patch,) = [p for p in axis.patches if isinstance(p, StepPatch) and to_hex(p.get_facecolor()) == colour.lower()]
    return patch


def tops(axis: Any, colour: str) -> list[float]:
    return list(drawn(axis, colour).get_data().values)


def panels(done: Replay) -> list[list[Any]]:
    return [part.axes for part in figure(done).subfigs[1:]]


def test_no_peak_is_lost_and_what_is_over_the_limit_stands_apart(replayed: Any) -> None:
    done = replayed("original")
    ((_, run),) = done.runs
    ((tokens, blocks, waiting),) = panels(done)
    assert run.worst.num_tokens > run.limit == 128
    assert max(tops(tokens, OVERSHOOT)) == run.worst.num_tokens
    assert max(tops(tokens, PREFILL)) == run.limit
    assert max(tops(blocks, BLOCKS)) == pytest.approx(100 * run.peak_used_blocks / run.num_kv_blocks)
    longest = max(bucket.peak_oldest_wait_us for bucket in run.series.buckets.values())
    assert max(tops(waiting, WAITING)) == pytest.approx(longest / 1e6)
    assert tokens.get_ylim()[1] > run.worst.num_tokens


def test_a_policy_within_the_limit_shows_nothing_above_it(replayed: Any) -> None:
    done = replayed("reference")
    ((tokens, _, _),) = panels(done)
    patch = drawn(tokens, OVERSHOOT).get_data()
    assert list(patch.values) == list(patch.baseline)


def test_policies_stand_side_by_side_on_the_same_scales_and_then_below_each_other(replayed: Any) -> None:
    done = replayed("original", "7438", "7499", "7756", "reference")
    blocks = panels(done)
    assert [len(block) for block in blocks] == [3 * COLUMNS, 3]
    assert len({axis.get_ylim() for block in blocks for axis in block[: len(block) // 3]}) == 1
    assert len({axis.get_xlim() for block in blocks for axis in block}) == 1


def test_the_page_has_every_figure_and_escapes_names(replayed: Any) -> None:
    done = replayed("original", "reference")
    page = render_page(done, report_of(done))
    (_, original), (_, reference) = done.runs
    for run in (original, reference):
        assert f"<td>{run.num_steps:,}</td>" in page
    assert "a&amp;b.yaml" in page and "&lt;trace&gt;.jsonl" in page
    assert "<trace>" not in page
    assert '<span class="verdict violated">violated</span>' in page
    assert "<b>no_overshoot</b>" in page
