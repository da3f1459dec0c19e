"""What must hold: the invariants, and the prover that decides them."""

from schedproof_spec.decide import Verdict, decide, policy_matrix
from schedproof_spec.invariant import Invariant
from schedproof_spec.invariants import INVARIANTS
from schedproof_spec.prover.verdict import Status
from schedproof_spec.repair import Change, find_repairs
from schedproof_spec.witness import Replay, Witness

__all__ = [
    "INVARIANTS",
    "Change",
    "Invariant",
    "Replay",
    "Status",
    "Verdict",
    "Witness",
    "decide",
    "find_repairs",
    "policy_matrix",
]
