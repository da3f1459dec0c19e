"""The compact message: each word of each accepted row is written, at its place, and no other word is.

A thread's iteration writes one word of one row, at the place that the layout gives it. That no two threads meet in
a word is proved in `test_output_kernels`.
"""

from __future__ import annotations

import pytest
from launches import ANY_SIZE, KernelProof
from proofs.mutants.mutant import Mutant
from test_message_positions import MISFITS, carried, kept_inside, misfit_claims, refused_outside
from test_output_kernels import LOOP, ROWS_BEFORE, TOPK, TOPK_LIMITS, accepted_in

from schedproof.output import topk_layout
from schedproof.output.message_layout import MAX_DRAFT_TOKENS
from schedproof.output.save_output import OutputError, check_width
from schedproof.output.save_output_topk import check_columns, check_topk_batch
from schedproof_kernels import topk_kernel
from schedproof_kernels.save_output_kernel import REFUSED_TOKEN
from schedproof_spec.gpu.counting import all_of, chosen, counts, element, implies
from schedproof_spec.gpu.memory import INT64, Log
from schedproof_spec.gpu.source import mutated
from schedproof_spec.gpu.thread import Doubter, Thread
from schedproof_spec.prover.prove import prove
from schedproof_spec.prover.symbolic import SymInt
from schedproof_spec.prover.verdict import Status

ROW_WORD = "an iteration of pack_compact_slot does what is due"
ALL_WORDS = "a thread of pack_topk_compact does what is due"


class CompactMessage:
    """One launch with any sizes that `SaveTopk` accepts."""

    def __init__(self, thread):
        self.thread = thread
        self.rows, self.width = thread.size("rows", *ANY_SIZE), thread.size("width", *ANY_SIZE)
        self.columns = thread.size("columns", *ANY_SIZE)
        check_topk_batch(self.rows)
        check_width(self.width)
        check_columns(self.columns)
        self.batch = kept_inside(element("control", topk_kernel.CONTROL_BATCH), self.rows)
        self.row_words = topk_layout.compact_row_words(self.columns)

    def count_of(self, slot):
        """A slot's count, or that it is refused."""
        return refused_outside(element("accept_num", slot), self.width)

    def rows_before(self, v, at):
        """The loop over earlier slots."""
        self.thread.assume(counts(ROWS_BEFORE, lambda slot: accepted_in(slot, self.width), at=at))
        rows = ROWS_BEFORE(at) + accepted_in(at, self.width)
        self.thread.compare_multiples(self.row_words, rows, self.rows * self.width)
        return all_of(v.rows == ROWS_BEFORE(at), v.rows >= 0, v.rows <= at * self.width)

    def value_of_row(self, slot, position, inner):
        """What a word of an accepted row holds: ids, then scores, then the rank."""
        token = carried(element("ids", slot, position, inner))
        score = element("score_bits", slot, position, inner - self.columns)
        rank = carried(element("ranks", slot, position))
        return chosen(inner < self.columns, token, chosen(inner < 2 * self.columns, score, rank))

    def head(self):
        """What a block writes before its rows: the first one the header, that of a live slot its count."""
        slot = self.thread.block[0]
        reported = chosen(MISFITS(slot, MAX_DRAFT_TOKENS) > 0, REFUSED_TOKEN, self.count_of(slot))
        header = {
            topk_layout.FLAG_WORD: element("control", topk_kernel.CONTROL_ID),
            topk_layout.KIND_WORD: element("control", topk_kernel.CONTROL_KIND),
            topk_layout.BATCH_WORD: self.batch,
            topk_layout.COMPACT_COLUMNS_WORD: self.columns,
        }
        of_slot = (slot < self.batch, topk_layout.COMPACT_COUNTS_BEGIN + slot, reported)
        return [*((slot == 0, word, value) for word, value in header.items()), of_slot]

    def wrote_beside_head(self, *places):
        """The path has written the words before the rows, these places, and nothing else."""
        return self.thread.path.wrote_only("message", *((word,) for _, word, _ in self.head()), *places)

    def row_word(self, v, _):
        """An iteration writes one word of one accepted row of its slot, behind all counts."""
        position, inner = v.word // self.row_words, v.word % self.row_words
        row = self.thread.wrap(ROWS_BEFORE(v.slot) + position)
        place = topk_layout.compact_row_begin(self.batch, self.columns, row) + inner
        value = self.value_of_row(v.slot, position, inner)
        return all_of(
            v.slot == self.thread.block[0],
            v.slot < self.batch,
            position >= 0,
            position < self.count_of(v.slot),
            place >= topk_layout.COMPACT_COUNTS_BEGIN + self.batch,
            self.thread.path.stored("message", place, value=value),
            self.wrote_beside_head((place,)),
        )

    def all_words(self, _, __):
        """A live slot's threads walk through all words of its rows, and its first one writes what comes before."""
        slot, number = self.thread.block[0], SymInt(self.thread.coordinates[1].term)
        stored = [
            implies(all_of(is_due, number == 0), self.thread.path.stored("message", word, value=value))
            for is_due, word, value in self.head()
        ]

        def is_due(v, loop):
            count = self.count_of(slot)
            num_words = self.thread.wrap(chosen(count < 0, 0, count)) * self.row_words
            strides = all_of(loop.start == number, loop.step == self.thread.threads)
            return all_of(v.slot == slot, strides, loop.stop == num_words)

        walks = self.thread.path.has_run("pack_compact_slot", is_due)
        return all_of(*stored, implies(slot < self.batch, walks), self.wrote_beside_head())


