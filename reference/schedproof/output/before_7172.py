"""FastDeploy's output path around PR 7172, as published: what its versions read, send and reset.

Each function or class has the meaning of its counterpart in :mod:`schedproof.output.save_output`,
:mod:`schedproof.output.save_output_topk` or :mod:`schedproof.output.output_sender`, and differs where upstream
does.
"""

from __future__ import annotations

from collections.abc import Sequence

from schedproof.output.message_layout import MAX_DRAFT_TOKENS, MESSAGE_WORDS
from schedproof.output.output_sender import sends
from schedproof.output.save_output import BATCH_WORD, ID_WORD, count_word, live_count, signed_id, token_word
from schedproof.output.topk_layout import BATCH_WORD as TOPK_BATCH_WORD
from schedproof.output.topk_layout import (
    COUNTS_BEGIN,
    FLAG_WORD,
    KIND_WORD,
    MAX_TOPK_COLUMNS,
    id_word,
    rank_word,
    score_word,
)


def every_rank_sends(rank: int, save_each_rank: bool, last_preempted_idx: int) -> tuple[bool, int]:
    """Before PR 7172: no rank is told apart, so each one sends the same tokens."""
    return True, 0


def early_return_skips_reset(rank: int, save_each_rank: bool, last_preempted_idx: int) -> tuple[bool, int]:
    """PR 7172 under review: ranks that do not send leave before the reset, and keep stale preemptions."""
    if not sends(rank, save_each_rank):
        return False, last_preempted_idx
    return True, 0


def token_index(slot: int, position: int, width: int) -> int:
    """Where upstream reads a token in the flat ``accept_tokens``: by the tensor's width, for any of 6 positions."""
    return slot * width + position


def pack_reading_past_width(
    memory: Sequence[int],
    width: int,
    accept_num: Sequence[int],
    seq_lens_decoder: Sequence[int],
    prompt_lens: Sequence[int],
    *,
    skip_prefill: bool = False,
    not_need_stop: bool = True,
    message_id: int = 1,
) -> list[int]:
    """``speculate_save_output.cc``: all 6 positions of every slot, whatever the width and the accepted count.

    ``memory`` is the flat ``accept_tokens`` and whatever lies behind it. The batch and the counts are not checked.

    Raises:
        IndexError: where the original reads or writes past its arrays.
    """
    message = [0] * MESSAGE_WORDS
    batch = len(accept_num)
    message[ID_WORD] = signed_id(message_id, not_need_stop)
    message[BATCH_WORD] = batch
    for slot in range(batch):
        message[count_word(slot)] = live_count(
            accept_num[slot], skip_prefill, seq_lens_decoder[slot], prompt_lens[slot]
        )
        for position in range(MAX_DRAFT_TOKENS):
            message[token_word(slot, position)] = memory[token_index(slot, position, width)]
    return message


def topk_source_index(row: int, column: int, columns: int) -> int:
    """Where upstream reads an alternative in the flat tensor: by a stride of 21, whatever its real columns."""
    return row * MAX_TOPK_COLUMNS + column


def pack_topk_over_stale(
    buffer: list[int],
    ids: Sequence[int],
    score_bits: Sequence[int],
    ranks: Sequence[int],
    columns: int,
    accept_num: Sequence[int],
    *,
    kind: int,
    not_need_stop: bool = True,
    message_id: int = 1,
) -> list[int]:
    """``speculate_save_output_with_topk.cc``: writes into one buffer that is never cleared, and returns it.

    ``ids`` and ``score_bits`` are flat, one row an accepted token; ``accept_num`` is not bounded by 6.

    Raises:
        IndexError: where the original reads or writes past its arrays.
    """
    buffer[FLAG_WORD] = signed_id(message_id, not_need_stop)
    buffer[KIND_WORD] = kind
    buffer[TOPK_BATCH_WORD] = len(accept_num)
    row = 0
    for slot, count in enumerate(accept_num):
        buffer[COUNTS_BEGIN + slot] = count
        for position in range(count):
            for column in range(MAX_TOPK_COLUMNS):
                used = column < columns
                source = topk_source_index(row, column, columns)
                buffer[id_word(slot, position, column)] = ids[source] if used else -1
                buffer[score_word(slot, position, column)] = score_bits[source] if used else 0
            buffer[rank_word(slot, position)] = ranks[row]
            row += 1
    return buffer
