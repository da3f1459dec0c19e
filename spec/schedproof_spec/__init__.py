"""What must hold: the invariants, and the prover that decides them.

Each name is loaded when it is asked for: the work on tensors needs NumPy, which no deployment does.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from schedproof_spec.invariant import Consequence, Invariant
    from schedproof_spec.prover.verdict import Status
    from schedproof_spec.registry import INVARIANTS
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
    from schedproof_spec.work_registry import WORK_RULES
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

HOMES = {
    "Answer": "verdicts.stored_verdicts",
    "Change": "verdicts.repair",
    "ConfigWitness": "verdicts.witness",
    "Consequence": "invariant",
    "INVARIANTS": "registry",
    "Invariant": "invariant",
    "LOOP_RULES": "theorems.loops",
    "LoopDecision": "verdicts.decide_loop",
    "LoopRule": "theorems.loops",
    "LoopRun": "states.loop_runs",
    "LoopVerdict": "verdicts.decide_loop",
    "Replay": "verdicts.witness",
    "RunWitness": "verdicts.witness",
    "Status": "prover.verdict",
    "StoredVerdictError": "verdicts.stored_verdicts",
    "Verdict": "verdicts.decide",
    "WORK_RULES": "work_registry",
    "Witness": "verdicts.witness",
    "WorkRule": "work_rule",
    "WorkVerdict": "verdicts.decide_work",
    "decide": "verdicts.decide",
    "decide_loop": "verdicts.decide_loop",
    "decide_work": "verdicts.decide_work",
    "find_repairs": "verdicts.repair",
    "find_repairs_of": "verdicts.repair",
    "find_repairs_of_startup": "verdicts.repair",
    "known_answer": "verdicts.stored_verdicts",
    "known_work": "verdicts.stored_verdicts",
    "new_answer": "verdicts.stored_verdicts",
    "refusal_of_loop": "verdicts.decide_loop",
    "replay_loop": "verdicts.decide_loop",
}
"""The module of each name."""


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(f"{__name__}.{HOMES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
