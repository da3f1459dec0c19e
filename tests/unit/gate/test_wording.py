import pytest

from schedproof import MultimodalItem, Queues, Request, ServingConfig
from schedproof_gate.report.report import FlagChange
from schedproof_gate.report.wording import repair_sentence, shown_value, state_lines
from schedproof_spec import Witness


def decoding(name: str) -> Request:
    return Request(request_id=name, need_prefill_tokens=5, num_computed_tokens=5, num_total_tokens=6, num_blocks=1)


def test_a_state_is_shown_with_equal_neighbours_on_one_line() -> None:
    waiting = Request(
        request_id="w", need_prefill_tokens=9, num_total_tokens=9, items=(MultimodalItem(start=2, end=7),)
    )
    queues = Queues(
        running=(decoding("a"), decoding("b"), decoding("c")),
        waiting=(waiting, decoding("d")),
        num_free_blocks=3,
        num_held_slots=1,
        num_reserved_blocks_per_seq=2,
    )
    assert state_lines(Witness(config=ServingConfig(), queues=queues, note="a note")) == (
        "a note",
        "a to c, 3 requests, each: decoding, 6 tokens so far, 1 KV block",
        "w: 0 of 9 prompt tokens computed, 0 KV blocks, item at 2 to 7",
        "d: decoding, 6 tokens so far, 1 KV block",
        "free KV blocks: 3",
        "slots that the worker has not let go: 1",
        "KV blocks reserved for each running request: 2",
    )


def test_a_state_of_numbers_is_shown_by_name() -> None:
    assert state_lines(Witness(config=ServingConfig(), numbers={"num_decoding": 3})) == ("num_decoding is 3",)


@pytest.mark.parametrize(
    ("repairs", "sentence"),
    [
        ((), ""),
        (((FlagChange(flag="--a", old=2, new=1),),), "lower --a from 2 to 1"),
        (((FlagChange(flag="--a", old=1, new=2),),), "raise --a from 1 to 2"),
        (((FlagChange(flag="--a", old=None, new=2),),), "set --a to 2"),
    ],
)
def test_a_repair_says_what_to_do(repairs: tuple[tuple[FlagChange, ...], ...], sentence: str) -> None:
    assert repair_sentence(repairs) == sentence


def test_values_are_shown_as_they_are_written() -> None:
    assert [shown_value(value) for value in (None, True, 3, "mtp")] == ["none", "true", "3", "mtp"]
