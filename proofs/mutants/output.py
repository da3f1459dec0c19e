"""Changes of the output message, by the part of a rule that each breaks."""

from proofs.mutants.mutant import Mutant

SENDER = "schedproof.output.output_sender"
IDS = "schedproof.output.save_output"
ROWS = "schedproof.output.topk_rows"
LAYOUT = "schedproof.output.topk_layout"
FORM = "schedproof.output.topk_columns"
COLUMNS_LAYOUT = "schedproof.output.topk_columns_layout"


def edit(name: str, module: str, function: str, old: str, new: str) -> Mutant:
    """Return a mutant."""
    return Mutant(name=name, module=module, function=function, old=old, new=new)


MUTANTS: dict[str, tuple[Mutant, ...]] = {
    "one_sender": (
        edit("every rank but the first sends", SENDER, "sends", "rank == 0", "rank != 0"),
        edit("rank 0 alone, even when each saves", SENDER, "sends", "save_each_rank or rank == 0", "rank == 0"),
    ),
    "cleanup_on_every_rank": (
        edit(
            "leave the state as it is",
            SENDER,
            "finish_step",
            "sends(rank, save_each_rank), 0",
            "sends(rank, save_each_rank), last_preempted_idx",
        ),
        edit(
            "reset only what rank 0 holds",
            SENDER,
            "OutputSender.finish",
            "last_preempted_idx[:] = 0",
            "last_preempted_idx[:] = 0 if self.rank == 0 else last_preempted_idx.value",
        ),
    ),
    "message_faithful, token ids": (
        edit(
            "a count of the width and one more",
            IDS,
            "pack_slot",
            "0 <= count <= len(row)",
            "0 <= count <= len(row) + 1",
        ),
        edit(
            "copy what was not accepted",
            IDS,
            "write_slot",
            "if position < count:",
            "if position < len(tokens):",
        ),
        edit(
            "a slot one token narrower",
            IDS,
            "token_word",
            "slot * MAX_DRAFT_TOKENS",
            "slot * (MAX_DRAFT_TOKENS - 1)",
        ),
        edit(
            "report prefills that are skipped",
            IDS,
            "pack_slot",
            "live_count(accepted, skip_prefill, seq_len_decoder, prompt_len)",
            "accepted",
        ),
    ),
    "message_faithful, words of the top-k layout": (
        edit("rows one word closer", LAYOUT, "id_word", "* MAX_TOPK_COLUMNS", "* (MAX_TOPK_COLUMNS - 1)"),
        edit("slots one word closer", LAYOUT, "id_word", "slot * SLOT_WORDS", "slot * (SLOT_WORDS - 1)"),
        edit("scores where the ids end", LAYOUT, "score_word", "+ ROW_SPAN", "+ ROW_SPAN - 1"),
        edit("ranks among the scores", LAYOUT, "rank_word", "2 * ROW_SPAN", "2 * ROW_SPAN - 1"),
        edit("counts one word on", LAYOUT, "topk_count_word", "COUNTS_BEGIN + slot", "COUNTS_BEGIN + slot + 1"),
    ),
    "message_faithful, one top-k row": (
        edit("a rank of any size", ROWS, "check_row", "(*row.ids, row.rank)", "row.ids"),
        edit(
            "only the columns that are used",
            ROWS,
            "write_row",
            "range(MAX_TOPK_COLUMNS)",
            "range(len(row.ids))",
        ),
        edit("scores of the column behind", ROWS, "write_row", "score_bits[column]", "score_bits[column - 1]"),
    ),
    "message_faithful, counts of a top-k slot": (
        edit("a count of the width and one more", ROWS, "check_slot_rows", "<= len(rows)", "<= len(rows) + 1"),
        edit("a negative count", ROWS, "check_slot_rows", "0 <= count", "-1 <= count"),
    ),
    "message_faithful, one top-k slot": (
        edit("the row behind", ROWS, "write_slot_rows", "slot, position, row", "slot, position + 1, row"),
        edit("a count one too large", ROWS, "write_slot_rows", "len(accepted)", "len(accepted) + 1"),
    ),
    "message_faithful, one compact row": (
        edit("the rank over the last score", ROWS, "write_compact_row", "(columns) - 1", "(columns) - 2"),
        edit("rows without their rank", LAYOUT, "compact_row_words", "2 * columns + 1", "2 * columns"),
        edit("rows from the last count on", LAYOUT, "compact_row_begin", "BEGIN + batch", "BEGIN + batch - 1"),
    ),
    "message_faithful, stale rows": (
        edit(
            "a row at the one behind",
            ROWS,
            "write_row",
            "message[rank_word(slot, position)]",
            "message[rank_word(slot, position + 1)]",
        ),
    ),
    "message_faithful, unbounded counts": (
        edit("a count beyond the tensor", ROWS, "check_slot_rows", "0 <= count <= len(rows)", "0 <= count"),
    ),
    "message_faithful, rows 21 apart": (
        edit("columns past the tensor's are ids", ROWS, "padded", "(UNUSED_ID,) * missing", "(0,) * missing"),
    ),
    "message_faithful, kind and columns in word 1": (
        edit("any number of columns", FORM, "check_message_columns", "most=MAX_MESSAGE_COLUMNS", "most=2**20"),
        edit("columns over the kind", COLUMNS_LAYOUT, "kind_and_columns", "KIND_SPAN * columns", "columns"),
    ),
    "message_faithful, one column with its score": (
        edit("ids over the scores", FORM, "write_column", "columns_id_word", "columns_score_word"),
        edit(
            "the column behind is read",
            FORM,
            "read_column",
            "position, column)],\n        message[columns_score",
            "position, column + 1)],\n        message[columns_score",
        ),
    ),
    "message_faithful, one row with its columns": (
        edit("no more than 21 columns", FORM, "write_columns_row", "range(columns)", "range(min(columns, 21))"),
        edit("the rank of the row behind", FORM, "read_columns_row", "slot, position)]", "slot, position + 1)]"),
    ),
    "message_faithful, one slot of rows with their columns": (
        edit(
            "a row in the place behind",
            FORM,
            "write_columns_slot",
            "slot, position, row",
            "slot, position + 1, row",
        ),
        edit("a count more than there are", FORM, "write_columns_slot", "len(accepted)", "len(accepted) + 1"),
    ),
    "message_faithful, 21 columns whatever was sent": (
        edit("a column fewer is read", FORM, "read_columns_row", "in range(columns)", "in range(columns - 1)"),
    ),
    "message_faithful, more columns than a row has room for": (
        edit("rows 21 apart", COLUMNS_LAYOUT, "row_columns", "max(columns, MAX_TOPK_COLUMNS)", "MAX_TOPK_COLUMNS"),
    ),
    "message_faithful, unbounded counts since 7884": (
        edit("a count beyond the tensor", ROWS, "check_slot_rows", "0 <= count <= len(rows)", "0 <= count"),
    ),
    "message_faithful, stale rows since 7884": (
        edit("the rank of the row behind", FORM, "read_columns_row", "slot, position)]", "slot, position + 1)]"),
    ),
    "message_faithful, a draft without its scores": (
        edit("ids alone", FORM, "write_column", "= score_bits", "= 0"),
    ),
    "message_in_bounds, one value": (
        edit(
            "slots from the last count on", COLUMNS_LAYOUT, "columns_id_word", "SLOTS_BEGIN +", "SLOTS_BEGIN - 1 +"
        ),
    ),
    "message_in_bounds, one value of many columns": (
        edit("a batch without its last slot", COLUMNS_LAYOUT, "columns_message_words", "batch *", "(batch - 1) *"),
        edit("rows 21 apart", COLUMNS_LAYOUT, "columns_slot_words", "row_columns(columns)", "MAX_TOPK_COLUMNS"),
    ),
    "message_in_bounds, two values": (
        edit("scores where the ids end", COLUMNS_LAYOUT, "columns_score_word", ") + MAX", ") - 1 + MAX"),
        edit("ranks among the scores", COLUMNS_LAYOUT, "columns_rank_word", "+ scores_end", "+ scores_end - 1"),
    ),
    "message_in_bounds, two values of many columns": (
        edit(
            "rows one word closer", COLUMNS_LAYOUT, "columns_id_word", "* row_columns(columns)", "* (columns - 1)"
        ),
        edit("rows 21 apart", COLUMNS_LAYOUT, "row_columns", "max(columns, MAX_TOPK_COLUMNS)", "MAX_TOPK_COLUMNS"),
    ),
    "message_in_bounds, the queue": (
        edit(
            "a message of one byte too many",
            FORM,
            "check_queue_holds",
            "size > limit_bytes",
            "size > limit_bytes + 1",
        ),
    ),
}
