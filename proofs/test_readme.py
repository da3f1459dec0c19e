"""The README's matrix is what the solver finds: the stored verdicts, which other tests hold against the solver."""

from __future__ import annotations

from pathlib import Path

from schedproof.engines.fastdeploy.policies import POLICIES
from schedproof_gate.policies.matrix import Matrix, updated
from schedproof_spec import INVARIANTS
from schedproof_spec.verdicts.stored_verdicts import stored_answer


def test_readme_shows_what_the_solver_finds():
    cells = [stored_answer(invariant, policy) for policy in POLICIES.values() for invariant in INVARIANTS.values()]
    assert None not in cells
    before, after = updated(Path(__file__).parent.parent / "README.md", Matrix(cells))
    assert before == after, "run `schedproof policies --update README.md`"
