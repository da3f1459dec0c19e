"""Layout, dispatch and combine beside gathers, and beside copies of the same shape.

The ranks of a step are slices of one GPU; nothing here crosses a network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from measure import Bench, copies_for
from numba import cuda

from schedproof.dispatch.combine import combine
from schedproof.dispatch.dispatch import pack_bf16, pack_fp8, route
from schedproof.dispatch.limits import SCALE_GROUP, DispatchSizes
from schedproof_kernels.dispatch import Dispatcher
from schedproof_kernels.jit import SIMULATED
from schedproof_kernels.layout import LayoutPlan

RANKS, EXPERTS, CHOICES, HIDDEN = (2, 4, 2, 128) if SIMULATED else (8, 256, 8, 7168)
LAYOUT_TOKENS = (6,) if SIMULATED else (128, 4096, 8192)
STEP_TOKENS = (6,) if SIMULATED else (128, 4096)


@dataclass(frozen=True, slots=True)
class WorkingSet:
    """One step's arrays on the device; ``routing`` is the reference's answer."""

    dispatcher: Dispatcher
    x: Any
    topk_idx: Any
    weights: Any
    combined: Any


def distinct_choices(generator: np.random.Generator, tokens: int) -> np.ndarray:
    """int64[tokens, CHOICES] distinct experts, each set as likely as any other."""
    return np.argsort(generator.random((tokens, EXPERTS)), axis=1)[:, :CHOICES].astype(np.int64)


def sizes_for(tokens: int) -> DispatchSizes:
    """A step of ``tokens`` tokens over all ranks, none dropped."""
    per_rank = tokens // RANKS
    return DispatchSizes(RANKS, per_rank, CHOICES, EXPERTS, HIDDEN, max(4, -(-per_rank // 4) * 4))


def working_set(bench: Bench, tokens: int, fp8: bool, seed: int) -> WorkingSet:
    """A step with contents of its own, dispatched once."""
    generator = np.random.default_rng(seed)
    sizes = sizes_for(tokens)
    shape = (RANKS, sizes.tokens, HIDDEN)
    x = (generator.standard_normal(shape).astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
    topk_idx = distinct_choices(generator, tokens).reshape(RANKS, sizes.tokens, CHOICES)
    made = WorkingSet(
        Dispatcher(sizes, fp8=fp8, stream=bench.stream),
        cuda.to_device(x),
        cuda.to_device(topk_idx),
        cuda.to_device(generator.random(topk_idx.shape).astype(np.float32)),
        cuda.device_array(shape, np.uint16),
    )
    made.dispatcher.dispatch(made.x, made.topk_idx)
    bench.device.record(bench.stream).sync()
    return made


def verify(step: WorkingSet) -> None:
    """Refuse to time a wrong answer."""
    routing = route(step.topk_idx.copy_to_host(), step.dispatcher.sizes)
    buffers = step.dispatcher.buffers
    assert np.array_equal(buffers.row_of_choice.copy_to_host(), routing.row_of_choice)
    rows = np.unique(routing.row_of_choice)
    x = step.x.copy_to_host()
    expected, scales = pack_fp8(x, routing) if step.dispatcher.fp8 else (pack_bf16(x, routing), None)
    flat = (-1, HIDDEN)
    packed = buffers.packed_recv_x.copy_to_host()
    assert np.array_equal(packed.reshape(flat)[rows], expected.reshape(flat)[rows])
    if scales is not None:
        groups = (-1, HIDDEN // SCALE_GROUP)
        got = buffers.scales.copy_to_host()
        assert np.array_equal(got.reshape(groups)[rows], scales.reshape(groups)[rows])
        return
    step.dispatcher.combine(buffers.packed_recv_x, step.weights, step.combined)
    step.dispatcher.device.record(step.dispatcher.stream).sync()
    answer = combine(expected, routing.row_of_choice, step.weights.copy_to_host())
    assert np.array_equal(step.combined.copy_to_host(), answer)


def measure_layout(bench: Bench, tokens: int) -> None:
    """Tokens by rank and expert."""
    row = f"layout, T = {tokens}"
    generator = np.random.default_rng(tokens)
    topk_idx = cuda.to_device(distinct_choices(generator, tokens))
    plan = LayoutPlan(tokens, CHOICES, EXPERTS, RANKS, stream=bench.stream)
    bench.add(row, "layout, two kernels", "ours", bench.on_device([plan.capture(topk_idx)]))
    bench.add(row, "empty kernel", "floor", bench.on_device([bench.empty_graph()]))
    if peers := torch_peers():
        tensor = peers.torch.as_tensor(topk_idx, device="cuda")

        def counted() -> dict[str, float]:
            return bench.on_device([peers.TorchGraph(bench.stream, lambda: peers.scatter_counts(tensor, EXPERTS))])

        bench.add_peer(row, "scatter_add, experts only", counted)


def torch_peers() -> Any:
    """The peers' module, or None where PyTorch or Triton is missing."""
    if SIMULATED:
        return None
    try:
        import torch_peers as peers
    except ImportError as error:
        print(f"peers are absent: {error}")
        return None
    return peers


