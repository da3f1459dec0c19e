"""The README's matrix is what the solver finds: the goldens, which the other tests hold against the solver."""

from __future__ import annotations

import json
from pathlib import Path

from schedproof.engines.fastdeploy.policies import POLICIES, REFERENCE
from schedproof_gate.policies.matrix import Matrix, updated
from schedproof_spec import INVARIANTS, Status, Verdict

GOLDENS = Path(__file__).parent / "goldens"


def test_readme_shows_what_the_solver_finds():
    cells = []
    for policy in POLICIES:
        path = GOLDENS / f"policy_{policy}.json"
        found = {} if policy == REFERENCE.name else json.loads(path.read_text(encoding="utf-8"))
        for invariant in INVARIANTS:
            status = Status(found[invariant]["status"]) if found else Status.HELD
            cells.append(cell(invariant, policy, status))
    before, after = updated(Path(__file__).parent.parent / "README.md", Matrix(cells))
    assert before == after, "run `schedproof policies --update README.md`"


def cell(invariant: str, policy: str, status: Status) -> Verdict:
    return Verdict(
        invariant=invariant,
        policy=policy,
        status=status,
        scope="",
        message="",
        witness=None,
        reached=frozenset(),
        unreached=frozenset(),
        rules=frozenset(),
        num_paths=0,
        solver_ms=0.0,
    )
