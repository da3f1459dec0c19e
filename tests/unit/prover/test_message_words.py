"""A symbolic message reads what was written, wherever that was, and 0 elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from schedproof_spec.prover.context import Context
from schedproof_spec.prover.prove import prove
from schedproof_spec.prover.verdict import Outcome, Status
from schedproof_spec.states.message_words import Words


def decided(use: Any) -> Outcome:
    def theorem(ctx: Context) -> None:
        here, there = ctx.integer("here", 0, 9), ctx.integer("there", 0, 9)
        message = Words(12)
        message[here] = 5
        message[here + 1] = 6
        message[here] = 7
        use(ctx, message, here, there)

    return prove(theorem)


@pytest.mark.parametrize(
    ("claim", "holds"),
    [
        (lambda message, here, there: message[here] == 7, True),
        (lambda message, here, there: message[here + 1] == 6, True),
        (lambda message, here, there: message[here + 2] == 0, True),
        (lambda message, here, there: message[there] == 0, False),
        (lambda message, here, there: (message[there] == 0) | (there == here) | (there == here + 1), True),
        (lambda message, here, there: message[there] != 5, True),
        (lambda message, here, there: message[3] != 7, False),
    ],
)
def test_a_word_is_what_was_written_last(claim: Any, holds: bool) -> None:
    found = decided(lambda ctx, *state: ctx.prove("so", claim(*state)))
    assert found.status is (Status.HELD if holds else Status.VIOLATED)


@pytest.mark.parametrize("offset", [-1, 3])
def test_a_word_outside_raises(offset: int) -> None:
    assert decided(lambda ctx, message, here, there: message[here + offset]).reason == "raises IndexError"


def test_a_message_may_have_any_length() -> None:
    def theorem(ctx: Context) -> None:
        length = ctx.integer("length", 1)
        message = Words(length)
        message[length - 1] = 1
        ctx.prove("the last word is written", message[length - 1] == 1)

    assert prove(theorem).status is Status.HELD
