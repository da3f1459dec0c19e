"""The kernels of the output message: all of their accesses are in bounds, and each word has one writer."""

from __future__ import annotations

import pytest
from launches import ANY_SIZE, KernelProof, check_holds, check_races, check_refutes, names_of
from proofs.mutants.mutant import Mutant

from schedproof.output.message_layout import MAX_DRAFT_TOKENS, MAX_MESSAGE_SEQS, MESSAGE_WORDS
from schedproof.output.save_output import OutputError, check_batch, check_width
from schedproof.output.save_output_topk import check_columns, check_topk_batch
from schedproof.output.topk_layout import MAX_TOPK_COLUMNS, MAX_TOPK_SEQS, TOPK_MESSAGE_WORDS, compact_row_begin
from schedproof_kernels import save_output_kernel, topk_kernel
from schedproof_spec.gpu.counting import all_of, any_of, chosen, counts, element, implies, unknown_function
from schedproof_spec.gpu.memory import INT64

MAX_BLOCKS = 2**31 - 1
"""Blocks that CUDA launches along x."""

SAVE = "schedproof_kernels.save_output_kernel"
TOPK = "schedproof_kernels.topk_kernel"


def launch_save_output(thread):
    """`SaveOutput` with any rows and width that it accepts, any control words, any grid and block."""
    kernel = save_output_kernel.pack_save_output
    rows, width = thread.size("rows", *ANY_SIZE), thread.size("width", *ANY_SIZE)
    check_batch(rows)
    check_width(width)
    thread.claims["reported_count"] = lambda v, at: all_of(v.misfits >= 0, v.misfits <= at)
    thread.launch(
        kernel.py_func,
        thread.array("accept_tokens", (rows, width), INT64),
        thread.array("accept_num", (rows,)),
        thread.array("seq_lens_decoder", (rows,)),
        thread.array("prompt_lens", (rows,), INT64),
        thread.array("control", (save_output_kernel.CONTROL_WORDS,)),
        thread.array("message", (MESSAGE_WORDS,)),
        grid=(thread.size("blocks", 1, MAX_BLOCKS),),
        block=thread.size("block", 1, kernel.threads),
    )


def accepted_in(slot, width):
    """What a slot adds to the rows of the compact form."""
    count = element("accept_num", slot)
    return chosen(any_of(count < 0, count > width), 0, count)


ROWS_BEFORE = unknown_function("rows_before")


def launch_topk(thread, kernel, compact):
    """`SaveTopk` with any rows, width and columns that it accepts."""
    rows, width = thread.size("rows", *ANY_SIZE), thread.size("width", *ANY_SIZE)
    columns = thread.size("columns", *ANY_SIZE)
    check_topk_batch(rows)
    check_width(width)
    check_columns(columns)
    row_values = MAX_TOPK_COLUMNS + 1

    def rows_claim(v, at):
        """The loop computes the running total of what the slots accept."""
        amount = lambda slot: accepted_in(slot, width)  # noqa: E731
        thread.assume(counts(ROWS_BEFORE, amount, at=at))
        thread.compare_multiples(2 * columns + 1, ROWS_BEFORE(at) + amount(at), rows * width)
        return all_of(v.rows == ROWS_BEFORE(at), v.rows >= 0, v.rows <= at * width)

    thread.claims.update(
        reported_topk_count=lambda v, at: all_of(v.misfits >= 0, v.misfits <= at * row_values),
        row_misfits=lambda v, at: all_of(v.misfits >= 0, v.misfits <= at + 1),
        rows_before=rows_claim,
    )
    words = compact_row_begin(rows, columns, rows * width) if compact else TOPK_MESSAGE_WORDS
    thread.launch(
        kernel.py_func,
        thread.array("ids", (rows, width, columns), INT64),
        thread.array("score_bits", (rows, width, columns)),
        thread.array("ranks", (rows, width), INT64),
        thread.array("accept_num", (rows,)),
        thread.array("control", (topk_kernel.CONTROL_WORDS,)),
        thread.array("message", (words,)),
        grid=(max(rows, 1) if compact else thread.size("blocks", 1, MAX_BLOCKS),),
        block=thread.size("block", 1, kernel.threads),
    )


def rows_in_order(first, second):
    """A later slot's rows begin where an earlier slot's end or behind: as test_running_totals proves."""
    return [
        implies(
            one.block[0] < other.block[0],
            ROWS_BEFORE(other.block[0]) >= ROWS_BEFORE(one.block[0]) + accepted_in(one.block[0], element("width")),
        )
        for one, other in ((first, second), (second, first))
    ]


LOOP = "the loop of {} keeps its claim"
MESSAGE = frozenset({"message"})
VALUES = "value written to message fits"
TOPK_LIMITS = f"rows 0..{MAX_TOPK_SEQS}, width 1..{MAX_DRAFT_TOKENS}, columns 1..{MAX_TOPK_COLUMNS}"

