"""One thread, standing for every thread of every launch of a kernel."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import z3

from schedproof_spec.gpu import claims as product_claims
from schedproof_spec.gpu.following import DataModel, UnknownData
from schedproof_spec.gpu.integers import Data, DeviceInt, Truth, as_it_is, larger, magnitude, smaller
from schedproof_spec.gpu.loops import Claim, IterationEnd, Loop
from schedproof_spec.gpu.memory import (
    BOOL,
    INT32,
    INT64,
    WHOLE_TYPES,
    Access,
    Array,
    Facts,
    Log,
    Place,
    flat_length,
    holds,
    in_bounds,
)
from schedproof_spec.gpu.path_record import PathRecord, Write
from schedproof_spec.gpu.products import Product
from schedproof_spec.gpu.reader import element_type
from schedproof_spec.gpu.source import Translator
from schedproof_spec.prover.context import Context, SymbolicContext
from schedproof_spec.prover.symbolic import SymBool, SymInt, integer_term, term_of
from schedproof_spec.prover.unsupported import UnsupportedError

FITS = "integers fit the machine"
SHARED = "shared"
"""The name of all shared arrays of a kernel."""


class Thread:
    """Runs kernels on symbols, claims that every access is in bounds and that every integer fits the machine.

    ``claims`` holds, by function name, what its loop keeps true; each is proved by induction over the iterations.
    ``functions`` are stand-ins for functions whose source is not executed.
    """

    def __init__(
        self,
        ctx: Context,
        log: Log,
        *,
        claims: Mapping[str, Claim] | None = None,
        functions: Mapping[Callable[..., Any], Any] | None = None,
        limits: tuple[int, int] = INT64,
    ) -> None:
        assert isinstance(ctx, SymbolicContext)
        self.ctx = ctx
        self.explorer = ctx.explorer
        self.log = log
        self.claims = dict(claims or {})
        self.limits = limits
        """What the machine's integers hold."""
        self.data: DataModel = UnknownData(self)
        self.duties: dict[str, Claim] = {}
        """By function, what an iteration of its loop has done at its end; by kernel, what a thread has."""
        self.path = PathRecord()
        self.phase = 0
        self.products: dict[Product, None] = {}
        """Those of the current path, in order."""
        self.facts: dict[int, z3.BoolRef] = {}
        """What is assumed on the current path, beside its decisions."""
        self.claimed: dict[str, None] = {}
        """The claims of the current path."""
        self.computed: dict[int, z3.ArithRef] = {}
        """Integers that are not yet known to fit."""
        self.fitting: dict[int, z3.ArithRef] = {}
        self.coordinates: tuple[SymInt, ...] = ()
        self.block: tuple[SymInt, ...] = ()
        self.threads: Any = 0
        """Of a block."""
        self.num_fresh = 0
        self.num_shared = 0
        self.names: set[str] = set()
        """Of the launch's arrays."""
        self.written: frozenset[str] = frozenset()
        """The arrays that the launch may write to."""
        self.reasons = False
        """Whether integers are a claim's, which no machine computes."""
        self.translator = Translator(self, {}, functions or {})

    def size(self, name: str, low: int, high: int) -> DeviceInt:
        """Draw a size that all threads share."""
        term = self.ctx.integer(name).term
        self.log.unknowns.sizes[term.get_id()] = term
        self._add(holds((low, high), SymInt(term)))
        return DeviceInt(term, self)

    def array(
        self,
        name: str,
        shape: Sequence[Any],
        limits: tuple[int, int] | None = INT32,
        *,
        facts: Facts | None = None,
        promise: Facts | None = None,
    ) -> Array:
        """Return an array of the launch; flat offsets into it fit the machine's integers."""
        if limits not in (None, INT32, INT64, BOOL):
            raise UnsupportedError(
                f"an array of integers that are not signed: {name}; declare its elements as data"
            )
        self._name(name, shape)
        return Array(self, name, tuple(shape), limits, Place.GLOBAL, facts, promise)

    def words(self, name: str, shape: Sequence[Any], promise: Facts | None = None) -> Array:
        """Return an array of words that are data; what is promised is asked only where data are followed."""
        self._name(name, shape)
        return Array(self, name, tuple(shape), None, promise=promise, is_whole=True)

    def floats(self, name: str, shape: Sequence[Any], promise: Facts | None = None) -> Array:
        """Return an array of floats; what is promised is asked only where data are followed."""
        self._name(name, shape)
        return Array(self, name, tuple(shape), None, promise=promise)

    def _name(self, name: str, shape: Sequence[Any]) -> None:
        if name == SHARED or name in self.names:
            raise UnsupportedError(f"two arrays of one name: {name}; give each its own")
        self.names.add(name)
        self.result(integer_term(flat_length(tuple(shape))))

    def shared_array(self, length: int, element: Any) -> Array:
        """Return an array of a block's own."""
        held = WHOLE_TYPES.get(element_type(element))
        self.num_shared += 1
        return Array(self, SHARED, (length,), None, Place.SHARED, is_whole=held is not None, held=held)

    def launch(
        self, kernel: Callable[..., None], *arguments: Any, grid: Sequence[Any], block: Any, name: str = "kernel"
    ) -> None:
        """Run the kernel as any thread of the grid.

        ``grid`` holds the blocks along x and y. A kernel that asks for ``cuda.grid(1)`` gets any index below
        ``cuda.gridsize(1)``, both of which the machine computes.
        """
        self.threads = block = self.wrap(block)
        blocks = [self.fresh(f"block_{axis}", 0) for axis, _ in zip("xy", grid, strict=False)]
        for index, length in zip(blocks, grid, strict=True):
            self.assume(index < length)
        thread = self.fresh("thread", 0)
        self.assume(thread < block)
        self.block = tuple(SymInt(index.term) for index in blocks)
        self.coordinates = (*self.block, SymInt(thread.term))
        axes = dict(zip("xy", blocks, strict=False))
        lengths = dict(zip("xy", grid, strict=False))
        cuda = SimpleNamespace(
            blockIdx=SimpleNamespace(**axes),
            threadIdx=SimpleNamespace(x=thread),
            blockDim=SimpleNamespace(x=block),
            grid=lambda dimensions: axes["x"] * block + thread,
            gridsize=lambda dimensions: lengths["x"] * block,
            shared=SimpleNamespace(array=self.shared_array),
            syncthreads=self._barrier,
        )
        self.translator.names = {"cuda": cuda, "min": smaller, "max": larger, "int": as_it_is, "abs": magnitude}
        self.translator.kernel = kernel
        self.written = self._written(kernel, arguments)
        try:
            self.translator.thread_function(kernel)(*arguments)
            self.log.barriers.add(self.phase)
            self.claim(f"{name} returns", lambda: z3.BoolVal(True))
            self._do_duty(kernel.__name__)
        except IterationEnd:
            self.claim_all([])
        self._cover()

    def _written(self, kernel: Callable[..., None], arguments: Sequence[Any]) -> frozenset[str]:
        """Return the names of the arrays that the launch may write to."""
        if kernel not in self.log.stores:
            self.log.stores[kernel] = self.translator.written(kernel)
        return frozenset(arguments[position].name for position in self.log.stores[kernel])

    def is_written(self, name: str) -> bool:
        """Return whether the launch may write to an array of this name."""
        return name in self.written

    def unknown_element(self, limits: tuple[int, int]) -> DeviceInt:
        """Return an integer of which its type alone is known: this thread may have written it, or another one."""
        term = self.unknown("read")
        self._add(holds(limits, SymInt(term)))
        return DeviceInt(term, self)

    def _barrier(self) -> None:
        self.data.pass_barrier()
        self.phase += 1

    def data_at(self, array: Array, indices: tuple[Any, ...]) -> Data:
        """Return an element of an array of data."""
        return self.data.element(array, indices)

    def any_data(self, *, is_whole: bool) -> Data:
        """Return data of which nothing is known."""
        return self.data.unknown(is_whole=is_whole)

    def finish(self, loop: Loop) -> None:
        """Note a loop whose iterations are over."""
        self.path.finished.append(loop)

    def _do_duty(self, kernel: str) -> None:
        duty = self.duties.get(kernel)
        if duty is not None:
            done = self.reason(duty, SimpleNamespace(), None)
            self.claim(f"a thread of {kernel} does what is due", lambda: done)

    def claim(self, label: str, condition: Callable[[], z3.BoolRef]) -> None:
        """Prove something of every state that gets here, with all that was computed on the way."""
        self.claim_all([(label, condition)])

    def claim_all(self, claims: Sequence[product_claims.Claim]) -> None:
        """Prove several things of every state that gets here, with all that was computed on the way."""
        fits = [(FITS, functools.partial(holds, self.limits, SymInt(term))) for term in self.computed.values()]
        self.fitting.update(self.computed)
        self.computed.clear()
        self._prove([*fits, *claims])

    def _prove(self, claims: Sequence[product_claims.Claim]) -> None:
        self.claimed.update((label, None) for label, _ in claims)
        product_claims.settle(self.ctx, self.log.unknowns, self.products, claims)

    def reaches(self, label: str, condition: Any) -> None:
        """Show that a state of the current path satisfies a condition, if one does and is found at little cost."""
        with self.explorer.supposing(term_of(condition)):
            product_claims.glimpse(self.ctx, self.log.unknowns, self.products, [label])

    def _cover(self) -> None:
        """Show that a state gets to the end of the path, and so to all that was claimed on the way."""
        product_claims.cover(self.ctx, self.log.unknowns, self.products, self.claimed)

    def reason(self, claim: Callable[..., Any], *arguments: Any) -> z3.BoolRef:
        """Return a claim about values of the thread."""
        self.reasons = True
        condition = term_of(claim(*arguments))
        self.reasons = False
        assert isinstance(condition, z3.BoolRef)
        return condition

    def assume(self, condition: Any) -> None:
        """Add what is known of this path."""
        self._add(term_of(condition))

    def _add(self, fact: z3.BoolRef) -> None:
        key = fact.get_id()
        if key not in self.facts:
            self.facts[key] = fact
            self.explorer.assume(fact)

    def know(self, facts: Facts, *arguments: Any) -> None:
        """Assume a fact about what was read."""
        self._add(self.reason(facts, *arguments))

    def fresh(self, name: str, low: int | None = None) -> DeviceInt:
        """Return an unknown of this thread's own, within the machine's integers."""
        term = self.unknown(name)
        self._add(holds(self.limits if low is None else (low, self.limits[1]), SymInt(term)))
        return DeviceInt(term, self)

    def unknown(self, name: str) -> z3.ArithRef:
        """Return an unknown integer of this thread's own."""
        self.num_fresh += 1
        return self.log.unknowns.own_unknown(f"{name}!{self.num_fresh}")

    def any_truth(self) -> Truth:
        """Return a truth value of which nothing is known."""
        return Truth(self.unknown("truth") == 0)

    def wrap(self, value: Any) -> DeviceInt:
        """Return a number or a symbol as an integer of this thread."""
        if isinstance(value, DeviceInt):
            return value
        term = integer_term(value)
        if term is None or isinstance(value, SymBool | bool):
            raise UnsupportedError("a bound of a loop that is not an integer; keep bounds apart from data")
        return DeviceInt(term, self)

    def simplify(self, term: z3.ArithRef) -> z3.ArithRef:
        """Return an equal term, the same one for the same term."""
        return self.log.unknowns.simplified(term)

    def result(self, term: z3.ArithRef) -> DeviceInt:
        """Return a computed integer."""
        key = term.get_id()
        is_drawn = z3.is_const(term) and key not in self.log.unknowns.derived
        if not (self.reasons or z3.is_int_value(term) or is_drawn or key in self.fitting):
            self.computed[key] = term
        return DeviceInt(term, self)

    def multiply(self, left: z3.ArithRef, right: z3.ArithRef) -> z3.ArithRef:
        """Return a product; one of two unknowns is an unknown itself, of which the solver is told what it needs."""
        left, right = self.simplify(left), self.simplify(right)
        if z3.is_int_value(left) or z3.is_int_value(right):
            return self.simplify(left * right)
        parts = self.log.unknowns.product(left, right)
        self._meet(parts)
        return parts[-1].value

    def _meet(self, products: Sequence[Product]) -> None:
        """Tell the solver of products that are new on this path, and how they compare with the earlier ones."""
        unknowns = self.log.unknowns
        for product in products:
            if product not in self.products:
                for fact in unknowns.facts(product):
                    self._add(fact)
                for earlier in self.products:
                    for fact in unknowns.comparison(product, earlier):
                        self._add(fact)
                self.products[product] = None

    def compare_multiples(self, step: Any, *factors: Any) -> None:
        """Tell the solver how multiples of a step compare, for factors that no source multiplies."""
        for factor in factors:
            self.multiply(integer_term(step), integer_term(factor))

    def divide(self, left: z3.ArithRef, right: z3.ArithRef) -> tuple[z3.ArithRef, z3.ArithRef]:
        """Return quotient and remainder, as Python rounds them, for a divisor that is proved positive."""
        left, right = self.simplify(left), self.simplify(right)
        self.claim("divisors are positive", lambda: right > 0)
        if z3.is_int_value(right):
            return self.simplify(left / right), self.simplify(left % right)
        quotient = self.log.unknowns.quotient(left, right)
        self._meet(quotient.times_divisor)
        for fact in quotient.facts:
            self._add(fact)
        return quotient.value, quotient.rest

    def element(self, term: z3.ArithRef, limits: tuple[int, int]) -> DeviceInt:
        """Return what an array holds, which is within its type."""
        self._add(holds(limits, SymInt(term)))
        return DeviceInt(term, self)

    def access(self, array: Array, indices: tuple[Any, ...], value: Any) -> None:
        """Claim that the access is in bounds and its value fits, and record it."""
        verb = "read" if value is None else "write"
        claims = [(f"{verb} of {array.name} in bounds", lambda: in_bounds(indices, array.shape))]
        term, limits = None, array.limits
        if value is not None and limits is not None:
            claims.append((f"value written to {array.name} fits", lambda: holds(limits, value)))
            term = SymInt(integer_term(value))
            if array.promise is not None:
                promised = self.reason(array.promise, *indices, term)
                claims.append((f"what is written to {array.name} is as promised", lambda: promised))
        elif value is not None:
            claims += self.data.claims_of_write(array, indices, value)
        self.claim_all(claims)
        if value is not None:
            self.path.writes.append(Write(array.name, indices, value))
        if self.explorer.is_replaying:
            return
        self.log.add(
            Access(
                array=array.name,
                place=array.place,
                indices=tuple(SymInt(self.simplify(integer_term(index))) for index in indices),
                value=term,
                writes=value is not None,
                phase=self.phase,
                ways=[self.facts | {fact.get_id(): fact for fact, _ in self.explorer.decisions()}],
                products=dict(self.products),
                coordinates=self.coordinates,
                block=self.block,
            )
        )

    def begin(self, function: str, scope: Mapping[str, Any], names: Sequence[str], bounds: tuple[Any, ...]) -> Loop:
        """Begin a loop of a function."""
        start, stop = (0, bounds[0]) if len(bounds) == 1 else bounds[:2]
        step = bounds[2] if len(bounds) == 3 else 1
        before = {name: scope[name] for name in names}
        loop = Loop(self, function, dict(scope), before, self.wrap(start), self.wrap(stop), self.wrap(step))
        loop.enter()
        return loop


class Doubter(Thread):
    """A thread whose claims may be such that no state gets to them, which is enough to refute one."""

    def _cover(self) -> None:
        pass


class Recorder(Doubter):
    """A thread whose accesses are recorded, without a claim about them."""

    def _prove(self, claims: Sequence[product_claims.Claim]) -> None:
        pass
