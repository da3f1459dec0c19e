"""Decides every rule for a person's step loop: proved for every state, or broken by a run from an empty engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from schedproof.step_loop import StepLoop
from schedproof_spec.prover.context import Context, RecordingContext
from schedproof_spec.prover.prove import failures_in, search
from schedproof_spec.prover.subset.loops import loop_problem, read_loop
from schedproof_spec.prover.verdict import Status, by_second
from schedproof_spec.prover.walk import LimitReached
from schedproof_spec.states.asked_loop import AskedLoop, LedgerTypeError
from schedproof_spec.states.loop_runs import BLOCK_SIZES, LoopRun
from schedproof_spec.theorems.loops import FAILS, LOOP_RULES, NEEDED, induction
from schedproof_spec.verdicts.inductive import Induction, OpenClaim, prove_together
from schedproof_spec.verdicts.loop_runs import FoundRuns, find_runs
from schedproof_spec.verdicts.loop_text import LoopReplay, replay

SCOPE = "every limit, any number of requests and steps"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopVerdict:
    """What is known about one rule under a loop."""

    rule: str
    status: Status
    message: str
    """Of what it is held, or why it is not."""
    run: LoopRun | None = None
    """The smallest run found that breaks it, replayed on numbers."""
    lines: tuple[str, ...] = ()
    """What the run does; without a run, a point of a step from which the proof does not go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopDecision:
    """The verdicts on a loop, in the order of the rules."""

    verdicts: tuple[LoopVerdict, ...]
    reached: frozenset[str] = frozenset()
    """Claims and covers that some state of the induction gets to."""
    num_paths: int = 0
    solver_ms: float = 0.0

    def of(self, rule: str) -> LoopVerdict:
        """Return the verdict on a rule."""
        return next(verdict for verdict in self.verdicts if verdict.rule == rule)


def decide_loop(loop: StepLoop[Any, Any]) -> LoopDecision:
    """Decide every rule; nothing of the loop runs before all of it was read. Nothing is remembered."""
    refusal = refusal_of_loop(loop)
    if refusal is not None:
        return alike(Status.UNDECIDED, f"the prover cannot follow: {refusal}", Induction())
    asked = AskedLoop(loop, read_loop(loop))
    proof = prove_together(asked)
    if proof.refusal is not None:
        return alike(Status.UNDECIDED, proof.refusal, proof)
    if not proof.reached and not proof.open:
        return alike(Status.VACUOUS, "`accepts` returns True for no limits at all", proof)
    roots = frozenset(rule for rule, claim in proof.open.items() if not claim.lacks)
    found = find_runs(asked, roots, frozenset(proof.open) - roots)
    verdicts = tuple(verdict_on(rule, asked, proof, found) for rule in LOOP_RULES)
    return LoopDecision(
        verdicts=verdicts, reached=proof.reached, num_paths=proof.num_paths, solver_ms=proof.solver_ms
    )


def refusal_of_loop(loop: StepLoop[Any, Any]) -> str | None:
    """Return what keeps a loop from being read, with its place; None for one that can be decided."""
    return loop_problem(loop) or read_loop(loop).refusal


def replay_loop(loop: StepLoop[Any, Any], run: LoopRun) -> LoopReplay:
    """Run a loop that can be read on numbers, and return what it does and which rules it breaks.

    Raises:
        ValueError: it does not start with these limits, its ledger cannot be used, or a method meets a limit.
    """
    asked = AskedLoop(loop, read_loop(loop))
    try:
        return replay(run, asked)
    except (LedgerTypeError, LimitReached) as error:
        raise ValueError(str(error)) from None


def alike(status: Status, message: str, proof: Induction) -> LoopDecision:
    """Return the same verdict on every rule."""
    verdicts = tuple(LoopVerdict(rule=rule, status=status, message=message) for rule in LOOP_RULES)
    return LoopDecision(
        verdicts=verdicts, reached=proof.reached, num_paths=proof.num_paths, solver_ms=proof.solver_ms
    )


