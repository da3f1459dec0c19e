"""Runs of the reference engine from an empty start: the engine's own code, on numbers or on symbols."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from schedproof.engines.fastdeploy.config import Role, ServingConfig
from schedproof.engines.fastdeploy.life.engine import Engine
from schedproof.engines.fastdeploy.life.job import RequestRefusedError
from schedproof.engines.fastdeploy.life.outcome import StepOutcome
from schedproof.engines.fastdeploy.life.places import Place
from schedproof.engines.fastdeploy.loop import StepPlan
from schedproof.engines.fastdeploy.rules.output_reserve import OutputReserve
from schedproof.request import MultimodalItem, Request

NO_RESERVE = OutputReserve(initial_blocks=0)
"""No free blocks are kept back, so that nothing but the rules under proof stops an admission."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A request of a run, or several that are alike."""

    request_id: str
    num_prompt_tokens: int
    max_new_tokens: int
    items: tuple[MultimodalItem, ...] = ()
    before_step: int = 1
    """The step that is the first to find it; on a decode node its cache has arrived by then."""
    times: int = 1
    """How many requests alike arrive at once."""

    @property
    def names(self) -> tuple[str, ...]:
        """The id of each request."""
        if self.times == 1:
            return (self.request_id,)
        return tuple(f"{self.request_id}[{number}]" for number in range(1, self.times + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStep:
    """One step of a run, and the requests around it."""

    config: ServingConfig
    before: Mapping[str, Request]
    launched: Mapping[str, Request]
    """As the worker finds them: with the blocks that the plan gave them."""
    after: Mapping[str, Request]
    outcome: StepOutcome

    @property
    def plan(self) -> StepPlan:
        """What was scheduled."""
        return self.outcome.launch.plan


AcceptedAt = Callable[[int, str], int]
"""How many drafts are accepted in a step, by its number from 1, for a request."""


def run_engine(
    engine: Engine, arrivals: Sequence[Arrival], num_steps: int, accepted_at: AcceptedAt
) -> Iterator[RunStep]:
    """Let requests arrive at an engine, run steps, and yield each.

    The worker acknowledges at once what left the batch. A prefill node hands a request over one step after its
    prefill, when the transfer is done.
    """
    for number in range(1, num_steps + 1):
        for arrival in arrivals:
            if arrival.before_step == number:
                let_arrive(engine, arrival)
        before = dict(engine.requests)
        prefilled = () if engine.config.runs_decode else prefilled_requests(engine)
        engine.schedule()
        launched = dict(engine.requests)
        outcome = engine.complete(lambda request_id, number=number: accepted_at(number, request_id))  # type: ignore[misc]
        engine.acknowledge()
        for name in prefilled:
            engine.hand_over(name)
        yield RunStep(
            config=engine.config, before=before, launched=launched, after=dict(engine.requests), outcome=outcome
        )


def let_arrive(engine: Engine, arrival: Arrival) -> None:
    """Let requests arrive as they do on this node; one that the engine refuses stays outside."""
    for name in arrival.names:
        sizes = arrival.num_prompt_tokens, arrival.max_new_tokens
        try:
            if engine.config.role == Role.MIXED:
                engine.add_request(name, *sizes, items=arrival.items)
            elif engine.preallocate(name, *sizes, arrival.items) and engine.config.role == Role.DECODE:
                engine.receive(name)
        except RequestRefusedError:
            return


def prefilled_requests(engine: Engine) -> tuple[str, ...]:
    """Return the requests that wait for their hand-over."""
    return tuple(name for name in engine.places[Place.RUNNING] if engine.requests[name].is_decoding)
