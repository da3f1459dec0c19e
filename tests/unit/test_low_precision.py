"""bfloat16 and e4m3 bits: hand-checked values, and random ones against ml_dtypes."""

import ml_dtypes
import numpy as np
import pytest

from schedproof.dispatch.low_precision import bf16_to_float32, e4m3_to_float32, float32_to_bf16, float32_to_e4m3


@pytest.mark.parametrize(
    ("value", "bits"),
    [
        (0.0, 0x0000),
        (-0.0, 0x8000),
        (1.0, 0x3F80),
        (1.00390625, 0x3F80),
        (1.01171875, 0x3F82),
        (3.4e38, 0x7F80),
        (float("-inf"), 0xFF80),
        (float("nan"), 0x7FFF),
    ],
)
def test_bf16_rounds_to_nearest_even(value: float, bits: int) -> None:
    assert float32_to_bf16(np.array([value], dtype=np.float32)).tolist() == [bits]


@pytest.mark.parametrize(
    ("value", "bits"),
    [
        (0.0, 0x00),
        (-0.0, 0x80),
        (1.0, 0x38),
        (1.0625, 0x38),
        (1.1875, 0x3A),
        (448.0, 0x7E),
        (464.0, 0x7E),
        (float("-inf"), 0xFE),
        (2.0**-9, 0x01),
        (2.0**-10, 0x00),
        (1.5 * 2.0**-9, 0x02),
        (0.9375 * 2.0**-6, 0x08),
        (float("nan"), 0x7F),
    ],
)
def test_e4m3_rounds_to_nearest_even_and_saturates(value: float, bits: int) -> None:
    assert float32_to_e4m3(np.array([value], dtype=np.float32)).tolist() == [bits]


def test_every_bit_pattern_comes_back() -> None:
    bf16 = np.arange(2**16, dtype=np.uint16)
    values = bf16_to_float32(bf16)
    number = ~np.isnan(values)
    assert np.array_equal(float32_to_bf16(values)[number], bf16[number])
    e4m3 = np.arange(2**8, dtype=np.uint8)
    values = e4m3_to_float32(e4m3)
    number = ~np.isnan(values)
    assert np.array_equal(float32_to_e4m3(values)[number], e4m3[number])
    assert np.flatnonzero(~number).tolist() == [0x7F, 0xFF]


def test_roundings_equal_ml_dtypes() -> None:
    generator = np.random.default_rng(0)
    values = np.concatenate(
        [
            generator.integers(0, 2**32, 200_000, dtype=np.uint32).view(np.float32),
            (generator.standard_normal(200_000) * 100).astype(np.float32),
            (np.arange(0x3A000000, 0x43F00000, 1 << 15, dtype=np.uint32)).view(np.float32),
        ]
    )
    values = values[~np.isnan(values)]
    clipped = np.clip(values, -448, 448)
    with np.errstate(all="ignore"):
        assert np.array_equal(float32_to_bf16(values), values.astype(ml_dtypes.bfloat16).view(np.uint16))
        assert np.array_equal(float32_to_e4m3(values), clipped.astype(ml_dtypes.float8_e4m3fn).view(np.uint8))
    every = np.arange(2**8, dtype=np.uint8)
    assert np.array_equal(
        e4m3_to_float32(every), every.view(ml_dtypes.float8_e4m3fn).astype(np.float32), equal_nan=True
    )
