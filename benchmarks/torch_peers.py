"""The dispatch benchmark's peers, in PyTorch and Triton, captured in graphs like our own work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import triton
import triton.language as tl

GROUP = 128
LARGEST = 448.0


class TorchGraph:
    """PyTorch work, captured on a stream of ours."""

    def __init__(self, stream: Any, run: Callable[[], object]) -> None:
        self._stream = torch.cuda.ExternalStream(int(stream.handle))
        with torch.cuda.stream(self._stream):
            for _ in range(3):
                run()
        self._stream.synchronize()
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph, stream=torch.cuda.Stream()):
            self._kept = run()

    def launch(self, stream: Any) -> None:
        """Enqueue the captured work."""
        with torch.cuda.stream(self._stream):
            self._graph.replay()


@triton.jit
def _gather(source, index, target, hidden: tl.constexpr, block: tl.constexpr):
    row = tl.program_id(0)
    offsets = tl.program_id(1) * block + tl.arange(0, block)
    inside = offsets < hidden
    token = tl.load(index + row)
    values = tl.load(source + token * hidden + offsets, mask=inside)
    tl.store(target + row.to(tl.int64) * hidden + offsets, values, mask=inside)


def triton_gather(x: torch.Tensor, index: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """``target[row] = x[index[row]]``."""
    hidden = x.shape[1]
    _gather[(index.numel(), triton.cdiv(hidden, 1024))](x, index, target, hidden, 1024)
    return target


def quantise(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """e4m3 values and one scale per 128, as DeepEP defines them."""
    groups = x.float().view(x.shape[0], -1, GROUP)
    amax = groups.abs().amax(dim=2, keepdim=True).clamp(min=1e-4)
    values = (groups * (torch.full_like(amax, LARGEST) / amax)).to(torch.float8_e4m3fn).view(x.shape)
    return values, (amax / LARGEST).squeeze(2)


compiled_quantise = torch.compile(quantise, dynamic=False)


def quantise_and_gather(x: torch.Tensor, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The compiled cast, then ``index_select`` of values and scales."""
    values, scales = compiled_quantise(x)
    return values.view(torch.uint8).index_select(0, index), scales.index_select(0, index)


@triton.jit
def _quantise(source, index, target, scales, hidden: tl.constexpr, group: tl.constexpr):
    row = tl.program_id(0)
    part = tl.program_id(1)
    offsets = part * group + tl.arange(0, group)
    token = tl.load(index + row)
    values = tl.load(source + token * hidden + offsets).to(tl.float32)
    amax = tl.maximum(tl.max(tl.abs(values), axis=0), 1e-4)
    tl.store(target + row.to(tl.int64) * hidden + offsets, (values * (448.0 / amax)).to(tl.float8e4nv))
    tl.store(scales + row.to(tl.int64) * (hidden // group) + part, amax / 448.0)


def triton_quantise(x: torch.Tensor, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Rounding and gather in one kernel."""
    rows, hidden = index.numel(), x.shape[1]
    target = torch.empty((rows, hidden), dtype=torch.float8_e4m3fn, device=x.device)
    scales = torch.empty((rows, hidden // GROUP), dtype=torch.float32, device=x.device)
    _quantise[(rows, hidden // GROUP)](x, index, target, scales, hidden, GROUP)
    return target, scales


def gather_weight_sum(y: torch.Tensor, rows: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Every token's rows, weighted and summed in float32."""
    return (y[rows].float() * weights[..., None]).sum(1).to(torch.bfloat16)


def index_add(y: torch.Tensor, token: torch.Tensor, flat_weights: torch.Tensor, tokens: int) -> torch.Tensor:
    """Every arrived row added to its token in float32."""
    total = torch.zeros((tokens, y.shape[1]), dtype=torch.float32, device=y.device)
    return total.index_add_(0, token, y.float() * flat_weights[:, None]).to(torch.bfloat16)


@triton.jit
def _combine(y, rows, weights, target, hidden: tl.constexpr, choices: tl.constexpr, block: tl.constexpr):
    token = tl.program_id(0).to(tl.int64)
    offsets = tl.program_id(1) * block + tl.arange(0, block)
    inside = offsets < hidden
    total = tl.zeros((block,), dtype=tl.float32)
    for choice in tl.static_range(choices):
        row = tl.load(rows + token * choices + choice).to(tl.int64)
        weight = tl.load(weights + token * choices + choice)
        total += weight * tl.load(y + row * hidden + offsets, mask=inside).to(tl.float32)
    tl.store(target + token * hidden + offsets, total.to(tl.bfloat16), mask=inside)


def triton_combine(
    y: torch.Tensor, rows: torch.Tensor, weights: torch.Tensor, target: torch.Tensor
) -> torch.Tensor:
    """Every token's rows, weighted and summed, in one kernel."""
    tokens, choices = rows.shape
    hidden = y.shape[1]
    _combine[(tokens, triton.cdiv(hidden, 1024))](y, rows, weights, target, hidden, choices, 1024)
    return target


def scatter_counts(topk_idx: torch.Tensor, experts: int) -> torch.Tensor:
    """Tokens by expert alone: less than a layout."""
    flat = topk_idx.reshape(-1)
    return torch.zeros(experts, dtype=torch.int32, device=flat.device).scatter_add_(
        0, flat, torch.ones_like(flat, dtype=torch.int32)
    )
