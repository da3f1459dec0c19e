"""The instruction behind each primitive on a GPU; imported only when kernels are compiled for one.

Numba splits wide accesses and contracts ``a * b + c``; these keep 16-byte accesses whole and roundings apart.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.cuda import types
from numba.cuda.extending import intrinsic

from schedproof_kernels import primitives

WORD = ir.IntType(32)
HALF = ir.IntType(16)
FLOAT = ir.FloatType()
GLOBAL_SPACE = 1


def _vector_pointer(context: Any, builder: Any, array_type: Any, array: Any, index: Any, width: int) -> Any:
    """Pointer to ``width`` words of a 1-D array from ``index`` on, known to lie in global memory."""
    view = context.make_array(array_type)(context, builder, array)
    element = builder.gep(view.data, [index])
    vector = ir.PointerType(ir.VectorType(WORD, width))
    shared = builder.bitcast(element, vector)
    return builder.addrspacecast(shared, ir.PointerType(ir.VectorType(WORD, width), GLOBAL_SPACE))


def _words_array(array_type: Any) -> None:
    if not (isinstance(array_type, types.Array) and array_type.ndim == 1 and array_type.dtype == types.uint32):
        raise TypeError(f"expected a 1-D uint32 array, got {array_type}")


def _store(width: int) -> Callable[..., Any]:
    def lower(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, index, *words = arguments
        pointer = _vector_pointer(context, builder, signature.args[0], array, index, width)
        value = ir.Constant(ir.VectorType(WORD, width), ir.Undefined)
        for lane, word in enumerate(words):
            value = builder.insert_element(value, word, ir.Constant(WORD, lane))
        builder.store(value, pointer, align=4 * width)
        return context.get_dummy_value()

    return lower


def load4(typingctx: Any, words: Any, index: Any) -> Any:
    """``ld.global.v4.u32``."""
    _words_array(words)

    def lower(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _vector_pointer(context, builder, signature.args[0], arguments[0], arguments[1], 4)
        value = builder.load(pointer, align=16)
        lanes = [builder.extract_element(value, ir.Constant(WORD, lane)) for lane in range(4)]
        return context.make_tuple(builder, signature.return_type, lanes)

    return types.UniTuple(types.uint32, 4)(words, types.int64), lower


def store4(typingctx: Any, words: Any, index: Any, first: Any, second: Any, third: Any, fourth: Any) -> Any:
    """``st.global.v4.u32``."""
    _words_array(words)
    return types.void(words, types.int64, *(types.uint32,) * 4), _store(4)


def store2(typingctx: Any, words: Any, index: Any, first: Any, second: Any) -> Any:
    """``st.global.v2.u32``."""
    _words_array(words)
    return types.void(words, types.int64, *(types.uint32,) * 2), _store(2)


def bf16_value(typingctx: Any, half: Any) -> Any:
    """A shift and a change of type."""

    def lower(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(builder.shl(arguments[0], ir.Constant(WORD, 16)), FLOAT)

    return types.float32(types.uint32), lower


def _rounded(operation: str) -> Callable[..., Any]:
    def lower(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(FLOAT, [FLOAT, FLOAT])
        assembly = ir.InlineAsm(kind, f"{operation} $0, $1, $2;", "=f,f,f", side_effect=False)
        return builder.call(assembly, arguments)

    return lower


def product(typingctx: Any, left: Any, right: Any) -> Any:
    """``mul.rn.f32``."""
    return types.float32(types.float32, types.float32), _rounded("mul.rn.f32")


def added(typingctx: Any, left: Any, right: Any) -> Any:
    """``add.rn.f32``."""
    return types.float32(types.float32, types.float32), _rounded("add.rn.f32")


def quotient(typingctx: Any, left: Any, right: Any) -> Any:
    """``div.rn.f32``."""
    return types.float32(types.float32, types.float32), _rounded("div.rn.f32")


def _convert_pair(instruction: str, result: Any, constraint: str) -> Callable[..., Any]:
    def lower(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        low, high = arguments
        kind = ir.FunctionType(result, [FLOAT, FLOAT])
        assembly = ir.InlineAsm(kind, f"{instruction} $0, $1, $2;", f"={constraint},f,f", side_effect=False)
        return (
            builder.zext(builder.call(assembly, [high, low]), WORD)
            if result == HALF
            else builder.call(assembly, [high, low])
        )

    return lower


def bf16_pair(typingctx: Any, low: Any, high: Any) -> Any:
    """``cvt.rn.bf16x2.f32``."""
    return types.uint32(types.float32, types.float32), _convert_pair("cvt.rn.bf16x2.f32", WORD, "r")


def e4m3_pair(typingctx: Any, low: Any, high: Any) -> Any:
    """``cvt.rn.satfinite.e4m3x2.f32``."""
    return types.uint32(types.float32, types.float32), _convert_pair("cvt.rn.satfinite.e4m3x2.f32", HALF, "h")


INSTRUCTIONS: dict[Callable[..., Any], Any] = {
    primitives.load4: intrinsic(load4),
    primitives.store4: intrinsic(store4),
    primitives.store2: intrinsic(store2),
    primitives.bf16_value: intrinsic(bf16_value),
    primitives.product: intrinsic(product),
    primitives.added: intrinsic(added),
    primitives.quotient: intrinsic(quotient),
    primitives.bf16_pair: intrinsic(bf16_pair),
    primitives.e4m3_pair: intrinsic(e4m3_pair),
}
"""Each primitive's hardware form. The others are compiled from their plain source."""
