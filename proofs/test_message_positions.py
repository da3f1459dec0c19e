"""The output message word by word: whatever a thread writes to a word is what the reference puts there.

The words of a slot are those of any slot, position and column, at the places that the reference gives them.
"""

from __future__ import annotations

import pytest
from launches import ANY_SIZE, KernelProof, names_of
from proofs.mutants.mutant import Mutant
from test_output_kernels import LOOP, MAX_BLOCKS, SAVE, TOPK, TOPK_LIMITS

from schedproof.output import topk_layout
from schedproof.output.message_layout import MAX_DRAFT_TOKENS, MAX_MESSAGE_SEQS, MESSAGE_WORDS
from schedproof.output.save_output import (
    BATCH_WORD,
    ID_WORD,
    INT32_MAX,
    INT32_MIN,
    OutputError,
    check_batch,
    check_width,
    count_word,
    token_word,
)
from schedproof.output.save_output_topk import check_columns, check_topk_batch
from schedproof.output.topk_layout import MAX_TOPK_COLUMNS, MAX_TOPK_SEQS, TOPK_MESSAGE_WORDS, UNUSED_ID
from schedproof_kernels import save_output_kernel, topk_kernel
from schedproof_kernels.save_output_kernel import REFUSED_COUNT, REFUSED_TOKEN
from schedproof_spec.gpu.counting import all_of, any_of, chosen, counts, element, implies, unknown_function
from schedproof_spec.gpu.memory import INT64, Log
from schedproof_spec.gpu.source import mutated
from schedproof_spec.gpu.thread import Doubter, Thread
from schedproof_spec.prover.prove import prove
from schedproof_spec.prover.verdict import Status

AS_DUE = "what is written to message is as promised"

MISFITS = unknown_function("misfits")
"""Of a slot's first positions, the accepted values that no word can carry."""

ROW_MISFITS = unknown_function("row_misfits")
"""The same of a row's first columns."""


def misfit(value):
    """1 for a value that is no int32."""
    return chosen(any_of(value < INT32_MIN, value > INT32_MAX), 1, 0)


def carried(value):
    """A value as a word carries it."""
    return chosen(misfit(value) == 1, 0, value)


def refused_outside(count, width):
    """A count as long as it is within the row."""
    return chosen(any_of(count < 0, count > width), REFUSED_COUNT, count)


def kept_inside(batch, rows):
    """The batch that control names, within the rows of the inputs."""
    return chosen(batch < 0, 0, chosen(batch > rows, rows, batch))


def save_output(thread):
    """`SaveOutput` with any rows and width that it accepts; each word is the reference's."""
    rows, width = thread.size("rows", *ANY_SIZE), thread.size("width", *ANY_SIZE)
    slot = thread.size("any_slot", 0, MAX_MESSAGE_SEQS - 1)
    position = thread.size("any_position", 0, MAX_DRAFT_TOKENS - 1)
    check_batch(rows)
    check_width(width)
    batch = kept_inside(element("control", save_output_kernel.CONTROL_BATCH), rows)

    def count_of(slot):
        skips = element("control", save_output_kernel.CONTROL_SKIP_PREFILL) != 0
        in_prompt = element("seq_lens_decoder", slot) < element("prompt_lens", slot)
        return refused_outside(chosen(all_of(skips, in_prompt), 0, element("accept_num", slot)), width)

    def misfits_at(slot, position):
        return chosen(position < count_of(slot), misfit(element("accept_tokens", slot, position)), 0)

    def misfits_claim(v, at):
        thread.assume(counts(MISFITS, misfits_at, v.slot, at=at))
        return all_of(v.misfits == MISFITS(v.slot, at), v.misfits >= 0, v.misfits <= at)

    def as_due(word, value):
        count = count_of(slot)
        reported = chosen(MISFITS(slot, MAX_DRAFT_TOKENS) > 0, REFUSED_TOKEN, count)
        token = carried(element("accept_tokens", slot, position))
        return all_of(
            implies(word == ID_WORD, value == element("control", save_output_kernel.CONTROL_ID)),
            implies(word == BATCH_WORD, value == batch),
            implies(word == count_word(slot), value == chosen(slot < batch, reported, 0)),
            implies(
                word == token_word(slot, position),
                value == chosen(all_of(slot < batch, position < count), token, 0),
            ),
        )

    kernel = save_output_kernel.pack_save_output
    thread.claims["reported_count"] = misfits_claim
    thread.launch(
        kernel.py_func,
        thread.array("accept_tokens", (rows, width), INT64),
        thread.array("accept_num", (rows,)),
        thread.array("seq_lens_decoder", (rows,)),
        thread.array("prompt_lens", (rows,), INT64),
        thread.array("control", (save_output_kernel.CONTROL_WORDS,)),
        thread.array("message", (MESSAGE_WORDS,), promise=as_due),
        grid=(thread.size("blocks", 1, MAX_BLOCKS),),
        block=thread.size("block", 1, kernel.threads),
    )


