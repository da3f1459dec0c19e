"""One sender, and a reset on every rank; upstream's wrong versions show why."""

import numpy as np
import pytest

from schedproof.output.before_7172 import early_return_skips_reset, every_rank_sends
from schedproof.output.output_sender import OutputSender, finish_step, sends

RANKS = range(8)


@pytest.mark.parametrize("save_each_rank", [False, True])
def test_exactly_the_ranks_that_should_send_do(save_each_rank: bool) -> None:
    senders = [rank for rank in RANKS if finish_step(rank, save_each_rank, 3)[0]]
    assert senders == (list(RANKS) if save_each_rank else [0])
    assert all(finish_step(rank, save_each_rank, 3)[1] == 0 for rank in RANKS)


def test_upstream_versions_break_it() -> None:
    assert [rank for rank in RANKS if every_rank_sends(rank, False, 0)[0]] == list(RANKS)
    assert early_return_skips_reset(1, False, 3) == (False, 3)
    assert early_return_skips_reset(0, False, 3) == (True, 0)
    assert early_return_skips_reset(1, True, 3) == (True, 0)


@pytest.mark.parametrize("save_each_rank", [False, True])
@pytest.mark.parametrize("rank", [0, 1, 7])
def test_sender_sends_and_resets(rank: int, save_each_rank: bool) -> None:
    sent: list[int] = []
    state = np.array([4, 2], dtype=np.int32)
    sender = OutputSender(rank, save_each_rank, lambda message: sent.append(int(message[0])))
    assert sender.finish(np.array([9], dtype=np.int32), state) == sends(rank, save_each_rank)
    assert sent == ([9] if sends(rank, save_each_rank) else [])
    assert state.tolist() == [0, 0]


def test_state_is_reset_when_sending_fails() -> None:
    state = np.array([4], dtype=np.int32)

    def refuse(message: np.ndarray) -> None:
        raise OSError("queue is gone")

    with pytest.raises(OSError, match="queue is gone"):
        OutputSender(0, False, refuse).finish(np.array([9], dtype=np.int32), state)
    assert state.tolist() == [0]


def test_a_negative_rank_is_refused() -> None:
    with pytest.raises(ValueError, match="rank: expected a whole number of 0 or more, got -1"):
        OutputSender(-1, False, print)
