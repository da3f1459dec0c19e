from collections import Counter

import pytest

from schedproof_gate.replay.acceptance import Acceptance
from schedproof_gate.replay.step_time import StepTime


def test_a_step_takes_its_base_and_so_much_a_token() -> None:
    time = StepTime(base_latency_us=1000.0, latency_per_token_us=2.5, transfer_per_token_us=0.3)
    assert [time.step_us(tokens) for tokens in (0, 1, 3, 1024)] == [1000, 1002, 1008, 3560]
    assert [time.transfer_us(tokens) for tokens in (0, 1, 10)] == [0, 0, 3]


@pytest.mark.parametrize(("tokens", "measured_ms"), [(1, 30), (512, 54), (1024, 78), (2048, 137)])
def test_the_presets_are_within_a_tenth_of_the_published_profile(tokens: int, measured_ms: float) -> None:
    assert StepTime().step_us(tokens) / 1000 == pytest.approx(measured_ms, rel=0.1)


@pytest.mark.parametrize(("rate", "accepted"), [(0.0, 0), (1.0, 3)])
def test_a_sure_rate_accepts_none_or_all(rate: float, accepted: int) -> None:
    model = Acceptance(rate, num_drafts=3, seed=1)
    assert {model.accepted_drafts("a") for _ in range(200)} == {accepted}


def test_drafts_are_accepted_up_to_the_first_that_is_not() -> None:
    model = Acceptance(0.5, num_drafts=2, seed=1)
    counts = Counter(model.accepted_drafts(str(number % 20)) for number in range(8000))
    # 1/2 reject the first draft, 1/4 the second; eight standard deviations are less than 360.
    assert counts[0] == pytest.approx(4000, abs=360)
    assert counts[1] == pytest.approx(2000, abs=360)
    assert counts[2] == pytest.approx(2000, abs=360)


def test_a_request_has_the_same_luck_in_any_company_and_another_with_another_seed() -> None:
    alone, busy = Acceptance(0.7, 5, seed=3), Acceptance(0.7, 5, seed=3)
    lonely = [alone.accepted_drafts("a") for _ in range(50)]
    crowded = []
    for number in range(50):
        busy.accepted_drafts(f"b{number}")
        crowded.append(busy.accepted_drafts("a"))
    assert lonely == crowded
    other = Acceptance(0.7, 5, seed=4)
    assert [other.accepted_drafts("a") for _ in range(50)] != lonely


def test_without_drafts_none_is_accepted() -> None:
    assert Acceptance(1.0, num_drafts=0, seed=0).accepted_drafts("a") == 0
