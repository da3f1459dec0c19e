"""What the proofs of kernels assume of the counts that loops compute, proved of any running total."""

from __future__ import annotations

from proofs.theorems import check_held

from schedproof_spec.gpu.counting import counts, unknown_function
from schedproof_spec.prover.prove import prove
from schedproof_spec.prover.verdict import Status


def totals_grow(ctx, smallest_amount=0):
    """By induction over the distance: a running total of amounts that are not negative never falls."""
    total, amount = unknown_function("total"), unknown_function("amount")
    begin, distance = ctx.integer("begin", 0), ctx.integer("distance", 0)
    at = begin + distance
    ctx.assume(counts(total, amount, at=at))
    ctx.assume(amount(at) >= smallest_amount)
    ctx.prove("it has not fallen at the distance 0", total(begin) >= total(begin + 0))
    ctx.assume(total(at) >= total(begin))
    ctx.prove("it has not fallen one further", total(at + 1) >= total(begin))


def test_running_totals_grow(theorem):
    check_held("running totals never fall", totals_grow, theorem, scope="amounts of 0 or more")
    assert prove(lambda ctx: totals_grow(ctx, smallest_amount=-1)).status is Status.VIOLATED
