"""The payload kernels value by value: what is stored is what the rules say, of the right operands, in their order.

Floating-point operations are unknown functions here, so that no order of a sum and no operand can be exchanged.
That each word has one writer, and that no thread reads what another one writes without a barrier between them, is
proved in `test_payload_kernels`; here each word that is due is written, so that all are written exactly once.
"""

from __future__ import annotations

import pytest
from launches import KernelProof, names_of
from payload_values import combines, copies, quantises
from proofs.mutants.mutant import Mutant
from proofs.theorems import check_held
from test_payload_kernels import LIMITS, PAYLOAD

from schedproof.dispatch.limits import MAX_HIDDEN, MAX_RANKS, MAX_TOKENS_PER_RANK, DispatchError
from schedproof_kernels.dispatch import payload_grid
from schedproof_kernels.payload_kernel import GROUP_VECTORS, THREADS, VECTOR_VALUES
from schedproof_spec.gpu.counting import all_of, any_of, implies, unknown_function
from schedproof_spec.gpu.integers import larger
from schedproof_spec.gpu.memory import Log
from schedproof_spec.gpu.source import mutated
from schedproof_spec.gpu.thread import Doubter, Thread
from schedproof_spec.prover.prove import prove
from schedproof_spec.prover.verdict import Status

STORED = "what is written to {} is as promised"
DUE = "an iteration of {} does what is due"
RUNS = "a thread of {} does what is due"
LOOP = "the loop of {} keeps its claim"
DROPPED = frozenset({"a choice is dropped", "a choice has a row"})


def changed(function, name, old, new):
    """A change of the payload kernels."""
    return Mutant(name=name, module=PAYLOAD, function=function, old=old, new=new)


COPY_MUTANTS = (
    changed(
        "copy_vector", "two words change places", "first, second, third, fourth)", "second, first, third, fourth)"
    ),
    changed(
        "copy_vector", "the row backwards", "vector_word(row, vector,", "vector_word(row, vectors - 1 - vector,"
    ),
    changed("copy_vector", "the first vector for all", "vector_word(token, vector,", "vector_word(token, 0,"),
    changed("copy_vector", "no row for the first choice", "range(choices)", "range(1, choices)"),
    changed("copy_vector", "rows of one choice alone", "if row != NO_ROW", "if row != NO_ROW and choice == 3"),
    changed("copy_rows", "one choice too few", "row_of_choice.shape[1], x", "row_of_choice.shape[1] - 1, x"),
)

IN_ORDER = "row_of_choice[token, choice]"
REVERSED = "row_of_choice[token, choices - 1 - choice]"
COMBINE_MUTANTS = (
    changed(
        "combine_vector",
        "the last choice first",
        f"row = {IN_ORDER}\n        if row != NO_ROW:\n            weight = weights[token, choice]",
        f"row = {REVERSED}\n        if row != NO_ROW:\n            weight = weights[token, choices - 1 - choice]",
    ),
    changed("combine_vector", "another choice's weight", "weights[token, choice]", "weights[token, 0]"),
    changed("combine_vector", "another choice's row", IN_ORDER, REVERSED),
    changed("combine_vector", "the first vector of a row", "vector_word(row, vector,", "vector_word(row, 0,"),
    changed("combine_vector", "a column twice", "weight, low_half(first)", "weight, high_half(first)"),
    changed("combine_vector", "a sum into its neighbour", "weighted(sum3, weight", "weighted(sum2, weight"),
    changed("combine_vector", "begin with a weight", "sum7 = FLOAT32_ZERO", "sum7 = FLOAT32_MIN_AMAX"),
    changed("combine_vector", "two columns change places", "bf16_pair(sum4, sum5)", "bf16_pair(sum5, sum4)"),
    changed(
        "combine_vector",
        "the result backwards",
        "vector_word(token, vector,",
        "vector_word(token, vectors - 1 - vector,",
    ),
    changed(
        "weighted",
        "the sum is weighted too",
        "added(total, product(weight, bf16_value(half)))",
        "product(weight, added(total, bf16_value(half)))",
    ),
    changed("combine_rows", "no result for the last vector", "if vector < vectors", "if vector + 1 < vectors"),
)

FP8_MUTANTS = (
    changed("group_peak", "without the last vector", "range(GROUP_VECTORS)", "range(GROUP_VECTORS - 1)"),
    changed(
        "group_peak", "the block's first group for all", "begin = thread - thread % GROUP_VECTORS", "begin = 0"
    ),
    changed(
        "word_peak",
        "without every second value",
        "max(low_half(word) & MAGNITUDE, high_half(word) & MAGNITUDE)",
        "low_half(word) & MAGNITUDE",
    ),
    changed(
        "group_amax",
        "stretched from zero",
        "FLOAT32_MIN_AMAX if peak < MIN_PEAK else bf16_value(peak)",
        "bf16_value(peak)",
    ),
    changed(
        "quantise_rows",
        "the scale upside down",
        "quotient(amax, FLOAT32_E4M3_MAX)",
        "quotient(FLOAT32_E4M3_MAX, amax)",
    ),
    changed(
        "quantise_rows",
        "stretched by the scale",
        "multiplier = quotient(FLOAT32_E4M3_MAX, amax)",
        "multiplier = quotient(amax, FLOAT32_E4M3_MAX)",
    ),
    changed("quantise_rows", "no barrier", "cuda.syncthreads()", "pass"),
    changed(
        "scale_index", "scales backwards", "+ vector // GROUP_VECTORS", "+ (vectors - 1 - vector) // GROUP_VECTORS"
    ),
    changed("store_fp8_vector", "the first group's scale alone", "vector % GROUP_VECTORS == 0", "vector == 0"),
    changed("store_fp8_vector", "no row for the last choice", "range(choices)", "range(choices - 1)"),
    changed(
        "store_fp8_vector",
        "two words change places",
        "first, second)\n            if",
        "second, first)\n            if",
    ),
    changed(
        "fp8_word",
        "two pairs change places",
        "fp8_half(low, multiplier) | (fp8_half(high, multiplier) << 16)",
        "fp8_half(high, multiplier) | (fp8_half(low, multiplier) << 16)",
    ),
    changed(
        "fp8_half",
        "a value that is not stretched",
        "product(bf16_value(low_half(word)), multiplier)",
        "bf16_value(low_half(word))",
    ),
)