def misfit_claims(thread, count_of, columns):
    """What the loops compute that count the values of a slot which no word can carry."""

    def misfits_in_column(slot, position, column):
        return chosen(column < columns, misfit(element("ids", slot, position, column)), 0)

    def misfits_at(slot, position):
        of_row = misfit(element("ranks", slot, position)) + ROW_MISFITS(slot, position, MAX_TOPK_COLUMNS)
        return chosen(position < count_of(slot), of_row, 0)

    def row_claim(v, at):
        thread.assume(counts(ROW_MISFITS, misfits_in_column, v.slot, v.position, at=at))
        of_rank = misfit(element("ranks", v.slot, v.position))
        total = of_rank + ROW_MISFITS(v.slot, v.position, at)
        return all_of(v.misfits == total, v.misfits >= 0, v.misfits <= at + 1)

    def misfits_claim(v, at):
        thread.assume(counts(MISFITS, misfits_at, v.slot, at=at))
        return all_of(v.misfits == MISFITS(v.slot, at), v.misfits >= 0, v.misfits <= at * (MAX_TOPK_COLUMNS + 1))

    return {"reported_topk_count": misfits_claim, "row_misfits": row_claim}


def topk_fixed(thread):
    """`SaveTopk` in its fixed form with any sizes that it accepts; each word is the reference's."""
    rows, width = thread.size("rows", *ANY_SIZE), thread.size("width", *ANY_SIZE)
    columns = thread.size("columns", *ANY_SIZE)
    slot = thread.size("any_slot", 0, MAX_TOPK_SEQS - 1)
    position = thread.size("any_position", 0, MAX_DRAFT_TOKENS - 1)
    column = thread.size("any_column", 0, MAX_TOPK_COLUMNS - 1)
    check_topk_batch(rows)
    check_width(width)
    check_columns(columns)
    batch = kept_inside(element("control", topk_kernel.CONTROL_BATCH), rows)

    def count_of(slot):
        return refused_outside(element("accept_num", slot), width)

    def found_again(word):
        """A slot's place is found again from its word: proved of the layout, then known of this word."""
        inner = (word - topk_layout.SLOTS_BEGIN) % topk_layout.SLOT_WORDS
        in_row = position * MAX_TOPK_COLUMNS + column
        is_id = word == topk_layout.id_word(slot, position, column)
        is_score = word == topk_layout.score_word(slot, position, column)
        for step in (
            implies(any_of(is_id, is_score), (word - topk_layout.SLOTS_BEGIN) // topk_layout.SLOT_WORDS == slot),
            implies(is_id, inner == in_row),
            implies(is_score, inner == in_row + topk_layout.ROW_SPAN),
            implies(any_of(is_id, is_score), inner % topk_layout.ROW_SPAN == in_row),
            implies(any_of(is_id, is_score), inner % topk_layout.ROW_SPAN // MAX_TOPK_COLUMNS == position),
            implies(any_of(is_id, is_score), inner % topk_layout.ROW_SPAN % MAX_TOPK_COLUMNS == column),
        ):
            thread.claim("a slot's place is found again", lambda step=step: step.term)
            thread.assume(step)

    def as_due(word, value):
        found_again(word)
        count = count_of(slot)
        reported = chosen(MISFITS(slot, MAX_DRAFT_TOKENS) > 0, REFUSED_TOKEN, count)
        is_used = all_of(slot < batch, position < count)
        is_chosen = all_of(is_used, column < columns)
        token = chosen(is_chosen, carried(element("ids", slot, position, column)), UNUSED_ID)
        score = chosen(is_chosen, element("score_bits", slot, position, column), 0)
        rank = chosen(is_used, carried(element("ranks", slot, position)), 0)
        return all_of(
            implies(word == topk_layout.FLAG_WORD, value == element("control", topk_kernel.CONTROL_ID)),
            implies(word == topk_layout.KIND_WORD, value == element("control", topk_kernel.CONTROL_KIND)),
            implies(word == topk_layout.BATCH_WORD, value == batch),
            implies(word == topk_layout.topk_count_word(slot), value == chosen(slot < batch, reported, 0)),
            implies(word == topk_layout.id_word(slot, position, column), value == chosen(is_used, token, 0)),
            implies(word == topk_layout.score_word(slot, position, column), value == score),
            implies(word == topk_layout.rank_word(slot, position), value == rank),
        )

    kernel = topk_kernel.pack_topk_fixed
    thread.claims.update(misfit_claims(thread, count_of, columns))
    thread.launch(
        kernel.py_func,
        thread.array("ids", (rows, width, columns), INT64),
        thread.array("score_bits", (rows, width, columns)),
        thread.array("ranks", (rows, width), INT64),
        thread.array("accept_num", (rows,)),
        thread.array("control", (topk_kernel.CONTROL_WORDS,)),
        thread.array("message", (TOPK_MESSAGE_WORDS,), promise=as_due),
        grid=(thread.size("blocks", 1, MAX_BLOCKS),),
        block=thread.size("block", 1, kernel.threads),
    )


PROOFS = (
    KernelProof(
        name="pack_save_output",
        limits=f"rows 0..{MAX_MESSAGE_SEQS}, width 1..{MAX_DRAFT_TOKENS}, any control, grid and block",
        launch=save_output,
        refusal=OutputError,
        written=frozenset({"message"}),
        claims=frozenset({AS_DUE}),
        mutants=(
            Mutant(
                name="the message from its end",
                module=SAVE,
                function="pack_words",
                old="message[word] =",
                new="message[MESSAGE_WORDS - 1 - word] =",
            ),
            Mutant(
                name="a slot's tokens in reverse order",
                module=SAVE,
                function="message_word",
                old="position = (word - TOKENS_BEGIN) % MAX_DRAFT_TOKENS",
                new="position = MAX_DRAFT_TOKENS - 1 - (word - TOKENS_BEGIN) % MAX_DRAFT_TOKENS",
            ),
            Mutant(
                name="the rows in place of the batch",
                module=SAVE,
                function="live_batch",
                old="min(max(batch, 0), rows)",
                new="rows",
            ),
            Mutant(
                name="the id in place of the batch",
                module=SAVE,
                function="message_word",
                old="return batch",
                new="return control[CONTROL_ID]",
            ),
            Mutant(
                name="counts of prompts that are skipped",
                module=SAVE,
                function="slot_count",
                old="skip_prefill != 0",
                new="skip_prefill == 0",
            ),
            Mutant(
                name="no word about an id that does not fit",
                module=SAVE,
                function="reported_count",
                old="REFUSED_TOKEN if misfits else count",
                new="count",
            ),
        ),
    ),
    KernelProof(
        name="pack_topk_fixed",
        limits=f"{TOPK_LIMITS}, any control, grid and block",
        launch=topk_fixed,
        refusal=OutputError,
        written=frozenset({"message"}),
        claims=frozenset({AS_DUE}),
        mutants=(
            Mutant(
                name="the message from its end",
                module=TOPK,
                function="pack_topk_words",
                old="message[word] =",
                new="message[TOPK_MESSAGE_WORDS - 1 - word] =",
            ),
            Mutant(
                name="scores where ids are due",
                module=TOPK,
                function="slot_value",
                old="if inner < ROW_SPAN",
                new="if inner >= ROW_SPAN",
            ),
            Mutant(
                name="no id where none is due",
                module=TOPK,
                function="slot_value",
                old="else UNUSED_ID",
                new="else 0",
            ),
            Mutant(
                name="the kind in place of the id",
                module=TOPK,
                function="topk_word",
                old="return control[CONTROL_ID]",
                new="return control[CONTROL_KIND]",
            ),
            Mutant(
                name="ranks that do not fit go unnoticed",
                module=TOPK,
                function="row_misfits",
                old="0 if fits_int32(ranks[slot, position]) else 1",
                new="0",
            ),
        ),
    ),
)
MUTANTS = [(proof, mutant) for proof in PROOFS for mutant in proof.mutants]


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.name)
def test_every_word_is_the_references(proof, theorem):
    log = Log()
    found = prove(lambda ctx: proof.run(Thread(ctx, log)))
    assert found.status is Status.HELD, found.reason
    assert log.written() == proof.written
    assert not found.unreached
    assert proof.claims <= found.reached
    theorem(f"{proof.name}: every word as the reference has it", found, scope=proof.limits)


@pytest.mark.parametrize(("proof", "mutant"), MUTANTS, ids=names_of(MUTANTS))
def test_mutant_is_refuted(proof, mutant, theorem):
    with mutated(mutant):
        found = prove(lambda ctx: proof.run(Doubter(ctx, Log())))
    assert found.status is Status.VIOLATED, found.reason
    assert found.reason in (
        AS_DUE,
        *(LOOP.format(name) for name in ("reported_count", "row_misfits", "rows_before")),
    )
    theorem(f"{proof.name} with the mutant '{mutant.name}': its words", found, scope=proof.limits)
