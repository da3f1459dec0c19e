"""One thread, standing for every thread of every launch of a kernel."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import z3

from schedproof_spec.gpu.integers import (
    Data,
    DeviceInt,
    Product,
    Products,
    bits_add_up,
    claim_of_products,
    constants_of,
    linear_parts,
    multiples_apart,
)
from schedproof_spec.gpu.memory import (
    INT32,
    INT64,
    Access,
    Array,
    Facts,
    Log,
    Place,
    flat_length,
    holds,
    in_bounds,
)
from schedproof_spec.gpu.source import Translator, carried_values
from schedproof_spec.prover.context import Context, SymbolicContext
from schedproof_spec.prover.symbolic import SymBool, SymInt, integer_term, term_of

Claim = Callable[[SimpleNamespace, Any], Any]
"""Given a function's variables and its loop's variable: what holds at the beginning of that iteration."""


class IterationEnd(BaseException):
    """An arbitrary iteration of a loop is over; what comes after the loop is another path."""


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
        self.phase = 0
        self.private: list[z3.ExprRef] = []
        self.products = Products()
        self.quotients: dict[tuple[int, int], tuple[z3.ArithRef, ...]] = {}
        self.computed: list[z3.ArithRef] = []
        self.coordinates: tuple[SymInt, ...] = ()
        self.block: tuple[SymInt, ...] = ()
        self.num_fresh = 0
        self.reasons = False
        """Whether integers are a claim's, which no machine computes."""
        self.translator = Translator(self, {}, functions or {})

    def size(self, name: str, low: int, high: int) -> DeviceInt:
        """Draw a size that all threads share."""
        return DeviceInt(self.ctx.integer(name, low, high).term, self)

    def array(
        self,
        name: str,
        shape: Sequence[Any],
        limits: tuple[int, int] | None = INT32,
        *,
        facts: Facts | None = None,
        promise: Facts | None = None,
        place: Place = Place.GLOBAL,
    ) -> Array:
        """Return an array of the launch; flat offsets into it fit the machine's integers."""
        self.result(integer_term(flat_length(tuple(shape))))
        return Array(self, name, tuple(shape), limits, place, facts, promise)

    def launch(
        self, kernel: Callable[..., None], *arguments: Any, grid: Sequence[Any], block: Any, name: str = "kernel"
    ) -> None:
        """Run the kernel as any thread of the grid.

        ``grid`` holds the blocks along x and y. A kernel that asks for ``cuda.grid(1)`` gets any index below
        ``cuda.gridsize(1)``, both of which the machine computes.
        """
        block = self.wrap(block)
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
            shared=SimpleNamespace(
                array=lambda length, _: self.array("shared", (length,), None, place=Place.SHARED)
            ),
            syncthreads=self._barrier,
        )
        self.translator.names = {"cuda": cuda, "min": smaller, "max": larger, "int": as_it_is, "abs": magnitude}
        try:
            self.translator.thread_function(kernel)(*arguments)
            self.log.barriers.add(self.phase)
            self.claim(f"{name} returns", z3.BoolVal(True))
        except IterationEnd:
            pass
        self.claim("integers fit the machine", z3.And(*self._unproved_fits()))

    def _unproved_fits(self) -> list[z3.BoolRef]:
        """Return which computed integers are not yet known to fit, before products are looked into."""
        if self.explorer.is_replaying:
            return []
        fits = [holds(self.limits, SymInt(term)) for term in self.computed]
        if self.explorer.is_satisfiable(z3.Not(z3.And(*fits))) == z3.unsat:
            return []
        return [fit for fit in fits if self.explorer.is_satisfiable(z3.Not(fit)) != z3.unsat]

    def _barrier(self) -> None:
        self.phase += 1

    def claim(self, label: str, condition: z3.BoolRef) -> None:
        """Prove something of every state that gets here."""
        claim_of_products(self.ctx, self.products.made, label, condition)

    def reason(self, claim: Callable[..., Any], *arguments: Any) -> z3.BoolRef:
        """Return a claim about values of the thread."""
        self.reasons = True
        condition = term_of(claim(*arguments))
        self.reasons = False
        assert isinstance(condition, z3.BoolRef)
        return condition

    def assume(self, condition: Any) -> None:
        """Add what is known of this path."""
        self.ctx.assume(condition)

    def know(self, facts: Facts, *arguments: Any) -> None:
        """Assume a fact about what was read."""
        self.explorer.assume(self.reason(facts, *arguments))

    def fresh(self, name: str, low: int | None = None) -> DeviceInt:
        """Return an unknown of this thread's own, within the machine's integers."""
        term = self.unknown(name)
        self.explorer.assume(holds(self.limits if low is None else (low, self.limits[1]), SymInt(term)))
        return DeviceInt(term, self)

    def unknown(self, name: str) -> z3.ArithRef:
        """Return an unknown integer of this thread's own."""
        self.num_fresh += 1
        term = z3.Int(f"{name}!{self.num_fresh}")
        self.private.append(term)
        return term

    def any_truth(self) -> SymBool:
        """Return a truth value of which nothing is known."""
        return SymBool(self.unknown("truth") == 0)

    def wrap(self, value: Any) -> DeviceInt:
        """Return a number or a symbol as an integer of this thread."""
        return value if isinstance(value, DeviceInt) else DeviceInt(integer_term(value), self)

    def result(self, term: z3.ArithRef) -> DeviceInt:
        """Return a computed integer."""
        if not self.reasons and not z3.is_int_value(term) and not z3.is_const(term):
            self.computed.append(term)
        return DeviceInt(term, self)

    def multiply(self, left: z3.ArithRef, right: z3.ArithRef) -> z3.ArithRef:
        """Return a product; one of two unknowns is an unknown itself, of which the solver is told what it needs."""
        left, right = z3.simplify(left), z3.simplify(right)
        if z3.is_int_value(left) or z3.is_int_value(right):
            return z3.simplify(left * right)
        key = frozenset((left.get_id(), right.get_id()))
        if key not in self.products.known:
            self.products.known[key] = self._multiply_anew(left, right)
        return self.products.known[key]

    def _multiply_anew(self, left: z3.ArithRef, right: z3.ArithRef) -> z3.ArithRef:
        lefts, rights = linear_parts(left), linear_parts(right)
        if len(lefts) == len(rights) == 1 and lefts[0][0] == rights[0][0] == 1:
            value = self._derived("product", left, right)
        else:
            value = z3.IntVal(0)
            for one, atom in lefts:
                for other, other_atom in rights:
                    value = value + one * other * self._product_of(atom, other_atom)
            value = z3.simplify(value)
        product = Product(left, right, value)
        self.products.made.append(product)
        if not self.explorer.is_replaying:
            self._relate(product)
        return value

    def _relate(self, product: Product) -> None:
        """Tell the solver how a new product compares with the earlier ones."""
        for earlier in self.products.made[:-1]:
            for fact in multiples_apart(product, earlier):
                self.explorer.assume(fact)
        for step, factor in product.factors():
            self.explorer.assume(z3.Implies(z3.And(step >= 0, factor >= 0), product.value >= 0))
            self.explorer.assume(z3.Implies(z3.And(step >= 0, factor >= 1), product.value >= step))
        for fact in bits_add_up(product):
            self.explorer.assume(fact)

    def compare_multiples(self, step: Any, *factors: Any) -> None:
        """Tell the solver how multiples of a step compare, for factors that no source multiplies."""
        for factor in factors:
            self.multiply(integer_term(step), integer_term(factor))

    def _product_of(self, left: z3.ArithRef | None, right: z3.ArithRef | None) -> z3.ArithRef:
        if left is None or right is None:
            return z3.IntVal(1) if left is right else right if left is None else left
        return self.multiply(left, right)

    def divide(self, left: z3.ArithRef, right: z3.ArithRef) -> tuple[z3.ArithRef, z3.ArithRef]:
        """Return quotient and remainder, as Python rounds them, for a divisor that is proved positive."""
        left, right = z3.simplify(left), z3.simplify(right)
        self.claim("divisors are positive", right > 0)
        if z3.is_int_value(right):
            return z3.simplify(left / right), z3.simplify(left % right)
        key = (left.get_id(), right.get_id())
        if key not in self.quotients:
            quotient, remainder = self._derived("quotient", left, right), self._derived("rest", left, right)
            self.quotients[key] = quotient, remainder, left, right
            self.explorer.assume(z3.And(remainder >= 0, remainder < right))
            self.explorer.assume(left == self.multiply(quotient, right) + remainder)
        return self.quotients[key][0], self.quotients[key][1]

    def _derived(self, name: str, *operands: z3.ArithRef) -> z3.ArithRef:
        """Return an unknown that is this thread's own only if one of the operands is."""
        own = {term.get_id() for term in self.private}
        term = self.unknown(name)
        if not any(constant.get_id() in own for operand in operands for constant in constants_of(operand)):
            self.private.pop()
        return term

    def element(self, term: z3.ArithRef, limits: tuple[int, int]) -> DeviceInt:
        """Return what an array holds, which is within its type."""
        self.explorer.assume(holds(limits, SymInt(term)))
        return DeviceInt(term, self)

    def access(self, array: Array, indices: tuple[Any, ...], value: Any) -> None:
        """Claim that the access is in bounds and its value fits, and record it."""
        verb = "read" if value is None else "write"
        self.claim(f"{verb} of {array.name} in bounds", in_bounds(indices, array.shape))
        term = None
        if value is not None and not isinstance(value, Data) and array.limits is not None:
            self.claim(f"value written to {array.name} fits", holds(array.limits, value))
            term = SymInt(integer_term(value))
            if array.promise is not None:
                promised = self.reason(array.promise, *indices, term)
                self.claim(f"what is written to {array.name} is as promised", promised)
        if self.explorer.is_replaying:
            return
        self.log.add(
            Access(
                array=array.name,
                place=array.place,
                indices=tuple(SymInt(z3.simplify(integer_term(index))) for index in indices),
                value=term,
                writes=value is not None,
                phase=self.phase,
                ways=[{fact.get_id(): fact for fact in self.explorer.solver.assertions()}],
                products=list(self.products.made),
                private=list(self.private),
                coordinates=self.coordinates,
                block=self.block,
            )
        )

    def begin(self, function: str, scope: Mapping[str, Any], names: Sequence[str], bounds: tuple[Any, ...]) -> Loop:
        """Begin a loop of a function."""
        start, stop = (0, bounds[0]) if len(bounds) == 1 else bounds[:2]
        step = bounds[2] if len(bounds) == 3 else 1
        before = carried_values(scope, names)
        loop = Loop(self, function, dict(scope), before, self.wrap(start), self.wrap(stop), self.wrap(step))
        loop.enter()
        return loop


