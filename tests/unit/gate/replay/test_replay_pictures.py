"""What the picture shows is what was measured."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from matplotlib.colors import to_hex
from matplotlib.image import imread
from matplotlib.patches import StepPatch

from schedproof_gate.replay.findings import PolicyReplay, Replay, report_of
from schedproof_gate.replay.page import render_page
from schedproof_gate.replay.panels import BLOCKS, OVERSHOOT, PREFILL, WAITING
from schedproof_gate.replay.pictures import COLUMNS, figure, write_picture
from schedproof_gate.replay.series import Bucket, Series


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


def test_the_pictures_of_a_page_have_a_title_and_a_description(replayed: Any) -> None:
    done = replayed("original", "reference")
    page = render_page(done, report_of(done))
    for number, (name, run) in enumerate(done.runs):
        assert f'aria-labelledby="title-{number} description-{number}"' in page
        assert f'<title id="title-{number}">{name}</title>' in page
        assert f"{run.num_steps:,} steps" in page.partition(f'<desc id="description-{number}">')[2]
    assert page == render_page(done, report_of(done))


def with_one_step_over(done: Replay, num_steps: int) -> Replay:
    """The replay as if it had this many steps, one of which runs a single token too many."""
    (policy,) = done.policies
    assert policy.measured is not None and policy.measured.worst is not None
    limit, series = policy.measured.limit, Series()
    for number in range(num_steps):
        tokens = limit + (number == num_steps // 3)
        series.add(number * 20_000, Bucket(num_steps=1, sum_tokens=tokens, peak_decode_tokens=tokens))
    worst = replace(policy.measured.worst, num_decode_tokens=limit + 1, num_prefill_tokens=0)
    measured = replace(
        policy.measured, series=series, worst=worst, num_steps=num_steps, duration_us=num_steps * 20_000
    )
    return replace(done, policies=(PolicyReplay(policy=policy.policy, measured=measured),))


def test_one_step_over_the_limit_among_many_is_seen(replayed: Any, tmp_path: Path) -> None:
    done = with_one_step_over(replayed("reference"), 100_000)
    ((tokens, _, _),) = panels(done)
    (marks,) = [line for line in tokens.lines if to_hex(line.get_color()) == OVERSHOOT]
    assert len(marks.get_xdata()) == 1
    write_picture(done, tmp_path / "one.png")
    pixels = (imread(tmp_path / "one.png")[:, :, :3] * 255).round().astype(int)
    is_over = (abs(pixels - [int(OVERSHOOT[i : i + 2], 16) for i in (1, 3, 5)]) < 24).all(axis=2)
    is_over[: pixels.shape[0] // 5] = False  # the legend
    rows, columns = is_over.nonzero()
    assert len(rows) >= 8
    assert 0.3 < columns.mean() / pixels.shape[1] < 0.5


@pytest.mark.parametrize("policies", [["reference"], ["original", "7438"]])
def test_no_text_of_the_picture_leaves_it(replayed: Any, policies: list[str]) -> None:
    picture = figure(replayed(*policies))
    picture.draw_without_rendering()
    box = picture.get_tightbbox()
    width, height = picture.get_size_inches()
    assert 0 <= box.x0 < 0.5 and width - 0.6 < box.x1 <= width
    assert 0 <= box.y0 < 0.5 and height - 0.5 < box.y1 <= height