PROOFS = (
    KernelProof(
        name="pack_save_output",
        limits=f"rows 0..{MAX_MESSAGE_SEQS}, width 1..{MAX_DRAFT_TOKENS}, any control, grid and block",
        launch=launch_save_output,
        refusal=OutputError,
        written=MESSAGE,
        claims=frozenset({VALUES, LOOP.format("reported_count")}),
        mutants=(
            Mutant(
                name="read one slot past the batch",
                module=SAVE,
                function="message_word",
                old="slot = word - HEADER_WORDS\n        if slot >= batch",
                new="slot = word - HEADER_WORDS\n        if slot > batch",
            ),
            Mutant(
                name="read as many tokens as a slot of the message has",
                module=SAVE,
                function="slot_count",
                old="count > width",
                new="count > MAX_DRAFT_TOKENS",
            ),
            Mutant(
                name="trust the batch that control names",
                module=SAVE,
                function="live_batch",
                old="min(max(batch, 0), rows)",
                new="batch",
            ),
            Mutant(
                name="one word too many",
                module=SAVE,
                function="pack_words",
                old="range(thread, MESSAGE_WORDS, threads)",
                new="range(thread, MESSAGE_WORDS + 1, threads)",
            ),
            Mutant(
                name="a token id of any size",
                module=SAVE,
                function="carried",
                old="value if fits_int32(value) else 0",
                new="value",
            ),
        ),
        racing_mutants=(
            Mutant(
                name="every thread walks all words",
                module=SAVE,
                function="pack_words",
                old="range(thread, MESSAGE_WORDS, threads)",
                new="range(thread, MESSAGE_WORDS, 1)",
            ),
        ),
    ),
    KernelProof(
        name="pack_topk_fixed",
        limits=f"{TOPK_LIMITS}, any control, grid and block",
        launch=lambda thread: launch_topk(thread, topk_kernel.pack_topk_fixed, compact=False),
        refusal=OutputError,
        written=MESSAGE,
        claims=frozenset({VALUES, LOOP.format("reported_topk_count"), LOOP.format("row_misfits")}),
        mutants=(
            Mutant(
                name="read all columns of the message",
                module=TOPK,
                function="slot_value",
                old="carried(ids[slot, position, column]) if column < columns else UNUSED_ID",
                new="carried(ids[slot, position, column]) if column <= columns else UNUSED_ID",
            ),
            Mutant(
                name="read a rank that was not accepted",
                module=TOPK,
                function="slot_value",
                old="carried(ranks[slot, position]) if position < count else 0",
                new="carried(ranks[slot, position]) if position <= count else 0",
            ),
        ),
        racing_mutants=(
            Mutant(
                name="a stride one too short",
                module=TOPK,
                function="pack_topk_words",
                old="TOPK_MESSAGE_WORDS, threads)",
                new="TOPK_MESSAGE_WORDS, max(threads - 1, 1))",
            ),
        ),
    ),
    KernelProof(
        name="pack_topk_compact",
        limits=f"{TOPK_LIMITS}, any control and block",
        launch=lambda thread: launch_topk(thread, topk_kernel.pack_topk_compact, compact=True),
        refusal=OutputError,
        written=MESSAGE,
        claims=frozenset({VALUES, LOOP.format("rows_before")}),
        mutants=(
            Mutant(
                name="a slot past the batch",
                module=TOPK,
                function="pack_topk_compact",
                old="if slot < batch",
                new="if slot <= batch",
            ),
        ),
        racing_mutants=(
            Mutant(
                name="a row without its rank",
                module=TOPK,
                function="pack_compact_slot",
                old="compact_row_begin(batch, columns, rows_before(slot, width, accept_num))",
                new="compact_row_begin(batch, columns, rows_before(slot, width, accept_num)) - 1",
            ),
            Mutant(
                name="every thread of the first block writes the header",
                module=TOPK,
                function="pack_compact_header",
                old="if thread == 0",
                new="if thread >= 0",
            ),
        ),
        known=rows_in_order,
    ),
)
MUTANTS = [(proof, mutant) for proof in PROOFS for mutant in proof.mutants]
RACING_MUTANTS = [(proof, mutant) for proof in PROOFS for mutant in proof.racing_mutants]


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.name)
def test_accesses_in_bounds_and_one_writer(proof, theorem):
    check_holds(proof, theorem)


@pytest.mark.parametrize(("proof", "mutant"), MUTANTS, ids=names_of(MUTANTS))
def test_mutant_is_refuted(proof, mutant, theorem):
    check_refutes(proof, mutant, theorem)


@pytest.mark.parametrize(("proof", "mutant"), RACING_MUTANTS, ids=names_of(RACING_MUTANTS))
def test_mutant_lets_threads_meet(proof, mutant, theorem):
    check_races(proof, mutant, theorem)
