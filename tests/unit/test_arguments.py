"""What is no number or array is refused like a number or array that does not fit."""

from typing import Any

import numpy as np
import pytest

from schedproof.arguments import array_fault, in_range
from schedproof.dispatch.limits import DispatchError, DispatchSizes
from schedproof.output.save_output import OutputError, check_batch, check_message_id, check_width, unpack
from schedproof.output.save_output_topk import (
    check_columns,
    check_kind,
    check_topk_batch,
    unpack_topk,
    unpack_topk_compact,
)

NO_NUMBERS = [None, "4", 4.0, True, np.float32(4), np.zeros(1, np.int64)]


@pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
@pytest.mark.parametrize(
    "check", [check_batch, check_width, check_message_id, check_kind, check_columns, check_topk_batch]
)
def test_what_is_no_whole_number_is_refused(check: Any, value: Any) -> None:
    with pytest.raises(OutputError, match=r"expected .*, got"):
        check(value)


@pytest.mark.parametrize("name", DispatchSizes.__slots__)
@pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
def test_a_size_that_is_no_whole_number_is_refused(name: str, value: Any) -> None:
    sizes = {"ranks": 1, "tokens": 4, "choices": 2, "experts": 2, "hidden": 128, "capacity": 4}
    with pytest.raises(DispatchError, match=rf"{name}: expected \d+\.\.\d+, got"):
        DispatchSizes(**{**sizes, name: value})


def test_numbers_of_numpy_are_numbers() -> None:
    assert in_range(np.int32(6), 1, 6)
    assert not in_range(np.int32(7), 1, 6)


@pytest.mark.parametrize("read", [unpack, unpack_topk, unpack_topk_compact])
@pytest.mark.parametrize("message", [None, [1, 2, 3], "words", np.zeros(9), np.zeros((3, 3), np.int32)], ids=repr)
def test_what_is_no_message_is_refused(read: Any, message: Any) -> None:
    with pytest.raises(OutputError, match="message: expected"):
        read(message)


@pytest.mark.parametrize(
    ("array", "fault"),
    [
        (np.zeros((2, 3), np.int32), ""),
        (np.zeros((2, 3), np.int32)[:, ::2], "x: expected shape (any, 3), got (2, 2)"),
        (np.zeros(3, np.int32), "x: expected 2 dimensions, got 1"),
        (np.zeros((2, 3), np.int64), "x: expected dtype int32, got int64"),
        ([[1]], "x: expected a NumPy array, got list"),
    ],
)
def test_an_array_that_does_not_fit_is_described(array: Any, fault: str) -> None:
    assert array_fault("x", array, np.int32, (None, 3)) == fault
