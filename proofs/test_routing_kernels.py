"""The routing kernels: accesses in bounds, one writer a word, and every choice at the row that is due to it.

What one kernel writes is a promise that the next one builds on. All promises are in terms of one count: how many
of a source rank's first tokens name an expert.
"""

from __future__ import annotations

import pytest
from launches import ANY_SIZE, KernelProof, check_holds, check_refutes, names_of
from proofs.mutants.mutant import Mutant
from test_payload_kernels import drawn_sizes

from schedproof.dispatch.dispatch import NO_ROW
from schedproof.dispatch.limits import (
    MAX_CHOICES,
    MAX_EXPERTS,
    MAX_RANKS,
    MAX_TOKENS_PER_RANK,
    SCALE_GROUP,
    DispatchError,
    DispatchSizes,
)
from schedproof.engines.fastdeploy.rules.capacity import MAX_DISPATCH_TOKENS
from schedproof_kernels import routing_kernel
from schedproof_kernels.dispatch import chunks_of
from schedproof_kernels.routing_kernel import TOKENS_PER_CHUNK
from schedproof_spec.gpu.counting import all_of, chosen, counts, element, implies, unknown_function
from schedproof_spec.gpu.integers import smaller
from schedproof_spec.gpu.memory import BOOL, INT64

ROUTING = "schedproof_kernels.routing_kernel"
MAX_BLOCKS = 2**31 - 1

NAMED = unknown_function("named")
"""Of a token's first choices, how many are in a range of experts."""

CHOOSING = unknown_function("choosing")
"""Of a source rank's first tokens, how many name an expert of a range."""

ROWS = unknown_function("rows")
"""Rows that the first source ranks fill in an expert."""


def names(rank, token, begin, end, choice):
    """What a choice adds to `NAMED`."""
    expert = element("topk_idx", rank, token, choice)
    return chosen(all_of(begin <= expert, expert < end), 1, 0)


class Counted:
    """The counts of a launch's tokens, and what the loops and arrays have to do with them."""

    def __init__(self, thread, tokens, choices, first_expert):
        self.thread = thread
        self.tokens = tokens
        self.choices = choices
        self.first_expert = first_expert
        thread.claims.update(
            chooses=self.chooses,
            tokens_choosing=self.tokens_choosing,
            total=self.total,
            place_expert=self.place_expert,
        )

    def token_counts(self, rank, begin, end, token):
        """What a token adds to `CHOOSING`."""
        return chosen(NAMED(rank, token, begin, end, self.choices) > 0, 1, 0)

    def expert(self, column):
        """A local expert's range."""
        return self.first_expert + column, self.first_expert + column + 1

    def chunk_begin(self, chunk):
        """A chunk's first token."""
        return smaller(TOKENS_PER_CHUNK * chunk, self.tokens)

    def chooses(self, v, at):
        """The loop over a token's choices."""
        where = (v.rank, v.token, v.begin, v.end)
        self.thread.assume(counts(NAMED, names, *where, at=at))
        return all_of(v.named == NAMED(*where, at), v.named >= 0, v.named <= at)

    def tokens_choosing(self, v, at):
        """The loop over a chunk's tokens that counts them."""
        where = (v.rank, v.begin, v.end)
        self.thread.assume(counts(CHOOSING, self.token_counts, *where, at=at))
        expected = CHOOSING(*where, at) - CHOOSING(*where, v.first)
        return all_of(v.count == expected, v.count >= 0, v.count <= at - v.first)

    def total(self, v, at):
        """The loop over chunks."""
        where = (v.rank, *self.expert(v.column))
        self.thread.assume(CHOOSING(*where, 0) == 0)
        first = self.chunk_begin(at)
        return all_of(v.count == CHOOSING(*where, first), v.count >= 0, v.count <= first)

    def place_expert(self, v, at):
        """The loop over a chunk's tokens that gives them their rows."""
        where = (v.rank, v.named, v.named + 1)
        self.thread.assume(counts(CHOOSING, self.token_counts, *where, at=at))
        return all_of(v.slot == CHOOSING(*where, at), v.slot >= 0, v.slot <= at)

    def chunk_count(self, rank, chunk, column, count):
        """What `chunk_counts` holds."""
        first, last = self.chunk_begin(chunk), self.chunk_begin(chunk + 1)
        where = (rank, *self.expert(column))
        return all_of(count == CHOOSING(*where, last) - CHOOSING(*where, first), count >= 0, count <= last - first)

    def routed(self, rank, column, count):
        """What ``totals`` holds."""
        where = (rank, *self.expert(column))
        return all_of(count == CHOOSING(*where, self.tokens), count >= 0, count <= self.tokens)


def drawn_routing(thread):
    """What `Dispatcher` routes: its sizes, and any range of experts within them."""
    sizes, experts, _ = drawn_sizes(thread)
    first_expert = thread.size("first_expert", 0, MAX_EXPERTS)
    thread.assume(first_expert + experts <= sizes.experts)
    return sizes, experts, first_expert, Counted(thread, sizes.tokens, sizes.choices, first_expert)


