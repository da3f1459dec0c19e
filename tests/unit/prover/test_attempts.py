"""A question that the solver gives up is asked again, with more seeds before more work, and is open at the end."""

from __future__ import annotations

import pytest
import z3

from schedproof_spec.prover.inquiry import LIMIT_DIVISORS, SolverWork, answer

LIMIT = 3_200_000


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Collect the limit and the random seed of every attempt."""
    found: list[tuple[int, int]] = []
    setting = z3.Solver.set
    given: dict[str, int] = {}

    def noted(solver: z3.Solver, name: str, value: int) -> None:
        setting(solver, name, value)
        given[name] = value
        if name == "random_seed":
            found.append((given["rlimit"], value))

    monkeypatch.setattr(z3.Solver, "set", noted)
    return found


class Stubborn(SolverWork):
    """Gives up a number of times before it asks."""

    num_refusals = 0

    def check(self, solver: z3.Solver) -> z3.CheckSatResult:
        """Ask the solver, at last."""
        self.num_refusals -= 1
        return z3.unknown if self.num_refusals >= 0 else super().check(solver)


@pytest.mark.parametrize("num_refusals", [0, 1, len(LIMIT_DIVISORS) - 1])
def test_the_first_attempt_that_decides_is_the_answer(num_refusals: int, limits: list[tuple[int, int]]) -> None:
    x = z3.Int("x")
    for conditions, expected in (([x > 1, x < 3], z3.sat), ([x > 1, x < 2], z3.unsat)):
        limits.clear()
        work = Stubborn()
        work.num_refusals = num_refusals
        assert answer(conditions, LIMIT, work) == expected
        assert work.num_questions == 1
        assert (
            limits == [(LIMIT // divisor, seed) for seed, divisor in enumerate(LIMIT_DIVISORS)][: num_refusals + 1]
        )


def test_a_question_is_open_when_every_attempt_gives_up(limits: list[tuple[int, int]]) -> None:
    work = Stubborn()
    work.num_refusals = len(LIMIT_DIVISORS)
    assert answer([z3.Int("x") > 1], LIMIT, work) == z3.unknown
    assert [limit for limit, _ in limits][-3:] == [LIMIT] * 3, "the last attempts have the whole limit"
    assert len({seed for _, seed in limits}) == len(LIMIT_DIVISORS)
