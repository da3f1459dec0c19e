"""How a theorem is checked: held with everything it claims reached, and refuted by a mutant of the code."""

from __future__ import annotations

from collections.abc import Callable

from proofs.mutants.mutant import Mutant

from schedproof_spec.prover.prove import Theorem, prove
from schedproof_spec.prover.verdict import Outcome, Status

Record = Callable[..., None]
"""The fixture that takes a decided theorem into the summary."""


def check_held(name: str, theorem: Theorem, record: Record, *, scope: str) -> Outcome:
    """Assert that a theorem holds, and that some state gets to each of its claims."""
    outcome = prove(theorem)
    assert outcome.status is Status.HELD, outcome.reason
    assert outcome.reached
    assert not outcome.unreached
    record(name, outcome, scope=scope)
    return outcome


def check_refuted(name: str, theorem: Theorem, mutant: Mutant, record: Record, *, scope: str) -> None:
    """Assert that the theorem does not hold of the changed code."""
    with mutant.applied():
        outcome = prove(theorem)
    assert outcome.status is Status.VIOLATED, outcome.reason
    record(f"{name} with the mutant '{mutant.name}'", outcome, scope=scope)