def verdict_on(rule: str, loop: AskedLoop, proof: Induction, found: FoundRuns) -> LoopVerdict:
    """Return what is known about one rule."""
    if rule in found.runs:
        run = found.runs[rule]
        lines = replay(run, loop, rule).lines
        return LoopVerdict(
            rule=rule, status=Status.VIOLATED, message=LOOP_RULES[rule].sentence, run=run, lines=lines
        )
    if rule in proof.open:
        return undecided(proof.open[rule], loop, found)
    missing = [kind for kind in NEEDED if kind not in proof.reached]
    if rule not in proof.proved or missing:
        why = f"there is no state in which {missing[0]}" if missing else "no step can be opened"
        return LoopVerdict(rule=rule, status=Status.VACUOUS, message=f"{why}, so that nothing is said")
    message = "; ".join(filter(None, (SCOPE, by_second(proof.settled_by))))
    return LoopVerdict(rule=rule, status=Status.HELD, message=message)


def undecided(claim: OpenClaim, loop: AskedLoop, found: FoundRuns) -> LoopVerdict:
    """Return the verdict on a rule that has neither a proof nor a run, with a point at which the proof ends."""
    broken = sorted(claim.lacks & found.runs.keys())
    lines: tuple[str, ...] = ()
    if not claim.is_refuted:
        why = f"the solver gives up on it where {claim.place}"
    elif broken:
        why = f"the proof rests on {', '.join(broken)}, which {'is' if len(broken) == 1 else 'are'} violated"
    elif claim.rule == FAILS:
        why = f"from some ledger that `holds` allows, {claim.place}"
        lines = open_point(claim, loop)
    else:
        why = f"the induction cannot show it where {claim.place}; `holds` may say too little about the ledger"
        lines = open_point(claim, loop)
    message = f"no proof, and no run found that breaks it ({found.bound}): {why}"
    return LoopVerdict(rule=claim.rule, status=Status.UNDECIDED, message=message, lines=lines)


class OneClaim:
    """A context that claims one thing and leaves the others alone, with numbers for some of what is drawn."""

    def __init__(self, context: Context, label: str, given: Mapping[str, int]) -> None:
        self._context = context
        self._label = label
        self._given = given

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def integer(self, name: str, low: int | None = None, high: int | None = None) -> Any:
        """See `Context`."""
        number = self._context.integer(name, low, high)
        if name in self._given:
            self._context.assume(number == self._given[name])
        return number

    def prove(self, label: str, condition: Any) -> None:
        """See `Context`."""
        if label == self._label:
            self._context.prove(label, condition)


EASY_LIMITS = tuple({"limits.block_size": BLOCK_SIZES[0], "limits.tokens_per_seq": tokens} for tokens in (1, 2))
"""Where a point is looked for that shows where a proof ends: numbers that others are multiplied with."""


def open_point(claim: OpenClaim, loop: AskedLoop) -> tuple[str, ...]:
    """Return the smallest point of a step that `holds` allows and whose turn breaks a claim, in lines; or none."""
    for given in EASY_LIMITS:

        def theorem(ctx: Context, given: Mapping[str, int] = given) -> None:
            induction(OneClaim(ctx, claim.label, given), loop, claim.assumed)

        found = search(theorem)
        if found.values is not None:
            return point_text(found.values, theorem)
    return ()


def point_text(values: dict[str, int], theorem: Callable[[Context], None]) -> tuple[str, ...]:
    """Return what a theorem draws at a point, a line for each part."""
    recorded = RecordingContext(values)
    failures_in(theorem, recorded)
    parts: dict[str, list[str]] = {}
    for name in recorded.drawn:
        owner, dot, field = name.partition(".")
        if name not in ("part", "num_kept_tokens"):
            parts.setdefault(owner if dot else "step", []).append(f"{field or owner} {values[name]}")
    return tuple(f"{owner}: {', '.join(values)}" for owner, values in parts.items())
