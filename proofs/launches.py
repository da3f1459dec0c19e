"""Launches of kernels with symbolic sizes, and what is proved of each: accesses in bounds, no word contested."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from schedproof_spec.gpu.memory import Log
from schedproof_spec.gpu.races import Known, no_races, nothing_known
from schedproof_spec.gpu.source import mutated
from schedproof_spec.gpu.thread import Thread
from schedproof_spec.mutants import Mutant
from schedproof_spec.prover.context import Context
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
    known: Known = nothing_known

    def theorem(self, ctx: Context, log: Log) -> None:
        """One thread, standing for all, of one launch, standing for all that the entry point permits."""
        thread = Thread(ctx, log)
        try:
            self.launch(thread)
        except self.refusal:
            return


@dataclass(slots=True)
class Decided:
    """What was found of a launch."""

    accesses: Outcome
    races: Outcome | None = None
    """None when an access is out of bounds already."""
    log: Log = field(default_factory=Log)

    @property
    def refuted(self) -> str:
        """The claim that does not hold; empty when all do."""
        outcome = self.accesses if self.races is None else self.races
        return outcome.reason if outcome.status is Status.VIOLATED else ""


def decide(proof: KernelProof) -> Decided:
    """Prove that the accesses are in bounds, then that no two threads meet."""
    log = Log()
    found = Decided(prove(lambda ctx: proof.theorem(ctx, log)), log=log)
    if found.accesses.status is Status.HELD:
        found.races = prove(no_races(log, proof.known))
    return found


def decide_mutant(proof: KernelProof, mutant: Mutant) -> Decided:
    """Decide the kernel with the mutant's edit."""
    with mutated(mutant):
        return decide(proof)


def check_holds(proof: KernelProof, theorem: Callable[..., None]) -> None:
    """Assert both theorems, that they speak of every array and claim, and record them."""
    found = decide(proof)
    assert found.accesses.status is Status.HELD, found.accesses.reason
    assert found.races is not None
    assert found.races.status is Status.HELD, found.races.reason
    assert found.log.written() == proof.written
    reached = found.accesses.reached | found.races.reached
    assert not found.accesses.unreached | found.races.unreached
    assert {f"write of {name} in bounds" for name in proof.written} <= reached
    assert {f"no two threads meet in {name}" for name in proof.written} <= reached
    assert {"integers fit the machine", "kernel returns"} | proof.claims <= reached
    theorem(f"{proof.name}: accesses in bounds", found.accesses, scope=proof.limits)
    theorem(f"{proof.name}: no two threads write one word", found.races, scope=proof.limits)


def check_refutes(proof: KernelProof, mutant: Mutant, theorem: Callable[..., None]) -> None:
    """Assert that a claim about the kernel fails with the mutant, and record it."""
    found = decide_mutant(proof, mutant)
    outcome = found.accesses if found.races is None else found.races
    assert outcome.status is Status.VIOLATED, outcome.reason
    assert not outcome.reason.startswith("raises"), outcome.reason
    theorem(f"{proof.name} with the mutant '{mutant.name}'", outcome, scope=proof.limits)
