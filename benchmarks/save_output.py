"""Save-output and the top-k message, launch to readable on the host, beside what engines do today."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from measure import Bench, empty
from numba import cuda

from schedproof.output.message_layout import HEADER_WORDS, MAX_DRAFT_TOKENS, MAX_MESSAGE_SEQS, MESSAGE_WORDS
from schedproof.output.save_output import TOKENS_BEGIN
from schedproof.output.topk_layout import (
    COUNTS_BEGIN,
    KIND_TARGET,
    MAX_TOPK_COLUMNS,
    ROW_SPAN,
    SLOT_WORDS,
    SLOTS_BEGIN,
    TOPK_MESSAGE_WORDS,
    UNUSED_ID,
    used_words,
)
from schedproof_kernels.jit import SIMULATED
from schedproof_kernels.save_output import SaveOutput
from schedproof_kernels.topk import SaveTopk

BATCH = 4 if SIMULATED else MAX_MESSAGE_SEQS
POSITIONS = np.arange(MAX_DRAFT_TOKENS)


def pack_on_host(tokens: np.ndarray, counts: np.ndarray, decoded: np.ndarray, prompts: np.ndarray) -> np.ndarray:
    """The message, packed by vectorised NumPy once its inputs are on the host."""
    message = np.zeros(MESSAGE_WORDS, dtype=np.int32)
    message[:HEADER_WORDS] = 1, len(counts)
    message[HEADER_WORDS : HEADER_WORDS + len(counts)] = counts
    slots = message[TOKENS_BEGIN:].reshape(MAX_MESSAGE_SEQS, MAX_DRAFT_TOKENS)
    slots[: len(counts)] = np.where(counts[:, np.newaxis] > POSITIONS, tokens, 0)
    return message


def pack_topk_on_host(ids: np.ndarray, scores: np.ndarray, ranks: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The fixed top-k message, packed by vectorised NumPy once its inputs are on the host."""
    message = np.zeros(TOPK_MESSAGE_WORDS, dtype=np.int32)
    message[:COUNTS_BEGIN] = 1, KIND_TARGET, len(counts)
    message[COUNTS_BEGIN : COUNTS_BEGIN + len(counts)] = counts
    slots = message[SLOTS_BEGIN:].reshape(-1, SLOT_WORDS)[: len(counts)]
    accepted = counts[:, np.newaxis] > POSITIONS
    rows = slots[:, :ROW_SPAN].reshape(len(counts), MAX_DRAFT_TOKENS, MAX_TOPK_COLUMNS)
    rows[...] = np.where(accepted[..., np.newaxis], UNUSED_ID, 0)
    columns = ids.shape[2]
    rows[:, :, :columns] = np.where(accepted[..., np.newaxis], ids, 0)
    bits = slots[:, ROW_SPAN : 2 * ROW_SPAN].reshape(rows.shape)
    bits[:, :, :columns] = np.where(accepted[..., np.newaxis], scores.view(np.int32), 0)
    slots[:, 2 * ROW_SPAN :] = np.where(accepted, ranks, 0)
    return message


def measure_floor(bench: Bench, row: str, words: int) -> None:
    """An empty kernel and a copy of the message's size, in one graph."""
    source = cuda.device_array(words, np.int32)
    target = bench.device.host_array(words)

    def enqueue(stream: Any) -> None:
        empty.launch((1,), 32, stream)
        bench.device.copy_to_host(target, source, words, stream)

    enqueue(bench.stream)
    graph = bench.device.capture(bench.stream, enqueue)

    def run(turn: int) -> None:
        graph.launch(bench.stream)
        bench.device.record(bench.stream).sync()

    bench.add(row, f"empty kernel + copy of {words * 4} bytes", "floor", bench.from_host(run))


def measure_copies(
    bench: Bench, row: str, arrays: Sequence[Any], pack: Callable[..., np.ndarray], expected: np.ndarray
) -> None:
    """Blocking copies of every input, then packing on the host: what engines do."""

    def run(turn: int) -> np.ndarray:
        return pack(*(array.copy_to_host() for array in arrays))

    def measured() -> dict[str, float]:
        assert np.array_equal(run(0), expected), "packs another message"
        return bench.from_host(run)

    bench.add_peer(row, f"{len(arrays)} blocking copies + host packing", measured)


