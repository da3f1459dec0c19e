"""Launches of kernels with symbolic sizes, and what is proved of each: accesses in bounds, no word contested."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from proofs.mutants.mutant import Mutant

from schedproof_spec.gpu.memory import Log
from schedproof_spec.gpu.races import Known, no_races, nothing_known
from schedproof_spec.gpu.source import mutated
from schedproof_spec.gpu.thread import Doubter, Recorder, Thread
from schedproof_spec.prover.prove import prove
from schedproof_spec.prover.verdict import Outcome, Status

ANY_SIZE = (-(2**31), 2**31 - 1)
"""Sizes are drawn from all of these; what the entry point refuses is left out by running its own check."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelProof:
    """A kernel, how it is launched, and what its proof has to reach and to refute."""

    name: str
    limits: str
    """The sizes that the entry point lets through."""
    launch: Callable[[Thread], None]
    refusal: type[Exception]
    """What the entry point raises for other sizes."""
    written: frozenset[str]
    """The arrays that the kernel writes."""
    claims: frozenset[str]
    """What else is claimed, beside accesses and races."""
    mutants: tuple[Mutant, ...]
    """Changes with which a claim about accesses and values fails."""
    racing_mutants: tuple[Mutant, ...] = ()
    """Changes with which two threads meet."""
    known: Known = nothing_known

    def run(self, thread: Thread) -> None:
        """One thread, standing for all, of one launch, standing for all that the entry point permits."""
        try:
            self.launch(thread)
        except self.refusal:
            return


def names_of(cases: Iterable[tuple[KernelProof, Mutant]]) -> list[str]:
    """Return how tests of mutants are called."""
    return [f"{proof.name}: {mutant.name}" for proof, mutant in cases]


def recorded(proof: KernelProof) -> Log:
    """Return what the threads of a launch access, of which nothing is claimed."""
    log = Log()
    outcome = prove(lambda ctx: proof.run(Recorder(ctx, log)))
    assert outcome.status is Status.VACUOUS, outcome.reason
    return log


def check_holds(proof: KernelProof, theorem: Callable[..., None]) -> None:
    """Assert both theorems, that they speak of every array and claim, and record them."""
    log = Log()
    accesses = prove(lambda ctx: proof.run(Thread(ctx, log)))
    assert accesses.status is Status.HELD, accesses.reason
    races = prove(no_races(log, proof.known))
    assert races.status is Status.HELD, races.reason
    assert log.written() == proof.written
    reached = accesses.reached | races.reached
    assert not accesses.unreached | races.unreached
    assert {f"write of {name} in bounds" for name in proof.written} <= reached
    assert {f"no two threads meet in {name}" for name in proof.written} <= reached
    assert {"integers fit the machine", "kernel returns"} | proof.claims <= reached
    theorem(f"{proof.name}: accesses in bounds", accesses, scope=proof.limits)
    theorem(f"{proof.name}: no two threads write one word", races, scope=proof.limits)


def check_refutes(proof: KernelProof, mutant: Mutant, theorem: Callable[..., None]) -> None:
    """Assert that a claim about the kernel fails with the mutant, and record it."""
    log = Log()
    with mutated(mutant):
        outcome = prove(lambda ctx: proof.run(Doubter(ctx, log)))
    record_refuted(proof, mutant, outcome, theorem)


def check_races(proof: KernelProof, mutant: Mutant, theorem: Callable[..., None]) -> None:
    """Assert that with the mutant two threads meet, and record it."""
    with mutated(mutant):
        log = recorded(proof)
    record_refuted(proof, mutant, prove(no_races(log, proof.known)), theorem)


def record_refuted(proof: KernelProof, mutant: Mutant, outcome: Outcome, theorem: Callable[..., None]) -> None:
    """Assert that a claim failed, and not the prover, and record it."""
    assert outcome.status is Status.VIOLATED, outcome.reason
    assert not outcome.reason.startswith("raises"), outcome.reason
    theorem(f"{proof.name} with the mutant '{mutant.name}'", outcome, scope=proof.limits)
