"""What Z3 gives up is put to cvc5 before it is undecided; its word is named, its states are looked at by Z3 too."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from importlib import resources
from types import SimpleNamespace
from typing import Any

import pytest
import z3

from schedproof import REFERENCE
from schedproof_spec import INVARIANTS, decide
from schedproof_spec.prover import inquiry, second_solver
from schedproof_spec.prover.context import Context
from schedproof_spec.prover.inquiry import SolverWork
from schedproof_spec.prover.paths import PathExplorer
from schedproof_spec.prover.prove import prove, search
from schedproof_spec.prover.second_solver import Reply
from schedproof_spec.prover.verdict import Outcome, Status
from schedproof_spec.verdicts.decide import Verdict
from schedproof_spec.verdicts.stored_verdicts import FOLDER, answer_of, entry_of
from schedproof_spec.verdicts.verdict_cache import VerdictCache, without_cache

Decide = Callable[[Callable[[Context], Any]], Outcome]
CHECK = SolverWork.check
DECIDERS = pytest.mark.parametrize("decide", [prove, search])


@pytest.fixture(autouse=True)
def no_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Z3 give up on products, unless it is told what x is."""

    def gives_up(work: SolverWork, solver: z3.Solver) -> z3.CheckSatResult:
        text = solver.sexpr()
        has_products = re.search(r"\(\* (\(- 1\) )?[w-z] [w-z]", text) is not None
        return z3.unknown if has_products and "(= x " not in text else CHECK(work, solver)

    monkeypatch.setattr(SolverWork, "check", gives_up)


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let there be no second solver."""
    monkeypatch.setattr(second_solver, "package", lambda: None)
    yield


def products_are_in_order(ctx: Context) -> None:
    """What holds of all integers."""
    x, y, z, w = (ctx.integer(name, 0) for name in "xyzw")
    ctx.assume((x < z) & (y < w))
    ctx.prove("products are in order", x * y < z * w)


def nothing_is_composite(ctx: Context) -> None:
    """What some integers refute."""
    x, y, z = (ctx.integer(name, 0) for name in "xyz")
    ctx.assume((x > 9) & (y > x) & (z > 100) & (z < 120))
    ctx.prove("nothing is composite", x * y != z)


def no_cubes(ctx: Context) -> None:
    """What both give up."""
    x, y, z = (ctx.integer(name) for name in "xyz")
    ctx.prove("no sum of three cubes is 42", x * x * x + y * y * y + z * z * z != 42)


@DECIDERS
def test_what_the_second_solver_proves_is_held_under_its_name(decide: Decide) -> None:
    found = decide(products_are_in_order)
    assert (found.status, found.settled_by) == (Status.HELD, second_solver.name())
    assert found.message == f"settled by {second_solver.name()}, where Z3 gives up"


@DECIDERS
def test_without_it_the_same_is_undecided_and_says_what_to_install(decide: Decide, without: None) -> None:
    found = decide(products_are_in_order)
    assert (found.status, found.settled_by) == (Status.UNDECIDED, "")
    assert found.message == (
        "products are in order (solver limit: 4000000 resource units an attempt; "
        "a second solver might settle it: pip install 'schedproof[cvc5]')"
    )


def test_its_state_refutes_and_is_replayed() -> None:
    found = search(nothing_is_composite)
    assert (found.status, found.reason) == (Status.VIOLATED, "nothing is composite")
    assert found.values is not None
    assert found.values["x"] * found.values["y"] == found.values["z"]
    assert found.settled_by == second_solver.name()
    assert second_solver.name() in found.message
    assert prove(nothing_is_composite).status is Status.VIOLATED


def test_without_it_no_state_is_found(without: None) -> None:
    assert search(nothing_is_composite).status is Status.UNDECIDED
    assert prove(nothing_is_composite).status is Status.UNDECIDED


@DECIDERS
def test_what_both_give_up_is_undecided(decide: Decide) -> None:
    found = decide(no_cubes)
    assert found.status is Status.UNDECIDED
    assert found.reason.endswith(f"; {second_solver.name()} gives up too)")


@DECIDERS
def test_a_state_that_is_none_for_z3_settles_nothing(decide: Decide, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = Reply(z3.sat, {"x": 10, "y": 11, "z": 111})
    monkeypatch.setattr(second_solver, "ask", lambda conditions: wrong)
    found = decide(nothing_is_composite)
    assert (found.status, found.settled_by) == (Status.UNDECIDED, "")


@DECIDERS
def test_it_is_asked_what_z3_gives_up_alone(decide: Decide, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_solver, "ask", lambda conditions: pytest.fail("asked"))
    assert decide(lambda ctx: ctx.prove("small", ctx.integer("x", 0, 5) < 6)).settled_by == ""


def test_the_answer_depends_on_the_question_alone() -> None:
    first = prove(products_are_in_order)
    search(nothing_is_composite)
    prove(no_cubes)
    again = prove(products_are_in_order)
    assert (again.status, again.message, again.num_questions) == (first.status, first.message, first.num_questions)


def test_what_it_cannot_read_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_solver, "text_of", lambda conditions: "(assert (no-such-operator 1))(check-sat)")
    assert second_solver.ask([z3.Int("x") > 1]) == second_solver.OPEN


def test_names_with_an_apostrophe_are_read_and_given_back() -> None:
    reply = second_solver.ask([z3.Int("x'") == 3, z3.Int("x") == 4])
    assert (reply.answer, reply.values) == (z3.sat, {"x'": 3, "x": 4})


def test_a_verdict_and_what_is_stored_of_it_name_the_solver(monkeypatch: pytest.MonkeyPatch) -> None:
    held = decide_settled(monkeypatch)
    assert held.status is Status.HELD
    assert held.message == f"{held.scope}; settled by another 1.0, where Z3 gives up"
    assert entry_of(held) == {"status": "held", "message": held.message}
    assert answer_of(held).message == held.message


def test_no_verdict_that_is_shipped_rests_on_it() -> None:
    folder = resources.files("schedproof_spec.verdicts").joinpath(FOLDER)
    texts = [file.read_text(encoding="utf-8") for file in folder.iterdir()]
    assert texts
    assert not any("settled by" in text for text in texts)


def decide_settled(monkeypatch: pytest.MonkeyPatch) -> Verdict:
    """Decide an invariant whose proof rests on another solver."""
    settle = PathExplorer.settle
    monkeypatch.setattr(SolverWork, "check", CHECK)

    def settled(explorer: PathExplorer, *conditions: z3.BoolRef) -> z3.CheckSatResult:
        explorer.work.settled_by = "another 1.0"
        return settle(explorer, *conditions)

    monkeypatch.setattr(PathExplorer, "settle", settled)
    with without_cache():
        return decide(INVARIANTS["chunk_within_prompt"], REFERENCE)


def test_an_answer_is_remembered_for_the_solvers_that_gave_it(monkeypatch: pytest.MonkeyPatch) -> None:
    question = SimpleNamespace(policy=REFERENCE, key="of this test alone")
    cache: VerdictCache[str] = VerdictCache("test")
    with without_cache():
        cache.keep(question, frozenset(), "with it")
        assert cache.recall(question) == "with it"
        monkeypatch.setattr(second_solver, "package", lambda: None)
        assert cache.recall(question) is None


def test_z3_still_makes_every_attempt_first(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    answer, ask = inquiry.answer, second_solver.ask
    monkeypatch.setattr("schedproof_spec.prover.paths.answer", lambda *a: seen.append("z3") or answer(*a))
    monkeypatch.setattr(second_solver, "ask", lambda conditions: seen.append("cvc5") or ask(conditions))
    assert prove(products_are_in_order).status is Status.HELD
    assert seen == ["z3", "cvc5"]