PROOFS = (
    KernelProof(
        name="copy_rows",
        limits=LIMITS,
        launch=copies,
        refusal=DispatchError,
        written=frozenset({"packed"}),
        claims=DROPPED | {STORED.format("packed"), DUE.format("copy_vector"), RUNS.format("copy_rows")},
        mutants=COPY_MUTANTS,
    ),
    KernelProof(
        name="combine_rows",
        limits=LIMITS,
        launch=combines,
        refusal=DispatchError,
        written=frozenset({"combined"}),
        claims=frozenset(
            {
                "one choice of two is dropped",
                LOOP.format("combine_vector"),
                STORED.format("combined"),
                RUNS.format("combine_rows"),
            }
        ),
        mutants=COMBINE_MUTANTS,
    ),
    KernelProof(
        name="quantise_rows",
        limits=LIMITS,
        launch=quantises,
        refusal=DispatchError,
        written=frozenset({"packed", "scales", "shared"}),
        claims=DROPPED
        | {
            "a group is stretched from the least magnitude",
            "a group is stretched from its largest magnitude",
            "a thread has no vector",
            "every thread has written its shared word",
            LOOP.format("group_peak"),
            "what is written to shared fits",
            STORED.format("shared"),
            STORED.format("packed"),
            STORED.format("scales"),
            DUE.format("store_fp8_vector"),
            RUNS.format("quantise_rows"),
        },
        mutants=FP8_MUTANTS,
    ),
)
MUTANTS = [(proof, mutant) for proof in PROOFS for mutant in proof.mutants]


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.name)
def test_every_value_is_due_and_every_due_value_is_stored(proof, theorem):
    log = Log()
    found = prove(lambda ctx: proof.run(Thread(ctx, log)))
    assert found.status is Status.HELD, found.reason
    assert log.written() == proof.written
    assert not found.unreached
    assert proof.claims <= found.reached
    theorem(f"{proof.name}: every value as it is due", found, scope=proof.limits)


@pytest.mark.parametrize(("proof", "mutant"), MUTANTS, ids=names_of(MUTANTS))
def test_mutant_is_refuted(proof, mutant, theorem):
    with mutated(mutant):
        found = prove(lambda ctx: proof.run(Doubter(ctx, Log())))
    assert found.status is Status.VIOLATED, found.reason
    assert found.reason in proof.claims
    theorem(f"{proof.name} with the mutant '{mutant.name}': its values", found, scope=proof.limits)


def payload_grid_covers(ctx):
    """Any vector of any token has a thread, in a block that holds whole groups."""
    tokens = ctx.integer("tokens", 1, MAX_RANKS * MAX_TOKENS_PER_RANK)
    vectors = ctx.integer("vectors", 1, MAX_HIDDEN // VECTOR_VALUES)
    vector = ctx.integer("vector", 0)
    ctx.assume(vector < vectors)
    (blocks_x, blocks_y), block = payload_grid(tokens, vectors)
    ctx.prove("a token has its blocks", blocks_x == tokens)
    ctx.prove("a vector has a thread of one of them", vector // block < blocks_y)
    ctx.prove("a block is one that the kernels take", 0 < block <= THREADS and block % GROUP_VECTORS == 0)


def test_every_vector_has_a_thread(theorem):
    check_held("payload_grid: every vector has a thread", payload_grid_covers, theorem, scope=LIMITS)


def running_peak(ctx):
    """By induction: a running peak is the largest of the values so far, or 0 before the first."""
    peaks, value = unknown_function("peaks"), unknown_function("value")
    at, before = ctx.integer("at", 0), ctx.integer("before", 0)
    ctx.assume(before <= at)
    ctx.assume(value(at) >= 0)
    after = larger(peaks(at), value(at))
    is_one = any_of(peaks(at) == 0, peaks(at) == value(before))
    ctx.assume(implies(before < at, peaks(at) >= value(before)))
    ctx.prove("no value so far is larger", after >= value(before))
    ctx.prove(
        "it is one of them, or 0", implies(is_one, any_of(after == 0, after == value(before), after == value(at)))
    )
    ctx.prove("it does not fall", all_of(after >= peaks(at), after >= value(at)))


def test_a_running_peak_is_the_largest(theorem):
    check_held("running peaks are the largest so far", running_peak, theorem, scope="values of 0 or more")
