"""What must hold: the invariants, and the prover that decides them."""

from schedproof_spec.invariant import Invariant
from schedproof_spec.invariants import INVARIANTS, RUN_INVARIANTS
from schedproof_spec.invariants.work import WORK_RULES
from schedproof_spec.prover.verdict import Status
from schedproof_spec.run_invariant import RunInvariant
from schedproof_spec.verdicts.decide import Verdict, decide, policy_matrix
from schedproof_spec.verdicts.decide_run import RunVerdict, decide_run, run_matrix
from schedproof_spec.verdicts.decide_work import WorkVerdict, decide_work
from schedproof_spec.verdicts.repair import Change, find_repairs, find_repairs_of
from schedproof_spec.verdicts.run_witness import RunWitness
from schedproof_spec.verdicts.witness import Replay, Witness
from schedproof_spec.work_rule import WorkRule

__all__ = [
    "INVARIANTS",
    "RUN_INVARIANTS",
    "WORK_RULES",
    "Change",
    "Invariant",
    "Replay",
    "RunInvariant",
    "RunVerdict",
    "RunWitness",
    "Status",
    "Verdict",
    "Witness",
    "WorkRule",
    "WorkVerdict",
    "decide",
    "decide_run",
    "decide_work",
    "find_repairs",
    "find_repairs_of",
    "policy_matrix",
    "run_matrix",
]
