"""The output family: who sends a step's tokens, what every rank resets, and what the message says."""

from __future__ import annotations

from collections.abc import Sequence

from schedproof.output.message_layout import MAX_DRAFT_TOKENS
from schedproof.output.save_output import INT32_MAX, INT32_MIN, count_word, read_slot, token_word
from schedproof_spec.work_rule import all_hold


def the_right_ranks_send(sent: bool, rank: int, other_sent: bool, other_rank: int, save_each_rank: bool) -> bool:
    """Every rank sends if each saves its own; else rank 0 does, and no two ranks do."""
    if save_each_rank:
        return sent and other_sent
    return (rank != 0 or sent) and not (sent and other_sent and rank != other_rank)


def state_is_reset(last_preempted_idx: int) -> bool:
    """Nothing of this step is left for the next."""
    return last_preempted_idx == 0


def slot_is_faithful(message: Sequence[int], slot: int, accepted: int, row: Sequence[int]) -> bool:
    """The reader takes out what was accepted, and the slot's other words are 0."""
    read = read_slot(message, slot)
    return all_hold(
        message[count_word(slot)] == accepted,
        len(read) == accepted,
        *(token == row[position] for position, token in enumerate(read)),
        *(message[token_word(slot, position)] == 0 for position in range(len(read), MAX_DRAFT_TOKENS)),
    )


def can_be_carried(accepted: int, row: Sequence[int]) -> bool:
    """A slot holds the count and each accepted id."""
    return all_hold(
        accepted >= 0,
        accepted <= len(row),
        *(
            (position >= accepted) | ((token >= INT32_MIN) & (token <= INT32_MAX))
            for position, token in enumerate(row)
        ),
    )