def any_block(thread):
    """As many threads as `Kernel.launch` lets a routing kernel have."""
    return thread.size("block", 1, routing_kernel.THREADS)


def count_chunks(thread):
    sizes, experts, first_expert, counted = drawn_routing(thread)
    chunks = chunks_of(sizes.tokens)
    thread.launch(
        routing_kernel.count_chunks.py_func,
        thread.array("topk_idx", (sizes.ranks, sizes.tokens, sizes.choices), INT64),
        first_expert,
        thread.array("chunk_counts", (sizes.ranks, chunks, experts), promise=counted.chunk_count),
        grid=(chunks, sizes.ranks),
        block=any_block(thread),
    )


def sum_chunks(thread):
    sizes, experts, _, counted = drawn_routing(thread)
    chunks = chunks_of(sizes.tokens)
    thread.launch(
        routing_kernel.sum_chunks.py_func,
        thread.array("chunk_counts", (sizes.ranks, chunks, experts), facts=counted.chunk_count),
        thread.array("totals", (sizes.ranks, experts), promise=counted.routed),
        grid=(thread.size("blocks", 1, MAX_BLOCKS), sizes.ranks),
        block=any_block(thread),
    )


def count_layout_chunks(thread):
    tokens, choices = thread.size("tokens", *ANY_SIZE), thread.size("choices", *ANY_SIZE)
    experts, ranks = thread.size("experts", *ANY_SIZE), thread.size("ranks", *ANY_SIZE)
    DispatchSizes(ranks, tokens, choices, experts, SCALE_GROUP, 4)
    chunks = chunks_of(tokens)
    counted = Counted(thread, tokens, choices, 0)
    columns = experts + ranks

    def column_count(rank, chunk, column, count):
        return all_of(count >= 0, count <= TOKENS_PER_CHUNK)

    thread.launch(
        routing_kernel.count_layout_chunks.py_func,
        thread.array("topk_idx", (1, tokens, choices), INT64),
        experts,
        thread.array("chunk_counts", (1, chunks, columns), promise=column_count),
        thread.array("in_rank", (tokens, ranks), BOOL),
        grid=(chunks,),
        block=any_block(thread),
    )
    assert counted.choices is choices


def place_chunks(thread):
    sizes, experts, first_expert, counted = drawn_routing(thread)
    ranks, capacity, rows = sizes.ranks, sizes.capacity, sizes.rows_per_expert
    chunks = chunks_of(sizes.tokens)

    def admitted_rows(expert, rank):
        """What a source rank adds to `ROWS`."""
        routed = element("totals", rank, expert)
        return chosen(routed <= capacity, routed, capacity)

    def rows_of_ranks(v, at):
        """The loop over source ranks."""
        thread.assume(counts(ROWS, admitted_rows, v.expert, at=at))
        return all_of(v.rows == ROWS(v.expert, at), v.rows >= 0, v.rows <= at * capacity)

    def due_row(rank, token, choice, row):
        """Behind the rows of earlier ranks and of the rank's earlier tokens, while the capacity lasts."""
        named = element("topk_idx", rank, token, choice)
        expert = named - first_expert
        slot = CHOOSING(rank, named, named + 1, token)
        is_local = all_of(expert >= 0, expert < experts)
        thread.compare_multiples(rows, expert)
        due = thread.wrap(expert) * rows + ROWS(expert, rank) + slot
        return row == chosen(all_of(is_local, slot < capacity), due, NO_ROW)

    def range_half(expert, rank, half, value):
        """The count in the low half, the begin in the high one."""
        return value == chosen(half == 0, admitted_rows(expert, rank), ROWS(expert, rank))

    thread.claims["rows_of_ranks"] = rows_of_ranks
    thread.launch(
        routing_kernel.place_chunks.py_func,
        thread.array("topk_idx", (ranks, sizes.tokens, sizes.choices), INT64),
        first_expert,
        capacity,
        thread.array("chunk_counts", (ranks, chunks, experts), facts=counted.chunk_count),
        thread.array("totals", (ranks, experts), facts=counted.routed),
        thread.array("recv_count", (experts,), promise=lambda expert, count: count == ROWS(expert, ranks)),
        thread.array("source", (experts, rows)),
        thread.array("ranges", (experts, ranks, 2), promise=range_half),
        thread.array(
            "dropped",
            (experts, ranks),
            promise=lambda e, r, lost: lost == element("totals", r, e) - admitted_rows(e, r),
        ),
        thread.array("row_of_choice", (ranks, sizes.tokens, sizes.choices), promise=due_row),
        grid=(chunks, ranks),
        block=any_block(thread),
    )


def rows_in_order(first, second):
    """Running totals grow, see test_running_totals: earlier tokens and ranks have their rows before later ones."""
    if first.array != "source":
        return []
    tokens, capacity, first_expert = element("tokens"), element("capacity"), element("first_expert")
    facts = []
    for one, other in ((first, second), (second, first)):
        (expert, _), (_, rank), token = one.indices, one.block, one.value
        (_, later_rank), later = other.block, other.value
        where = (rank, first_expert + expert, first_expert + expert + 1)
        routed = element("totals", rank, expert)
        taken = chosen(routed <= capacity, routed, capacity)
        facts += [
            routed == CHOOSING(*where, tokens),
            implies(token < tokens, CHOOSING(*where, tokens) >= CHOOSING(*where, token + 1)),
            implies(token < later, CHOOSING(*where, later) >= CHOOSING(*where, token + 1)),
            ROWS(expert, rank + 1) == ROWS(expert, rank) + taken,
            implies(rank < later_rank, ROWS(expert, later_rank) >= ROWS(expert, rank + 1)),
        ]
    return facts


