"""bfloat16 and float8 e4m3 as bits, over NumPy arrays, without a package that has such types.

Both round to the nearest value, ties to the even one. e4m3 is the finite variant (``e4m3fn``): no infinity, largest
value 448, and here it saturates, as ``cvt.rn.satfinite.e4m3x2.f32`` does. NaN becomes 0x7FFF and 0x7F.

Source: NVIDIA PTX ISA, ``cvt``; OCP 8-bit floating point specification, E4M3.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

E4M3_MAX = 448.0
E4M3_NAN = 0x7F
BF16_NAN = 0x7FFF

_MANTISSA_BITS = 3
_MIN_EXPONENT = -6
_BIAS = 7


def bf16_to_float32(bits: NDArray[np.uint16]) -> NDArray[np.float32]:
    """The exact float32 values of bfloat16 bits."""
    return (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)


def float32_to_bf16(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """The nearest bfloat16 bits of float32 values; too large becomes infinity."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32).astype(np.uint64)
    rounded = (bits + np.uint64(0x7FFF) + ((bits >> np.uint64(16)) & np.uint64(1))) >> np.uint64(16)
    return np.where(np.isnan(values), np.uint16(BF16_NAN), rounded.astype(np.uint16))


def _exponent(magnitude: NDArray[np.float64]) -> NDArray[np.int32]:
    """The power of two that e4m3 scales a magnitude's significand by."""
    _, exponent = np.frexp(magnitude)
    return np.where(magnitude > 0, np.maximum(exponent - 1, _MIN_EXPONENT), _MIN_EXPONENT).astype(np.int32)


def float32_to_e4m3(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The nearest e4m3 bits of float32 values, saturated to +-448."""
    finite = np.where(np.isnan(values), np.float32(0), values).astype(np.float64)
    magnitude = np.minimum(np.abs(finite), E4M3_MAX)
    quantum = np.ldexp(1.0, _exponent(magnitude) - _MANTISSA_BITS)
    rounded = np.rint(magnitude / quantum) * quantum
    exponent = _exponent(rounded)
    mantissa = np.ldexp(rounded, _MANTISSA_BITS - exponent).astype(np.int64)
    code = mantissa + ((exponent + _BIAS - 1) << _MANTISSA_BITS)
    signed = code | np.where(np.signbit(finite), 0x80, 0)
    return np.where(np.isnan(values), E4M3_NAN, signed).astype(np.uint8)


def e4m3_to_float32(bits: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The exact float32 values of e4m3 bits."""
    code = bits.astype(np.int64)
    exponent = (code >> _MANTISSA_BITS) & 0xF
    mantissa = code & 0x7
    normal = exponent > 0
    significand = np.where(normal, mantissa + 8, mantissa)
    scale = np.where(normal, exponent, 1) - _BIAS - _MANTISSA_BITS
    values = np.ldexp(significand.astype(np.float64), scale)
    values = np.where(code & 0x80, -values, values)
    return np.where((code & 0x7F) == E4M3_NAN, np.nan, values).astype(np.float32)