@dataclass(slots=True)
class Loop:
    """One loop: entered, then either at an arbitrary iteration or behind its last."""

    thread: Thread
    function: str
    scope: dict[str, Any]
    state: dict[str, Any]
    """What the body changes."""
    start: DeviceInt
    stop: DeviceInt
    step: DeviceInt
    at: DeviceInt | None = None

    def enter(self) -> None:
        """Prove the loop's claim at its start, then forget all but the claim."""
        thread = self.thread
        thread.claim("strides are positive", self.step.term > 0)
        by_one = z3.is_int_value(self.step.term) and self.step.term.as_long() == 1
        claim = thread.claims.get(self.function)
        if claim is not None:
            self._prove(claim, self.state, self.start)
        self.state = {name: self._any(name, value) for name, value in self.state.items()}
        if by_one:
            self.at = thread.fresh("at")
            thread.assume(self.at >= self.start)
            thread.assume((self.at == self.start) | (self.at <= self.stop))
        else:
            turn = thread.fresh("turn", 0)
            self.at = self.start + turn * self.step
            thread.assume((turn == 0) | (SymInt(self.at.term - self.step.term) < self.stop))
        if claim is not None:
            assert by_one
            known = thread.reason(claim, SimpleNamespace(**{**self.scope, **self.state}), self.at)
            thread.explorer.assume(known)

    def _any(self, name: str, value: Any) -> Any:
        if isinstance(value, SymInt | int):
            return self.thread.fresh(name)
        return Data(self.thread)

    def __iter__(self) -> Iterator[DeviceInt]:
        assert self.at is not None
        if self.at < self.stop:
            yield self.at

    def end(self, scope: Mapping[str, Any]) -> None:
        """Prove that the iteration keeps the loop's claim, and end it."""
        assert self.at is not None
        claim = self.thread.claims.get(self.function)
        if claim is not None:
            after = {name: scope[name] for name in self.state}
            self._prove(claim, after, DeviceInt(z3.simplify(self.at.term + 1), self.thread))
        raise IterationEnd

    def _prove(self, claim: Claim, state: Mapping[str, Any], at: DeviceInt) -> None:
        condition = self.thread.reason(claim, SimpleNamespace(**{**self.scope, **state}), at)
        self.thread.claim(f"the loop of {self.function} keeps its claim", condition)


def smaller(first: Any, second: Any) -> Any:
    """Return the smaller of two values, without splitting the path."""
    return _chosen(first, second, lambda a, b: a <= b, min)


def larger(first: Any, second: Any) -> Any:
    """Return the larger of two values, without splitting the path."""
    return _chosen(first, second, lambda a, b: a >= b, max)


def _chosen(first: Any, second: Any, takes_first: Any, plain: Any) -> Any:
    for value in (first, second):
        if isinstance(value, Data):
            return value
    for value in (first, second):
        if isinstance(value, DeviceInt):
            a, b = integer_term(first), integer_term(second)
            return DeviceInt(z3.simplify(z3.If(takes_first(a, b), a, b)), value.thread)
    return plain(first, second)


def as_it_is(value: Any) -> Any:
    """Stand in for ``int`` on what is an integer already."""
    return value


def magnitude(value: Any) -> Any:
    """Stand in for ``abs``."""
    return larger(value, -value)
