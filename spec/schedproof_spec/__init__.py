"""What must hold: the invariants, and the prover that decides them."""

from schedproof_spec.invariant import Consequence, Invariant
from schedproof_spec.prover.verdict import Status
from schedproof_spec.registry import INVARIANTS, WORK_RULES
from schedproof_spec.states.loop_runs import LoopRun
from schedproof_spec.theorems.loops import LOOP_RULES, LoopRule
from schedproof_spec.verdicts.decide import Verdict, decide
from schedproof_spec.verdicts.decide_loop import (
    LoopDecision,
    LoopVerdict,
    decide_loop,
    refusal_of_loop,
    replay_loop,
)
from schedproof_spec.verdicts.decide_work import WorkVerdict, decide_work
from schedproof_spec.verdicts.repair import Change, find_repairs, find_repairs_of, find_repairs_of_startup
from schedproof_spec.verdicts.stored_verdicts import (
    Answer,
    StoredVerdictError,
    known_answer,
    known_work,
    new_answer,
)
from schedproof_spec.verdicts.witness import ConfigWitness, Replay, RunWitness, Witness
from schedproof_spec.work_rule import WorkRule

__all__ = [
    "INVARIANTS",
    "LOOP_RULES",
    "WORK_RULES",
    "Answer",
    "Change",
    "ConfigWitness",
    "Consequence",
    "Invariant",
    "LoopDecision",
    "LoopRule",
    "LoopRun",
    "LoopVerdict",
    "Replay",
    "RunWitness",
    "Status",
    "StoredVerdictError",
    "Verdict",
    "Witness",
    "WorkRule",
    "WorkVerdict",
    "decide",
    "decide_loop",
    "decide_work",
    "find_repairs",
    "find_repairs_of",
    "find_repairs_of_startup",
    "known_answer",
    "known_work",
    "new_answer",
    "refusal_of_loop",
    "replay_loop",
]
