"""Routings that a dispatch has to survive, and the sizes that they are drawn with."""

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st

from schedproof.dispatch.limits import DispatchSizes
from schedproof_kernels.jit import SIMULATED

Routing = Callable[[np.random.Generator, DispatchSizes], np.ndarray]


def _shape(sizes: DispatchSizes) -> tuple[int, int, int]:
    return sizes.ranks, sizes.tokens, sizes.choices


def uniform(generator: np.random.Generator, sizes: DispatchSizes) -> np.ndarray:
    """Any expert, repeats and ids out of range among them."""
    return generator.integers(-2, sizes.experts + 2, _shape(sizes))


def zipf(generator: np.random.Generator, sizes: DispatchSizes) -> np.ndarray:
    return (generator.zipf(1.3, _shape(sizes)) - 1) % sizes.experts


def all_to_one(generator: np.random.Generator, sizes: DispatchSizes) -> np.ndarray:
    """Every first choice the same expert, the others none."""
    chosen = np.full(_shape(sizes), -1, dtype=np.int64)
    chosen[:, :, 0] = generator.integers(0, sizes.experts)
    return chosen


def repeated(generator: np.random.Generator, sizes: DispatchSizes) -> np.ndarray:
    """Each token names one expert with all its choices."""
    chosen = generator.integers(0, sizes.experts, (sizes.ranks, sizes.tokens, 1))
    return np.broadcast_to(chosen, _shape(sizes)).copy()


def nowhere(generator: np.random.Generator, sizes: DispatchSizes) -> np.ndarray:
    return generator.choice(np.array([-1, -(2**63), 2**63 - 1, sizes.experts]), _shape(sizes))


ROUTINGS: tuple[Routing, ...] = (uniform, zipf, all_to_one, repeated, nowhere)


@st.composite
def dispatch_sizes(draw: st.DrawFn) -> DispatchSizes:
    ranks = draw(st.integers(1, 3 if SIMULATED else 8))
    per_rank = draw(st.integers(1, 3 if SIMULATED else 256 // ranks))
    return DispatchSizes(
        ranks=ranks,
        tokens=draw(st.integers(0, 5 if SIMULATED else 600)),
        choices=draw(st.integers(1, 4 if SIMULATED else 11)),
        experts=ranks * per_rank,
        hidden=128 * draw(st.integers(1, 2) if SIMULATED else st.sampled_from([16, 56, 64])),
        capacity=4 * draw(st.integers(1, 2 if SIMULATED else 128)),
    )


def random_bits(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """bfloat16 bits of every kind: normal values, and any bits at all, infinities and NaN among them."""
    normal = generator.standard_normal(shape).astype(np.float32).view(np.uint32) >> 16
    anything = generator.integers(0, 2**16, shape)
    return np.where(generator.random(shape) < 0.01, anything, normal).astype(np.uint16)