LIMITS = (
    f"ranks 1..{MAX_RANKS}, tokens 0..{MAX_TOKENS_PER_RANK}, choices 1..{MAX_CHOICES}, experts 1..{MAX_EXPERTS}, "
    f"capacity 1..{MAX_DISPATCH_TOKENS}, as DispatchSizes accepts; any expert ids, any block"
)
PROMISE = "what is written to {} is as promised"
LOOP = "the loop of {} keeps its claim"
PROOFS = (
    KernelProof(
        name="count_chunks",
        limits=LIMITS,
        launch=count_chunks,
        refusal=DispatchError,
        written=frozenset({"chunk_counts"}),
        claims=frozenset({PROMISE.format("chunk_counts"), LOOP.format("chooses"), LOOP.format("tokens_choosing")}),
        mutants=(
            Mutant(
                name="a last chunk as long as the others",
                module=ROUTING,
                function="chunk_end",
                old="min((chunk + 1) * TOKENS_PER_CHUNK, tokens)",
                new="(chunk + 1) * TOKENS_PER_CHUNK",
            ),
            Mutant(
                name="the expert behind counts too",
                module=ROUTING,
                function="chooses",
                old="begin <= expert < end",
                new="begin <= expert <= end",
            ),
            Mutant(
                name="one column too many",
                module=ROUTING,
                function="count_columns",
                old="range(thread, columns, threads)",
                new="range(thread, columns + 1, threads)",
            ),
            Mutant(
                name="count entries instead of tokens",
                module=ROUTING,
                function="chooses",
                old="named += 1",
                new="named += 2",
            ),
        ),
    ),
    KernelProof(
        name="count_layout_chunks",
        limits=LIMITS,
        launch=count_layout_chunks,
        refusal=DispatchError,
        written=frozenset({"chunk_counts", "in_rank"}),
        claims=frozenset({PROMISE.format("chunk_counts")}),
        mutants=(
            Mutant(
                name="mark entries by the wrong length",
                module=ROUTING,
                function="mark_ranks",
                old="first + entry // ranks",
                new="first + entry // choices",
            ),
        ),
    ),
    KernelProof(
        name="sum_chunks",
        limits=LIMITS,
        launch=sum_chunks,
        refusal=DispatchError,
        written=frozenset({"totals"}),
        claims=frozenset({PROMISE.format("totals"), LOOP.format("total")}),
        mutants=(
            Mutant(
                name="the column behind the last",
                module=ROUTING,
                function="sum_columns",
                old="column < columns",
                new="column <= columns",
            ),
            Mutant(
                name="start from the second chunk",
                module=ROUTING,
                function="total",
                old="range(chunks)",
                new="range(1, chunks)",
            ),
        ),
    ),
    KernelProof(
        name="place_chunks",
        limits=f"{LIMITS}; counts as count_chunks and sum_chunks promise",
        launch=place_chunks,
        refusal=DispatchError,
        written=frozenset({"recv_count", "source", "ranges", "dropped", "row_of_choice"}),
        claims=frozenset(PROMISE.format(name) for name in ("recv_count", "ranges", "dropped", "row_of_choice"))
        | {LOOP.format("rows_of_ranks"), LOOP.format("place_expert")},
        mutants=(
            Mutant(
                name="a row beyond capacity",
                module="schedproof.dispatch.dispatch",
                function="row_of_slot",
                old="slot < capacity",
                new="slot <= capacity",
            ),
            Mutant(
                name="write dropped tokens too",
                module=ROUTING,
                function="place_token",
                old="    if row != NO_ROW:\n",
                new="    if row >= NO_ROW:\n",
            ),
            Mutant(
                name="forget the earlier chunks",
                module=ROUTING,
                function="place_expert",
                old="slot = total(rank, chunk, expert, chunk_counts)",
                new="slot = 0",
            ),
            Mutant(
                name="every rank reports the count",
                module=ROUTING,
                function="report_expert",
                old="if rank == ranks - 1",
                new="if rank <= ranks - 1",
            ),
            Mutant(
                name="clear every choice",
                module=ROUTING,
                function="clear_strangers",
                old="named < first_expert or named >= first_expert + experts",
                new="True",
            ),
        ),
        known=rows_in_order,
    ),
)
MUTANTS = [(proof, mutant) for proof in PROOFS for mutant in proof.mutants]


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.name)
def test_accesses_in_bounds_and_one_writer(proof, theorem):
    check_holds(proof, theorem)


@pytest.mark.parametrize(("proof", "mutant"), MUTANTS, ids=names_of(MUTANTS))
def test_mutant_is_refuted(proof, mutant, theorem):
    check_refutes(proof, mutant, theorem)
