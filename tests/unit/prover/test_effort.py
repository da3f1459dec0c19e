"""A theorem that is decided twice asks the same, gets the same answers and states, and costs the same.

What the process made in between is not met again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import z3
from numba import cuda

from schedproof import REFERENCE
from schedproof_spec import INVARIANTS, decide
from schedproof_spec.gpu.memory import Log
from schedproof_spec.gpu.races import no_races
from schedproof_spec.gpu.thread import Thread
from schedproof_spec.prover.context import Context
from schedproof_spec.prover.inquiry import SolverWork
from schedproof_spec.prover.prove import prove
from schedproof_spec.verdicts.verdict_cache import without_cache

Asked = tuple[z3.CheckSatResult, int, dict[str, str]]
"""An answer, the resource units that its solver has used, and the state that it names."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Asked]:
    """Collect what the solver is asked."""
    found: list[Asked] = []
    check = SolverWork.check

    def noted(work: SolverWork, solver: z3.Solver) -> z3.CheckSatResult:
        answer = check(work, solver)
        model = solver.model() if answer == z3.sat else []
        state = {unknown.name(): str(model[unknown]) for unknown in model}
        found.append((answer, solver.statistics().get_key_value("rlimit count"), state))
        return answer

    monkeypatch.setattr(SolverWork, "check", noted)
    return found


def decide_an_invariant() -> None:
    with without_cache():
        decide(INVARIANTS["chunk_within_prompt"], REFERENCE)


def every_row(out: Any, columns: int) -> None:
    for row in range(cuda.threadIdx.x, 100, cuda.blockDim.x):
        for column in range(columns):
            out[row * columns + column] = column


def prove_a_kernel() -> None:
    log = Log()

    def launched(ctx: Context) -> None:
        thread = Thread(ctx, log)
        columns = thread.size("columns", 1, 100)
        out = thread.array("out", (100 * columns,))
        thread.launch(every_row, out, columns, grid=(1,), block=thread.size("block", 1, 256))

    prove(launched)
    prove(no_races(log))


@pytest.mark.parametrize("theorem", [decide_an_invariant, prove_a_kernel])
def test_the_same_questions_cost_the_same(theorem: Callable[[], None], asked: list[Asked]) -> None:
    theorem()
    first = list(asked)
    asked.clear()
    others = [z3.Int(name) + 1 for name in ("columns", "num_batched_tokens", *map(str, range(1000)))]
    del others[::2]
    theorem()
    assert asked == first
    assert len({units for _, units, _ in first}) > 10, "the solver had something to do"