def measure_concatenated(bench: Bench, row: str, arrays: Sequence[Any], expected: np.ndarray) -> None:
    """The inputs joined on the device and brought over in one blocking copy, then packed on the host."""
    try:
        import torch
    except ImportError:
        print(f"{row}: no torch, so the concatenating peer is absent")
        return
    tensors = [torch.as_tensor(array, device="cuda") for array in arrays]
    shapes = [tensor.shape for tensor in tensors]
    sizes = [tensor.numel() for tensor in tensors]

    def run(turn: int) -> np.ndarray:
        joined = torch.cat([tensor.reshape(-1).to(torch.int32) for tensor in tensors]).cpu().numpy()
        parts = np.split(joined, np.cumsum(sizes)[:-1])
        return pack_on_host(*(part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)))

    def measured() -> dict[str, float]:
        assert np.array_equal(run(0), expected), "packs another message"
        return bench.from_host(run)

    bench.add_peer(row, "concatenate + one blocking copy + host packing", measured)


def measure_save_output(bench: Bench, generator: np.random.Generator) -> None:
    """The plain message."""
    row = f"save-output, batch {BATCH}"
    tokens = generator.integers(0, 150_000, (BATCH, MAX_DRAFT_TOKENS))
    counts = generator.integers(0, MAX_DRAFT_TOKENS + 1, BATCH).astype(np.int32)
    lengths = np.ones(BATCH, dtype=np.int32)
    host = (tokens, counts, lengths, lengths.astype(np.int64))
    arrays = [cuda.to_device(array) for array in host]
    expected = pack_on_host(*host)
    for mapped in (False, True):
        packer = SaveOutput(BATCH, MAX_DRAFT_TOKENS, mapped=mapped, stream=bench.stream)
        graph = packer.capture(*arrays)

        def run(turn: int, graph: Any = graph, packer: SaveOutput = packer) -> None:
            graph.replay(BATCH)
            packer.packer.wait()

        run(0)
        assert np.array_equal(packer.read(), expected)
        what = "kernel writes mapped memory" if mapped else "kernel + asynchronous copy"
        bench.add(row, what, "ours", bench.from_host(run))
    measure_floor(bench, row, MESSAGE_WORDS)
    measure_copies(bench, row, arrays, pack_on_host, expected)
    measure_concatenated(bench, row, arrays, expected)


def measure_topk(bench: Bench, generator: np.random.Generator) -> None:
    """The message with logprobs, fixed and compact."""
    row = f"top-k message, {BATCH} slots"
    shape = (BATCH, MAX_DRAFT_TOKENS, MAX_TOPK_COLUMNS)
    ids = generator.integers(0, 150_000, shape)
    scores = generator.standard_normal(shape).astype(np.float32)
    ranks = generator.integers(0, 1000, shape[:2])
    counts = generator.integers(0, MAX_DRAFT_TOKENS + 1, BATCH).astype(np.int32)
    host = (ids, scores, ranks, counts)
    arrays = [cuda.to_device(array) for array in host]
    expected = pack_topk_on_host(*host)
    for compact in (False, True):
        packer = SaveTopk(BATCH, MAX_DRAFT_TOKENS, MAX_TOPK_COLUMNS, compact=compact, stream=bench.stream)
        graph = packer.capture(*arrays)

        def run(turn: int, graph: Any = graph, packer: SaveTopk = packer) -> None:
            graph.replay(BATCH)
            packer.packer.wait()

        run(0)
        assert compact or np.array_equal(packer.read(), expected)
        what = f"{'compact' if compact else 'fixed'} form, {packer.packer.words * 4} bytes copied"
        bench.add(row, what, "ours", bench.from_host(run))
    measure_floor(bench, row, TOPK_MESSAGE_WORDS)
    measure_floor(bench, row, used_words(BATCH))
    measure_copies(bench, row, arrays, pack_topk_on_host, expected)


def measure(bench: Bench) -> None:
    """Every row of both messages."""
    generator = np.random.default_rng(0)
    measure_save_output(bench, generator)
    measure_topk(bench, generator)
