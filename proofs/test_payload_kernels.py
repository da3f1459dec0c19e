"""The kernels that move rows: all of their accesses are in bounds and aligned, and each word has one writer."""

from __future__ import annotations

import pytest
from launches import ANY_SIZE, KernelProof, check_holds, check_races, check_refutes, names_of
from proofs.mutants.mutant import Mutant

from schedproof.dispatch.dispatch import NO_ROW
from schedproof.dispatch.limits import (
    MAX_CHOICES,
    MAX_EXPERTS,
    MAX_HIDDEN,
    MAX_RANKS,
    MAX_TOKENS_PER_RANK,
    SCALE_GROUP,
    DispatchError,
    DispatchSizes,
)
from schedproof.engines.fastdeploy.rules.capacity import MAX_DISPATCH_TOKENS
from schedproof_kernels import payload_kernel, primitives
from schedproof_kernels.dispatch_buffers import BF16_BYTES, WORD_BYTES, written_arrays
from schedproof_spec.gpu.counting import all_of, any_of, unknown_function
from schedproof_spec.gpu.integers import Data
from schedproof_spec.gpu.memory import INT32, Log
from schedproof_spec.gpu.thread import Thread
from schedproof_spec.prover.prove import prove
from schedproof_spec.prover.verdict import Status

PAYLOAD = "schedproof_kernels.payload_kernel"
MAX_BLOCKS_Y = 65535
"""Blocks that CUDA launches along y."""

TOKEN_OF_ROW = unknown_function("token_of_row")
"""A row has one token: what the routing promises, as proved of it."""

ROUNDINGS = (
    primitives.added,
    primitives.bf16_pair,
    primitives.bf16_value,
    primitives.e4m3_pair,
    primitives.product,
    primitives.quotient,
)
"""Operations on values, which decide no index."""

VECTORS = {primitives.load4: 4, primitives.store4: 4, primitives.store2: 2}


def aligned(thread, function, words):
    """The primitive's own source, after the claim that the hardware's wide access needs."""

    def access(array, index, *values):
        thread.claim("wide accesses are aligned", lambda: (index % words == 0).term)
        return thread.translator.own_function(function)(array, index, *values)

    return access


def stand_in_for_hardware(thread):
    """Roundings become data; wide accesses claim their alignment."""
    functions = thread.translator.functions
    functions.update({function: lambda *values: Data(thread) for function in ROUNDINGS})
    functions.update({function: aligned(thread, function, words) for function, words in VECTORS.items()})


def drawn_sizes(thread):
    """The sizes that `Dispatcher` accepts, and the experts that one is for."""
    vectors = thread.size("vectors", *ANY_SIZE)
    sizes = DispatchSizes(
        ranks=thread.size("ranks", *ANY_SIZE),
        tokens=thread.size("tokens", *ANY_SIZE),
        choices=thread.size("choices", *ANY_SIZE),
        experts=thread.size("experts", *ANY_SIZE),
        hidden=payload_kernel.VECTOR_VALUES * vectors,
        capacity=thread.size("capacity", *ANY_SIZE),
    )
    local_experts = thread.size("local_experts", 1, MAX_EXPERTS)
    thread.assume(local_experts <= sizes.experts)
    return sizes, local_experts, vectors


