"""A queue of any length shows one request at a position, whenever the loop looks there, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from schedproof import Request, new_request
from schedproof_spec.prover.context import Context
from schedproof_spec.prover.prove import prove
from schedproof_spec.prover.symbolic import UnsupportedError
from schedproof_spec.prover.verdict import Status
from schedproof_spec.states.queue import AnyQueue


def queue_of(length: Any) -> AnyQueue:
    return AnyQueue("running", length, lambda name, position: new_request(name, 1))


def test_a_request_is_drawn_once_for_each_position() -> None:
    queue = queue_of(5)
    third, first = queue[3], queue[0]
    assert queue[3] is third
    assert queue[0] is first is not third
    assert [request.request_id for _, request in queue.seen] == ["running[0]", "running[1]"]


def test_a_position_counts_from_the_end_too() -> None:
    queue = queue_of(5)
    assert queue[-1] is queue[4]
    assert queue[-5] is queue[0]


@pytest.mark.parametrize("position", [5, 6, -6])
def test_a_position_outside_is_an_error(position: int) -> None:
    with pytest.raises(IndexError, match="running has no such position"):
        queue_of(5)[position]


def test_it_says_where_a_request_was_drawn() -> None:
    queue = queue_of(5)
    second = queue[2]
    assert queue.position_of(second) == 2
    assert queue.position_of(new_request(second.request_id, 1)) is None, "an equal request is another one"


@pytest.mark.parametrize(
    ("look", "words"),
    [
        (lambda queue: queue[1:], "running is cut into pieces"),
        (lambda queue: list(iter(queue)), "goes through running"),
        (lambda queue: len(queue), "asks for the length of running"),
    ],
    ids=["a slice", "a loop", "its length"],
)
def test_a_turn_that_looks_at_more_than_one_request_is_refused(look: Any, words: str) -> None:
    with pytest.raises(UnsupportedError, match=words):
        look(queue_of(5))


def test_two_positions_hold_one_request_exactly_where_they_are_the_same() -> None:
    def theorem(ctx: Context) -> None:
        length = ctx.integer("length", 1)
        one, other = ctx.integer("one", 0), ctx.integer("other", 0)
        ctx.assume(one < length)
        ctx.assume(other < length)
        queue = queue_of(length)
        if queue[one] is queue[other]:
            ctx.prove("the same request is at one position", one == other)
        else:
            ctx.prove("two requests are at two positions", one != other)

    outcome = prove(theorem)
    assert outcome.status is Status.HELD
    assert outcome.reached == {"the same request is at one position", "two requests are at two positions"}


def test_what_is_drawn_may_depend_on_the_position() -> None:
    def theorem(ctx: Context) -> None:
        length, position = ctx.integer("length", 2), ctx.integer("position", 0)
        ctx.assume(position < length)

        def draw(name: str, at: Any) -> Request:
            return new_request(name, at + 1)

        queue = AnyQueue("waiting", length, draw)
        ctx.prove("it is of its position", queue[position].need_prefill_tokens == position + 1)
        ctx.prove("the last is", queue[length - 1].need_prefill_tokens == length)

    assert prove(theorem).status is Status.HELD


def test_a_position_that_may_be_outside_is_a_violation() -> None:
    def theorem(ctx: Context) -> None:
        length, position = ctx.integer("length", 1), ctx.integer("position", 0)
        ctx.assume(position <= length)
        ctx.prove("a request is there", queue_of(length)[position].num_computed_tokens == 0)

    outcome = prove(theorem)
    assert (outcome.status, outcome.reason) == (Status.VIOLATED, "raises IndexError")
