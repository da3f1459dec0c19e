"""Dispatch and combine: every routing within a bound through the reference itself, and every size by induction."""

from __future__ import annotations

import pytest
from rules import check_kept, check_mutant, check_smallest

from schedproof.dispatch import NO_ROW, admitted, row_of_slot
from schedproof_spec.gpu.counting import chosen, implies, unknown_function
from schedproof_spec.invariants.dispatch import DISPATCH_RULES, IGNORE_CAPACITY
from schedproof_spec.mutants import Mutant
from schedproof_spec.prover.prove import prove
from schedproof_spec.prover.verdict import Status

BROKEN = [(rule, version) for rule in DISPATCH_RULES for version in rule.broken_by]
MUTANTS = [(rule, mutant) for rule in DISPATCH_RULES for mutant in rule.mutants]
ANY_SIZE = "any capacity, any number of ranks and tokens"


def ids(cases):
    return [f"{rule.name}: {case.name}" for rule, case in cases]


@pytest.mark.parametrize("rule", DISPATCH_RULES, ids=lambda rule: rule.name)
def test_reference_keeps(rule, theorem):
    for version in rule.kept_by:
        check_kept(rule, version, theorem)


@pytest.mark.parametrize(("rule", "version"), BROKEN, ids=ids(BROKEN))
def test_upstream_breaks_with_the_smallest_state(rule, version, theorem, golden):
    check_smallest(rule, version, theorem, golden)


@pytest.mark.parametrize(("rule", "mutant"), MUTANTS, ids=ids(MUTANTS))
def test_mutant_is_refuted(rule, mutant, theorem):
    check_mutant(rule, mutant, theorem)


def one_token_more(ctx):
    """The step of `route` for one expert: what was routed before is kept or dropped, and so is the next token."""
    capacity, begin, routed = ctx.integer("capacity", 1), ctx.integer("begin", 0), ctx.integer("routed", 0)
    kept = admitted(routed, capacity)
    row = row_of_slot(begin, routed, capacity)
    kept_after = admitted(routed + 1, capacity)
    if row == NO_ROW:
        ctx.prove("a token without a row is counted as dropped", kept_after == kept)
        ctx.prove("only what exceeds the capacity is dropped", routed >= capacity)
        return
    ctx.prove("rows are filled one after the other", row == begin + kept)
    ctx.prove("a token with a row is counted as kept", kept_after == kept + 1)
    ctx.prove("a row is in the slice of its rank", (row >= begin) & (row < begin + capacity))


def one_rank_more(ctx):
    """Before a rank, at most the capacity of each earlier one is filled; so it is behind it."""
    capacity, rank, ranks = ctx.integer("capacity", 1), ctx.integer("rank", 0), ctx.integer("ranks", 1)
    begin, routed, slot = ctx.integer("begin", 0), ctx.integer("routed", 0), ctx.integer("slot", 0)
    ctx.assume(rank < ranks)
    ctx.assume(begin <= rank * capacity)
    row = row_of_slot(begin, slot, capacity)
    ctx.prove("no row is past the expert's last", row < ranks * capacity)
    ctx.prove("the next rank begins within its bound", begin + admitted(routed, capacity) <= (rank + 1) * capacity)


STEPS = {
    one_token_more: {
        "a token without a row is counted as dropped",
        "only what exceeds the capacity is dropped",
        "rows are filled one after the other",
        "a token with a row is counted as kept",
        "a row is in the slice of its rank",
    },
    one_rank_more: {"no row is past the expert's last", "the next rank begins within its bound"},
}
STEP_MUTANTS = (
    IGNORE_CAPACITY,
    Mutant(
        name="admit one token more",
        module="schedproof.dispatch",
        function="admitted",
        old="min(routed, capacity)",
        new="min(routed, capacity + 1)",
    ),
)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_step_of_route(step, theorem):
    outcome = prove(step)
    assert outcome.status is Status.HELD, outcome.reason
    assert outcome.reached == STEPS[step]
    theorem(f"route: {step.__name__.replace('_', ' ')}", outcome, scope=ANY_SIZE)


@pytest.mark.parametrize("mutant", STEP_MUTANTS, ids=lambda mutant: mutant.name)
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_step_refutes(step, mutant, theorem):
    with mutant.applied():
        outcome = prove(step)
    assert outcome.status is Status.VIOLATED, outcome.reason
    theorem(f"route: {step.__name__.replace('_', ' ')} with the mutant '{mutant.name}'", outcome, scope=ANY_SIZE)


def rows_have_one_token(ctx):
    """Where the kernels promise rows behind earlier ranks and tokens, no two tokens share one."""
    slots, rows = unknown_function("slots"), unknown_function("rows")
    capacity = ctx.integer("capacity", 1)
    places = []
    for name in ("one", "other"):
        rank, token = ctx.integer(f"rank_of_{name}", 0), ctx.integer(f"token_of_{name}", 0)
        slot = slots(rank, token)
        ctx.assume(slots(rank, token + 1) == slot + 1)
        ctx.assume((slot >= 0) & (slot < capacity))
        ctx.assume(rows(rank + 1) == rows(rank) + admitted_of(rank, capacity))
        ctx.assume(admitted_of(rank, capacity) >= slot + 1)
        places.append((rank, token, row_of_slot(rows(rank), slot, capacity)))
    (rank, token, row), (other_rank, other_token, other_row) = places
    for (r, t, _), (later_rank, later_token, _) in ((places[0], places[1]), (places[1], places[0])):
        ctx.assume(implies(t < later_token, slots(r, later_token) >= slots(r, t + 1)))
        ctx.assume(implies(r < later_rank, rows(later_rank) >= rows(r + 1)))
    ctx.assume((rank != other_rank) | (token != other_token))
    ctx.prove("two tokens have two rows", row != other_row)


def admitted_of(rank, capacity):
    """Rows that a rank fills, which `admitted` gives for its total."""
    total = unknown_function("total")(rank)
    return chosen(total <= capacity, total, capacity)


def test_rows_have_one_token(theorem):
    outcome = prove(rows_have_one_token)
    assert outcome.status is Status.HELD, outcome.reason
    assert outcome.reached == {"two tokens have two rows"}
    theorem("rows have one token", outcome, scope=ANY_SIZE)


def test_rows_would_be_shared_without_capacity(theorem):
    mutant = Mutant(
        name="every token at its rank's first row",
        module="schedproof.dispatch",
        function="row_of_slot",
        old="begin + slot if",
        new="begin if",
    )
    with mutant.applied():
        outcome = prove(rows_have_one_token)
    assert outcome.status is Status.VIOLATED
    theorem(f"rows have one token with the mutant '{mutant.name}'", outcome, scope=ANY_SIZE)