def topk_compact(thread):
    """`SaveTopk` in its compact form."""
    message = CompactMessage(thread)
    rows, width, columns = message.rows, message.width, message.columns
    kernel = topk_kernel.pack_topk_compact
    thread.claims.update(misfit_claims(thread, message.count_of, columns), rows_before=message.rows_before)
    thread.duties.update(pack_compact_slot=message.row_word, pack_topk_compact=message.all_words)
    thread.launch(
        kernel.py_func,
        thread.array("ids", (rows, width, columns), INT64),
        thread.array("score_bits", (rows, width, columns)),
        thread.array("ranks", (rows, width), INT64),
        thread.array("accept_num", (rows,)),
        thread.array("control", (topk_kernel.CONTROL_WORDS,)),
        thread.array("message", (topk_layout.compact_row_begin(rows, columns, rows * width),)),
        grid=(max(rows, 1),),
        block=thread.size("block", 1, kernel.threads),
    )


PROOF = KernelProof(
    name="pack_topk_compact",
    limits=f"{TOPK_LIMITS}, any control and block",
    launch=topk_compact,
    refusal=OutputError,
    written=frozenset({"message"}),
    claims=frozenset({ROW_WORD, ALL_WORDS, LOOP.format("rows_before"), LOOP.format("reported_topk_count")}),
    mutants=(
        Mutant(
            name="a row's words from its end",
            module=TOPK,
            function="pack_compact_slot",
            old="word // row_words, word % row_words,",
            new="word // row_words, row_words - 1 - word % row_words,",
        ),
        Mutant(
            name="a slot's rows from its last",
            module=TOPK,
            function="pack_compact_slot",
            old="word // row_words,",
            new="count - 1 - word // row_words,",
        ),
        Mutant(
            name="scores where ids are due",
            module=TOPK,
            function="compact_value",
            old="return carried(ids[slot, position, inner])",
            new="return score_bits[slot, position, inner]",
        ),
        Mutant(
            name="the first slot's rows are not counted",
            module=TOPK,
            function="rows_before",
            old="range(slot)",
            new="range(1, slot)",
        ),
        Mutant(
            name="rows of counts that are refused",
            module=TOPK,
            function="rows_before",
            old="max(topk_count(earlier, width, accept_num), 0)",
            new="max(accept_num[earlier], 0)",
        ),
        Mutant(
            name="the rows in place of the batch",
            module=TOPK,
            function="pack_topk_compact",
            old="live_batch(control[CONTROL_BATCH], ids.shape[0])",
            new="ids.shape[0]",
        ),
        Mutant(
            name="the width in place of the columns",
            module=TOPK,
            function="pack_topk_compact",
            old="thread, batch, ids.shape[2], control",
            new="thread, batch, ids.shape[1], control",
        ),
        Mutant(
            name="no word for the last thread",
            module=TOPK,
            function="pack_compact_slot",
            old="row_words, threads)",
            new="row_words - threads + 1, threads)",
        ),
        Mutant(
            name="every slot's count as it came",
            module=TOPK,
            function="pack_compact_slot",
            old="reported_topk_count(slot, count, columns, ids, ranks)",
            new="count",
        ),
    ),
)


def test_every_word_is_the_references(theorem):
    log = Log()
    found = prove(lambda ctx: PROOF.run(Thread(ctx, log)))
    assert found.status is Status.HELD, found.reason
    assert log.written() == PROOF.written
    assert not found.unreached
    assert PROOF.claims <= found.reached
    theorem(f"{PROOF.name}: every word as the reference has it", found, scope=PROOF.limits)


@pytest.mark.parametrize("mutant", PROOF.mutants, ids=lambda mutant: mutant.name)
def test_mutant_is_refuted(mutant, theorem):
    with mutated(mutant):
        found = prove(lambda ctx: PROOF.run(Doubter(ctx, Log())))
    assert found.status is Status.VIOLATED, found.reason
    assert found.reason in PROOF.claims
    theorem(f"{PROOF.name} with the mutant '{mutant.name}': its words", found, scope=PROOF.limits)
