"""The layout of the top-k message that states its own columns, as of FastDeploy PR 7884 (develop: 7883).

It is the fixed form with two changes. Word 1 holds the kind and the number of columns, so that a reader needs no
fixed 21. A message of more than 21 columns has rows as far apart as it has columns; upstream's stay 21 apart and
overlap. Up to 21 columns each value lies where upstream's reader looks for it. A message ends after its last slot.

Source: the text of PR 7884 and 7883; ``speculate_get_output_with_topk.cc``, ``mtp_save_first_token_with_topk.cc``
and ``token_processor.py`` of develop at f7a1c676.

Open: the text gives the columns 24 bits in one place and 16 in another. The reader at f7a1c676 takes all bits above
the kind, the one in the text 16 of them. Up to ``MAX_MESSAGE_COLUMNS`` they agree; more are refused here.
"""

from schedproof.output.message_layout import MAX_DRAFT_TOKENS, WORD_BYTES
from schedproof.output.topk_layout import MAX_TOPK_COLUMNS, SLOTS_BEGIN

KIND_AND_COLUMNS_WORD = 1

KIND_SPAN = 256
"""The kind is in the low 8 bits of word 1, the columns are above."""

MAX_MESSAGE_COLUMNS = 2**16 - 1
"""The largest number of columns that each of upstream's readers takes out of word 1."""


def kind_and_columns(kind: int, columns: int) -> int:
    """Word 1."""
    return kind + KIND_SPAN * columns


def kind_in(word: int) -> int:
    """The kind that a word 1 holds."""
    return word % KIND_SPAN


def columns_in(word: int) -> int:
    """The columns that a word 1 holds."""
    return word // KIND_SPAN


def row_columns(columns: int) -> int:
    """Columns from one row to the next: upstream's 21, or as many as there are."""
    return max(columns, MAX_TOPK_COLUMNS)


def columns_slot_words(columns: int) -> int:
    """Words of a slot: ids, scores and a rank for each row."""
    return MAX_DRAFT_TOKENS * (2 * row_columns(columns) + 1)


def columns_message_words(columns: int, batch: int) -> int:
    """Words of a message, up to the end of its last slot."""
    return SLOTS_BEGIN + batch * columns_slot_words(columns)


def columns_message_bytes(columns: int, batch: int) -> int:
    """Bytes that a queue has to hold for a message."""
    return columns_message_words(columns, batch) * WORD_BYTES


def columns_id_word(columns: int, slot: int, position: int, column: int) -> int:
    """Word of a token id."""
    return SLOTS_BEGIN + slot * columns_slot_words(columns) + position * row_columns(columns) + column


def columns_score_word(columns: int, slot: int, position: int, column: int) -> int:
    """Word of a score's bits."""
    return columns_id_word(columns, slot, position, column) + MAX_DRAFT_TOKENS * row_columns(columns)


def columns_rank_word(columns: int, slot: int, position: int) -> int:
    """Word of the sampled token's rank."""
    scores_end = 2 * MAX_DRAFT_TOKENS * row_columns(columns)
    return SLOTS_BEGIN + slot * columns_slot_words(columns) + scores_end + position
