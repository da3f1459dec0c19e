"""The README says what the solver finds: the stored verdicts, which other tests hold against the solver."""

from __future__ import annotations

from pathlib import Path

from schedproof.engines.fastdeploy.policies import POLICIES
from schedproof_gate.policies.matrix import Matrix, updated
from schedproof_spec import INVARIANTS, Status
from schedproof_spec.verdicts.stored_verdicts import stored_answer

README = Path(__file__).parents[1] / "README.md"


def test_readme_shows_what_the_solver_finds():
    cells = [stored_answer(invariant, policy) for policy in POLICIES.values() for invariant in INVARIANTS.values()]
    assert None not in cells
    before, after = updated(README, Matrix(cells))
    assert before == after, "run `schedproof policies --update README.md`"


def test_the_headline_counts_what_the_matrix_shows():
    kept = {name: kept_by(policy) for name, policy in POLICIES.items()}
    assert {name for name, held in kept.items() if held == set(INVARIANTS)} == {"reference"}
    assert (len(POLICIES) - 1, len(INVARIANTS)) == (16, 16)
    text = " ".join(README.read_text(encoding="utf-8").split())
    assert "Of sixteen versions of FastDeploy's scheduling rules" in text
    assert "none keeps all sixteen invariants in every configuration" in text


def kept_by(policy):
    """Return the invariants that a policy keeps."""
    answers = {name: stored_answer(invariant, policy) for name, invariant in INVARIANTS.items()}
    return {name for name, answer in answers.items() if answer is not None and answer.status is Status.HELD}