def step_bytes(tokens: int, fp8: bool) -> int:
    """Bytes that a dispatch reads and writes: each token once, each of its copies once."""
    read = tokens * HIDDEN * 2
    written = tokens * CHOICES * (HIDDEN + HIDDEN // SCALE_GROUP * 4 if fp8 else HIDDEN * 2)
    return read + written


def measure_step(bench: Bench, tokens: int, fp8: bool) -> None:
    """Dispatch, and for bfloat16 combine, of one step."""
    kind = "fp8" if fp8 else "bf16"
    row = f"{kind} dispatch, T = {tokens}"
    size = step_bytes(tokens, fp8)
    steps = [working_set(bench, tokens, fp8, seed) for seed in range(copies_for(size))]
    verify(steps[0])
    whole = [step.dispatcher.capture_dispatch(step.x, step.topk_idx) for step in steps]
    bench.add(row, "routing + rows, four kernels", "ours", bench.on_device(whole), bytes=size)
    moved = [step.dispatcher.capture_payload(step.x) for step in steps]
    bench.add(row, "rows only", "ours", bench.on_device(moved), bytes=size)
    peers = torch_peers()
    if peers:
        add_dispatch_peers(bench, row, steps, peers, fp8, size)
    if not fp8:
        row = f"combine, T = {tokens}"
        summed = [
            step.dispatcher.capture_combine(step.dispatcher.buffers.packed_recv_x, step.weights, step.combined)
            for step in steps
        ]
        bench.add(row, "combine", "ours", bench.on_device(summed), bytes=size)
        if peers:
            add_combine_peers(bench, row, steps, peers, size)


def add_dispatch_peers(bench: Bench, row: str, steps: list[WorkingSet], peers: Any, fp8: bool, size: int) -> None:
    """Gathers of the same rows, their index already known, and a copy of the same shape."""
    torch = peers.torch
    width = HIDDEN // 2 if fp8 else HIDDEN

    def measured(run: Callable[[Any, Any, Any], object]) -> dict[str, float]:
        graphs = []
        for step in steps:
            x = torch.as_tensor(step.x.view(np.int16), device="cuda").view(torch.bfloat16).view(-1, HIDDEN)
            index = torch.arange(x.shape[0], device="cuda").repeat_interleave(CHOICES)
            target = torch.empty((index.numel(), width), dtype=torch.bfloat16, device="cuda")
            graphs.append(peers.TorchGraph(bench.stream, lambda x=x, i=index, t=target: run(x, i, t)))
            if not fp8 and not torch.equal(target.view(-1, CHOICES, width), x[:, None].expand(-1, CHOICES, -1)):
                raise RuntimeError("gathers other rows")
        return bench.on_device(graphs)

    def copied(x: Any, index: Any, target: Any) -> object:
        return target.view(-1, CHOICES, width).copy_(x[:, None, :width])

    def peer(what: str, run: Callable[[Any, Any, Any], object]) -> None:
        bench.add_peer(row, what, lambda: measured(run), bytes=size)

    if fp8:
        peer("compiled cast + index_select", lambda x, index, target: peers.quantise_and_gather(x, index))
        peer("Triton cast and gather", lambda x, index, target: peers.triton_quantise(x, index))
        bench.add(row, "broadcast copy, half the width written", "floor", measured(copied), bytes=size)
    else:
        peer("index_select", lambda x, index, target: torch.index_select(x, 0, index, out=target))
        peer("Triton gather", peers.triton_gather)
        bench.add(row, "broadcast copy of the same shape", "floor", measured(copied), bytes=size)


@dataclass(frozen=True, slots=True)
class CombineTensors:
    """One step's arrays as PyTorch sees them: ``arrived`` are the tokens' rows in order, ``ours`` is our answer."""

    y: Any
    rows: Any
    weights: Any
    arrived: Any
    ours: Any
    target: Any


def combine_tensors(step: WorkingSet, torch: Any) -> CombineTensors:
    """View a step's arrays without a copy."""

    def bf16(array: Any) -> Any:
        return torch.as_tensor(array.view(np.int16), device="cuda").view(torch.bfloat16).view(-1, HIDDEN)

    buffers, ours = step.dispatcher.buffers, bf16(step.combined)
    y, rows = bf16(buffers.packed_recv_x), torch.as_tensor(buffers.row_of_choice, device="cuda").long()
    return CombineTensors(
        y=y,
        rows=rows.view(-1, CHOICES),
        arrived=y[rows.view(-1)].contiguous(),
        weights=torch.as_tensor(step.weights, device="cuda").view(-1, CHOICES),
        ours=ours,
        target=torch.empty_like(ours),
    )


def add_combine_peers(bench: Bench, row: str, steps: list[WorkingSet], peers: Any, size: int) -> None:
    """Weighted sums of the same rows, and a copy of as many bytes."""
    torch = peers.torch
    tensors = [combine_tensors(step, torch) for step in steps]

    def measured(run: Callable[[CombineTensors], Any]) -> dict[str, float]:
        for one in tensors:
            if not torch.allclose(run(one).float(), one.ours.float(), rtol=2**-6, atol=2**-6):
                raise RuntimeError("sums other rows")
        return bench.on_device([peers.TorchGraph(bench.stream, lambda one=one: run(one)) for one in tensors])

    def peer(what: str, run: Callable[[CombineTensors], Any]) -> None:
        bench.add_peer(row, what, lambda: measured(run), bytes=size)

    token = torch.arange(len(tensors[0].rows), device="cuda").repeat_interleave(CHOICES)
    peer("gather, weight, sum", lambda one: peers.gather_weight_sum(one.y, one.rows, one.weights))
    peer("index_add_", lambda one: peers.index_add(one.arrived, token, one.weights.reshape(-1), len(one.rows)))
    peer("Triton", lambda one: peers.triton_combine(one.y, one.rows, one.weights, one.target))
    halves = [torch.empty((2, size // 2), dtype=torch.uint8, device="cuda") for _ in steps]
    copies = [peers.TorchGraph(bench.stream, lambda half=half: half[0].copy_(half[1])) for half in halves]
    bench.add(row, "copy of as many bytes", "floor", bench.on_device(copies), bytes=size)


def measure(bench: Bench) -> None:
    """Every row of layout, dispatch and combine."""
    for tokens in LAYOUT_TOKENS:
        measure_layout(bench, tokens)
    for tokens in STEP_TOKENS:
        measure_step(bench, tokens, fp8=False)
        measure_step(bench, tokens, fp8=True)
