"""The sizes that expert dispatch is built for, named once: the reference, the kernels and the proofs use these.

Source: DeepEP's own checks (``num_max_dispatch_tokens_per_rank``, hidden size, choices), and the largest sizes that
this project's kernels are proved and compiled for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from schedproof.arguments import array_fault, in_range, shown
from schedproof.engines.fastdeploy.rules.capacity import DISPATCH_ALIGNMENT, MAX_DISPATCH_TOKENS

MAX_RANKS = 64
MAX_EXPERTS = 256
MAX_CHOICES = 11
"""Experts that one token may name."""

MAX_TOKENS_PER_RANK = 16384
"""Tokens that a rank may offer; those beyond its capacity are dropped and counted."""

MAX_HIDDEN = 8192
SCALE_GROUP = 128
"""Values that share one fp8 scale; the hidden size is a multiple of it."""


class DispatchError(ValueError):
    """A size outside the limits, or an array that does not fit the others."""


@dataclass(frozen=True, slots=True)
class DispatchSizes:
    """The sizes of one dispatch, checked when made.

    ``ranks`` source ranks, each offering ``tokens`` tokens that name ``choices`` experts out of ``experts``;
    ``hidden`` values a token; ``capacity`` rows that one source rank may fill per expert.

    Raises:
        DispatchError: naming the size, its limits and what came.
    """

    ranks: int
    tokens: int
    choices: int
    experts: int
    hidden: int
    capacity: int

    def __post_init__(self) -> None:
        _check("ranks", self.ranks, 1, MAX_RANKS)
        _check("tokens", self.tokens, 0, MAX_TOKENS_PER_RANK)
        _check("choices", self.choices, 1, MAX_CHOICES)
        _check("experts", self.experts, 1, MAX_EXPERTS)
        _check("hidden", self.hidden, SCALE_GROUP, MAX_HIDDEN)
        _check("capacity", self.capacity, 1, MAX_DISPATCH_TOKENS)
        if self.experts % self.ranks:
            raise DispatchError(f"experts: expected a multiple of {self.ranks} ranks, got {self.experts}")
        if self.hidden % SCALE_GROUP:
            raise DispatchError(f"hidden: expected a multiple of {SCALE_GROUP}, got {self.hidden}")
        if self.rows_per_expert % DISPATCH_ALIGNMENT:
            raise DispatchError(
                f"capacity: expected ranks * capacity to be a multiple of {DISPATCH_ALIGNMENT}, "
                f"got {self.ranks} * {self.capacity}"
            )

    @property
    def rows_per_expert(self) -> int:
        """Rows of one expert's receive buffer."""
        return self.ranks * self.capacity

    @property
    def scales(self) -> int:
        """fp8 scales of one row."""
        return self.hidden // SCALE_GROUP


def _check(name: str, value: int, low: int, high: int) -> None:
    if not in_range(value, low, high):
        raise DispatchError(f"{name}: expected {low}..{high}, got {shown(value)}")


def check_array(name: str, array: Any, dtype: type[np.generic], shape: tuple[int | None, ...]) -> None:
    """Refuse what is no NumPy array of this dtype and shape, in which None is any length. Raises DispatchError."""
    if fault := array_fault(name, array, dtype, shape):
        raise DispatchError(fault)


def check_sizes(sizes: Any) -> None:
    """Refuse what are no sizes. Raises DispatchError."""
    if not isinstance(sizes, DispatchSizes):
        raise DispatchError(f"sizes: expected DispatchSizes, got {type(sizes).__name__}")
