"""The layout of the output message with top-k logprobs, fixed and compact, named once for every user of it.

Source: FastDeploy ``speculate_save_output_with_topk.cc``: an int32 header of flag, kind, batch size and tokens per
slot, then one block a slot holding token ids, float32 scores (carried as their bits) and ranks. The compact form is
this project's own: the same step without the rows that nothing was accepted into.
"""

from schedproof.output.message_layout import MAX_DRAFT_TOKENS, WORD_BYTES

TOPK = 20
"""Alternatives reported beside the sampled token."""

MAX_TOPK_COLUMNS = TOPK + 1
"""Column 0 is the sampled token."""

MAX_TOPK_SEQS = 512
"""Slots of a message."""

KIND_TARGET = 3
KIND_DRAFT = 4

FLAG_WORD = 0
KIND_WORD = 1
BATCH_WORD = 2
COUNTS_BEGIN = 3
COMPACT_COLUMNS_WORD = 3
COMPACT_COUNTS_BEGIN = 4

ROW_SPAN = MAX_DRAFT_TOKENS * MAX_TOPK_COLUMNS
"""Words of a slot's token ids, and of its scores."""

SLOTS_BEGIN = COUNTS_BEGIN + MAX_TOPK_SEQS
SLOT_WORDS = 2 * ROW_SPAN + MAX_DRAFT_TOKENS

TOPK_MESSAGE_WORDS = SLOTS_BEGIN + MAX_TOPK_SEQS * SLOT_WORDS
"""132,611 int32 words."""

TOPK_MESSAGE_BYTES = TOPK_MESSAGE_WORDS * WORD_BYTES
"""530,444 bytes."""

UNUSED_ID = -1
"""Token id in a column past ``max_num_logprobs`` of an accepted row; its score is 0.0."""


def used_words(batch: int) -> int:
    """Words of the fixed form up to the end of the last live slot."""
    return SLOTS_BEGIN + batch * SLOT_WORDS


def topk_count_word(slot: int) -> int:
    """Word of a slot's accepted count in the fixed form."""
    return COUNTS_BEGIN + slot


def id_word(slot: int, position: int, column: int) -> int:
    """Word of a token id in the fixed form."""
    return SLOTS_BEGIN + slot * SLOT_WORDS + position * MAX_TOPK_COLUMNS + column


def score_word(slot: int, position: int, column: int) -> int:
    """Word of a score's bits in the fixed form."""
    return id_word(slot, position, column) + ROW_SPAN


def rank_word(slot: int, position: int) -> int:
    """Word of the sampled token's rank in the fixed form."""
    return SLOTS_BEGIN + slot * SLOT_WORDS + 2 * ROW_SPAN + position


def compact_row_words(columns: int) -> int:
    """Words of one accepted row in the compact form: ids, scores, rank."""
    return 2 * columns + 1


def compact_row_begin(batch: int, columns: int, row: int) -> int:
    """First word of an accepted row in the compact form; rows are numbered slot by slot."""
    return COMPACT_COUNTS_BEGIN + batch + row * compact_row_words(columns)
