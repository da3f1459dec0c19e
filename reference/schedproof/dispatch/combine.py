"""Combine: every token's expert outputs, weighted and summed back at its source; the inverse of dispatch.

Source: DeepEP ``low_latency_combine``: float32 sum over a token's choices in their order, absent ones skipped,
weights applied at the source, result bfloat16. Here every product and every sum is rounded to float32; nothing is
fused.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from schedproof.dispatch.dispatch import NO_ROW
from schedproof.dispatch.limits import DispatchError, check_array
from schedproof.dispatch.low_precision import bf16_to_float32, float32_to_bf16


def combine(
    y: NDArray[np.uint16], row_of_choice: NDArray[np.int32], topk_weights: NDArray[np.float32]
) -> NDArray[np.uint16]:
    """Sum expert outputs into uint16[ranks, tokens, hidden], bfloat16 bits.

    ``y`` uint16[experts, rows, hidden] bfloat16 bits laid out as dispatch packed them, ``row_of_choice``
    int32[ranks, tokens, choices] from the routing, ``topk_weights`` float32 of the same shape. A token with no row
    becomes 0.

    Raises:
        DispatchError: for another dtype or shape, or a row that ``y`` does not have.
    """
    check_array("y", y, np.uint16, (None, None, None))
    check_array("row_of_choice", row_of_choice, np.int32, (None, None, None))
    check_array("topk_weights", topk_weights, np.float32, row_of_choice.shape)
    rows = y.reshape(-1, y.shape[2])
    strangers = row_of_choice[(row_of_choice < NO_ROW) | (row_of_choice >= len(rows))]
    if strangers.size:
        raise DispatchError(f"row_of_choice: expected {NO_ROW}..{len(rows) - 1}, got {strangers[0]}")
    ranks, tokens, choices = row_of_choice.shape
    total = np.zeros((ranks, tokens, y.shape[2]), dtype=np.float32)
    with np.errstate(all="ignore"):
        for choice in range(choices):
            row = row_of_choice[:, :, choice]
            used = row != NO_ROW
            weights = topk_weights[:, :, choice][used][:, np.newaxis]
            total[used] += weights * bf16_to_float32(rows[row[used]])
    return float32_to_bf16(total)
