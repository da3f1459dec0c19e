"""What ties the plan of a step to the turns that the theorems speak of; on numbers and on symbols."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.engines.fastdeploy.ledger import Ledger
from schedproof.engines.fastdeploy.loop import StepPlan
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.engines.fastdeploy.turns import (
    Abort,
    Preemption,
    Queues,
    Skip,
    Visit,
    count_decode,
    count_reserved,
    next_turn,
    open_step,
)

OPENED = "the step is opened with what the queues say"
CHAINED = "each turn begins with the ledger that the one before left"
TAKEN = "each turn is the one that comes next"
ENDED = "the plan ends with the last turn's ledger"
OVER = "no turn comes after the last"
SORTED = "visits, preemptions, aborts and skips are the turns of their kind"
LEFT = "the decodes without a visit are those that no turn was about"

Check = tuple[str, Callable[[], bool]]


def checks_of(plan: StepPlan, config: ServingConfig, policy: Policy) -> Iterator[Check]:
    """Yield what has to hold of a plan: each change of its ledger is one turn, and it lists what the turns did."""
    queues, turns = plan.queues, plan.turns
    yield OPENED, lambda: plan.opened == opened(queues, config, policy)
    befores, afters = [turn.before for turn in turns], [turn.after for turn in turns]
    yield CHAINED, lambda: are_same(befores, [plan.opened, *afters][: len(turns)])
    for turn in turns:
        yield TAKEN, lambda turn=turn: next_turn(turn.before, queues, config, policy) == turn  # type: ignore[misc]
    yield ENDED, lambda: plan.final is [plan.opened, *afters][-1]
    yield OVER, lambda: next_turn(plan.final, queues, config, policy) is None
    yield SORTED, lambda: are_same(plan.visits, [turn for turn in turns if isinstance(turn, Visit)])
    for kind, listed in ((Preemption, plan.preempted), (Abort, plan.aborted), (Skip, plan.skipped)):
        of_kind = [turn.request for turn in turns if isinstance(turn, kind)]
        yield SORTED, lambda of_kind=of_kind, listed=listed: are_same(listed, of_kind)  # type: ignore[misc]
    met = [turn.request for turn in turns]
    left = [request for request in queues.running if all(request is not each for each in met)]
    live = [request for request in left if request.is_decoding and config.runs_decode]
    yield LEFT, lambda: are_same(plan.unvisited_decodes, live)


def opened(queues: Queues, config: ServingConfig, policy: Policy) -> Ledger:
    """Return the ledger before the first turn."""
    num_decoding, num_reserved = 0, 0
    for request in queues.running:
        num_decoding = count_decode(num_decoding, request, config)
        num_reserved = count_reserved(num_reserved, request, config, policy)
    return open_step(
        config,
        policy,
        num_decoding=num_decoding,
        num_reserved=num_reserved,
        num_free_blocks=queues.num_free_blocks,
        num_slots_used=len(queues.running) + queues.num_held_slots,
        num_running=len(queues.running),
        num_waiting=len(queues.waiting),
    )


def are_same(some: object, others: object) -> bool:
    """Return whether two sequences hold the same objects in the same order."""
    return [id(each) for each in some] == [id(each) for each in others]  # type: ignore[attr-defined]