def launch_payload(thread, kernel, *, fp8=False, combines=False):
    """Any token's vector, in any grid that has the tokens along x, with any block that the kernel takes."""
    stand_in_for_hardware(thread)
    sizes, local_experts, vectors = drawn_sizes(thread)
    shapes = {written.name: written.seen_shape for written in written_arrays(sizes, local_experts, fp8=fp8)}
    tokens = sizes.ranks * sizes.tokens
    num_rows = local_experts * sizes.rows_per_expert
    thread.compare_multiples(vectors, num_rows, tokens)

    def routed(token, choice, row):
        """What the routing kernels promise of a row."""
        placed = all_of(row >= 0, row < num_rows, TOKEN_OF_ROW(row) == token)
        return any_of(row == NO_ROW, placed)

    words = tokens * sizes.hidden * BF16_BYTES // WORD_BYTES
    rows = thread.array("row_of_choice", shapes["row_of_choice"], facts=routed)
    packed = thread.array("packed", shapes["packed_recv_x"], None)
    if combines:
        weights = thread.array("weights", shapes["row_of_choice"], None)
        arguments = [packed, rows, weights, vectors, thread.array("combined", (words,), None)]
    else:
        arguments = [thread.array("x", (words,), None), rows, vectors, packed]
    if fp8:
        arguments.append(thread.array("scales", shapes["scales"], None))
    thread.launch(
        kernel.py_func,
        *arguments,
        grid=(tokens, thread.size("blocks", 1, MAX_BLOCKS_Y)),
        block=kernel.multiple * thread.size("block", 1, kernel.threads // kernel.multiple),
    )


LIMITS = (
    f"ranks 1..{MAX_RANKS}, tokens 0..{MAX_TOKENS_PER_RANK}, choices 1..{MAX_CHOICES}, experts 1..{MAX_EXPERTS}, "
    f"capacity 1..{MAX_DISPATCH_TOKENS}, hidden {SCALE_GROUP}..{MAX_HIDDEN}, as DispatchSizes accepts; "
    "rows as the routing promises; any block that the kernel takes"
)
ALIGNED = frozenset({"wide accesses are aligned"})


def copies(thread):
    launch_payload(thread, payload_kernel.copy_rows)


def quantises(thread):
    launch_payload(thread, payload_kernel.quantise_rows, fp8=True)


def combines(thread):
    launch_payload(thread, payload_kernel.combine_rows, combines=True)


def short_row(name, function):
    """A row stride that is one vector too short."""
    return Mutant(
        name=name,
        module=PAYLOAD,
        function=function,
        old="(row * vectors + vector)",
        new="(row * (vectors - 1) + vector)",
    )


def past_the_row(kernel):
    """The thread behind a row's last vector moves one too."""
    return Mutant(
        name="a vector past the row",
        module=PAYLOAD,
        function=kernel,
        old="vector < vectors",
        new="vector <= vectors",
    )


PROOFS = (
    KernelProof(
        name="copy_rows",
        limits=LIMITS,
        launch=copies,
        refusal=DispatchError,
        written=frozenset({"packed"}),
        claims=ALIGNED,
        mutants=(
            past_the_row("copy_rows"),
            Mutant(
                name="write dropped tokens too",
                module=PAYLOAD,
                function="copy_vector",
                old="if row != NO_ROW",
                new="if row >= NO_ROW",
            ),
            Mutant(
                name="a word stride where a vector's is due",
                module=PAYLOAD,
                function="vector_word",
                old="(row * vectors + vector) * VECTOR_WORDS",
                new="row * vectors * VECTOR_WORDS + vector",
            ),
        ),
        racing_mutants=(short_row("rows that overlap", "vector_word"),),
    ),
    KernelProof(
        name="quantise_rows",
        limits=LIMITS,
        launch=quantises,
        refusal=DispatchError,
        written=frozenset({"packed", "scales", "shared"}),
        claims=ALIGNED,
        mutants=(
            past_the_row("quantise_rows"),
            Mutant(
                name="a group that begins at its thread",
                module=PAYLOAD,
                function="group_peak",
                old="thread - thread % GROUP_VECTORS",
                new="thread",
            ),
        ),
        racing_mutants=(
            short_row("fp8 rows that overlap", "fp8_vector_word"),
            Mutant(
                name="every vector writes its group's scale",
                module=PAYLOAD,
                function="store_fp8_vector",
                old="vector % GROUP_VECTORS == 0",
                new="vector % GROUP_VECTORS >= 0",
            ),
            Mutant(
                name="no barrier before the peaks are read",
                module=PAYLOAD,
                function="quantise_rows",
                old="cuda.syncthreads()",
                new="pass",
            ),
        ),
    ),
    KernelProof(
        name="combine_rows",
        limits=LIMITS,
        launch=combines,
        refusal=DispatchError,
        written=frozenset({"combined"}),
        claims=ALIGNED,
        mutants=(
            past_the_row("combine_rows"),
            Mutant(
                name="sum dropped tokens too",
                module=PAYLOAD,
                function="combine_vector",
                old="if row != NO_ROW",
                new="if row >= NO_ROW",
            ),
        ),
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


def test_indices_need_64_bits(theorem):
    """Within the limits a flat index exceeds 32 bits: the same kernel with 32-bit integers is refuted."""

    def launched(ctx):
        try:
            copies(Thread(ctx, Log(), limits=INT32))
        except DispatchError:
            return

    outcome = prove(launched)
    assert outcome.status is Status.VIOLATED
    assert outcome.reason == "integers fit the machine"
    theorem("copy_rows with 32-bit integers", outcome, scope=LIMITS)
