"""The loops of the examples keep every rule for any number of requests; what is so is what the proofs depend on."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from proofs.mutants.mutant import Mutant

from schedproof_spec import LOOP_RULES, Status
from schedproof_spec.prover.subset.loops import loop_problem, read_loop
from schedproof_spec.states.asked_loop import AskedLoop
from schedproof_spec.theorems.loops import KINDS
from schedproof_spec.verdicts.decide_loop import SCOPE
from schedproof_spec.verdicts.inductive import prove_together

EXAMPLES = Path(__file__).parents[1] / "examples" / "loops"
MOST_LINES = 60

PREEMPTION, OPENING = "a request is preempted", "a step is opened"
AT_EVERY_POINT = (
    "budget_nonnegative",
    "no_overshoot",
    "view_is_true",
    "slots_are_enough",
    "blocks_are_enough",
    "own_hypothesis",
)
OF_VISITS = ("grant_within_need", "blocks_cover_tokens", "blocks_are_kept")
OF_TURNS = ("served_once", "turns_are_real", "step_ends")
NEXT_STEP = "the next step"
COVERS = frozenset(
    {
        *(f"{rule}: {place}" for rule in AT_EVERY_POINT for place in (OPENING, *KINDS, PREEMPTION)),
        *(f"{rule}: {kind}" for rule in OF_VISITS for kind in (*KINDS, NEXT_STEP)),
        *(f"{rule}: {place}" for rule in OF_TURNS for place in (*KINDS, PREEMPTION)),
        *(f"nothing_raised: {place}" for place in (OPENING, *KINDS, PREEMPTION)),
        f"blocks_are_enough: {NEXT_STEP}",
        "the step is over",
    }
)
"""What some state of the induction has to get to, in each example."""


@dataclass(frozen=True, slots=True)
class Decided:
    status: Status
    settled_by: str
    num_paths: int
    solver_ms: float


def loop_of(name):
    """Return the loop of an example, which has one class of them."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    (kind,) = [
        each for each in vars(module).values() if getattr(each, "__module__", "") == spec.name and is_loop(each)
    ]
    return kind()


def is_loop(kind):
    return hasattr(kind, "next_turn")


def proof_of(loop):
    assert loop_problem(loop) is None
    return prove_together(AskedLoop(loop, read_loop(loop)))


NAMES = sorted(path.stem for path in EXAMPLES.glob("*.py"))


def test_every_rule_is_covered():
    assert {label.partition(": ")[0] for label in COVERS} - {"the step is over"} == LOOP_RULES.keys()


@pytest.mark.parametrize("name", NAMES)
def test_an_example_keeps_every_rule(name, theorem):
    proof = proof_of(loop_of(name))
    assert (proof.refusal, proof.open) == (None, {})
    assert proof.proved == LOOP_RULES.keys()
    assert proof.reached >= COVERS
    theorem(
        f"the step loop {name}",
        Decided(Status.HELD, proof.settled_by, proof.num_paths, proof.solver_ms),
        scope=SCOPE,
    )


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_short(name):
    assert len((EXAMPLES / f"{name}.py").read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def mutant(name, function, old, new, module="world"):
    return Mutant(name=name, module=f"schedproof.step_loop.{module}", function=function, old=old, new=new)


# the rule whose proof must see it, the example, and a change of what the driver and the proofs take for so
MUTANTS = [
    (
        "view_is_true",
        "decode_first",
        mutant("a visit runs nothing", "world_after", "world.num_tokens + turn.num_tokens", "world.num_tokens"),
    ),
    (
        "view_is_true",
        "decode_first",
        mutant(
            "blocks that are given stay free",
            "world_after",
            "world.num_free_blocks - turn.num_new_blocks",
            "world.num_free_blocks",
        ),
    ),
    (
        "view_is_true",
        "priority_order",
        mutant(
            "a preempted request still runs",
            "world_after",
            "world.num_tokens - share.num_tokens",
            "world.num_tokens",
        ),
    ),
    (
        "view_is_true",
        "priority_order",
        mutant("blocks of this step stay with a victim", "world_after", " + share.num_new_blocks", ""),
    ),
    (
        "view_is_true",
        "decode_first",
        mutant(
            "who was served has no slot",
            "World.num_slots_used",
            " + self.ahead.num_served",
            "",
        ),
    ),
    (
        "step_ends",
        "priority_order",
        mutant(
            "served requests are counted twice",
            "World.num_turns_left",
            "+ ahead.num_served",
            "+ 2 * ahead.num_served",
        ),
    ),
    (
        "blocks_cover_tokens",
        "decode_first",
        mutant(
            "blocks are rounded down",
            "QueuedRequest.num_needed_blocks",
            "-(-(self.num_computed_tokens + num_tokens) // limits.block_size)",
            "(self.num_computed_tokens + num_tokens) // limits.block_size",
            module="queues",
        ),
    ),
]


@pytest.mark.parametrize(("rule", "name", "change"), MUTANTS, ids=[change.name for _, _, change in MUTANTS])
def test_a_change_of_what_is_so_is_refuted(rule, name, change, theorem):
    loop = loop_of(name)
    with change.applied():
        proof = proof_of(loop)
    assert rule in proof.open
    assert proof.open[rule].is_refuted
    decided = Decided(Status.VIOLATED, proof.settled_by, proof.num_paths, proof.solver_ms)
    theorem(f"{rule} of {name} with the mutant '{change.name}'", decided, scope=SCOPE)
