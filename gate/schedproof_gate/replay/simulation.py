"""Drives an engine with a trace, on a modelled clock, and checks every step."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from schedproof import Ending, Launch, Phase, RequestRefusedError, StepOutcome
from schedproof.engines.fastdeploy.life.places import Place
from schedproof_gate.replay.acceptance import Acceptance
from schedproof_gate.replay.checks import NO_STANDSTILL, Check, CompletedStep
from schedproof_gate.replay.nodes import Node, RefusedForNowError, Transfer
from schedproof_gate.replay.standstill import Standstill
from schedproof_gate.replay.workloads.arrival import Arrival
from schedproof_spec.states.runs import RunStep


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedStep:
    """One step of a replay. Times are in microseconds since the first arrival, or how long something took."""

    index: int
    start_us: int
    end_us: int
    launch: Launch
    outcome: StepOutcome
    num_free_blocks: int
    """KV blocks in no table while the step runs."""
    num_owned_blocks: int
    """KV blocks in at least one table while the step runs."""
    num_waiting: int
    """Requests without a slot while the step runs."""
    oldest_wait_us: int
    """How long the request that has waited longest for its first step has waited when the step begins."""
    queueing_us: tuple[int, ...]
    """From arrival to the first step, or to the slot on a decode node, for each request that got there."""
    first_token_us: tuple[int, ...]
    """From arrival to the first token, for each request that got there."""
    broken: tuple[str, ...]
    """Invariants that the step violates."""


class Simulation:
    """An engine, its clock, and what is on its way to it."""

    def __init__(
        self, node: Node, arrivals: Iterable[tuple[int, Arrival]], acceptance: Acceptance, checks: tuple[Check, ...]
    ) -> None:
        self.node = node
        self.engine = node.engine
        self.acceptance = acceptance
        self.checks = checks
        self.now_us = 0
        self.num_refused = 0
        self.num_ended = dict.fromkeys(Ending, 0)
        self._arrivals = iter(arrivals)
        self._next = next(self._arrivals, None)
        self._outside: deque[tuple[int, Arrival]] = deque()
        self._transfers: list[Transfer] = []
        self._unstarted: dict[str, int] = {}
        self._tokenless: dict[str, int] = {}
        self._started_us: list[int] = []
        self._standstill = Standstill()

    @property
    def num_unfinished(self) -> int:
        """Requests that have arrived, were not refused and have not ended."""
        return len(self._outside) + len(self.engine.places.place_of)

    @property
    def num_done(self) -> int:
        """Requests that have ended or were refused."""
        return self.num_refused + sum(self.num_ended.values())

    def steps(self) -> Iterator[SimulatedStep]:
        """Yield every step until all requests have ended, or until nothing can move any more."""
        index = 0
        while True:
            self._let_in()
            if self.node.can_step:
                step, stands_still = self._step(index)
                yield step
                index += 1
                if not stands_still:
                    continue
            next_us = self._next_event_us()
            if next_us is None:
                return
            self.now_us = max(self.now_us, next_us)

    def _let_in(self) -> None:
        while self._transfers and self._transfers[0][0] <= self.now_us:
            _, request_id = heapq.heappop(self._transfers)
            if self.node.finish_transfer(request_id):
                self._standstill.reset()
                if request_id not in self.engine.places.place_of:
                    self._forget(request_id, Ending.HANDED_OVER)
        while self._next is not None and self._next[0] <= self.now_us:
            self._outside.append(self._next)
            self._next = next(self._arrivals, None)
        while self._outside and self._enters(*self._outside[0]):
            self._outside.popleft()

    def _enters(self, arrival_us: int, arrival: Arrival) -> bool:
        try:
            transfer = self.node.let_in(arrival, self.now_us)
        except RefusedForNowError:
            return False
        except RequestRefusedError:
            self.num_refused += 1
            return True
        self._standstill.reset()
        if transfer is None:
            self._unstarted[arrival.request_id] = arrival_us
            self._tokenless[arrival.request_id] = arrival_us
        else:
            heapq.heappush(self._transfers, transfer)
            self._started_us.append(self.now_us - arrival_us)
        return True

    def _next_event_us(self) -> int | None:
        times = [event[0] for event in (self._next, *self._transfers[:1]) if event is not None]
        return min(times, default=None)

    def _step(self, index: int) -> tuple[SimulatedStep, bool]:
        """Run one step; also returns whether the engine stands still until something arrives from outside."""
        engine, start_us = self.engine, self.now_us
        before = dict(engine.requests)
        launch = engine.schedule()
        launched = dict(engine.requests)
        oldest_us = min(
            (*islice(self._unstarted.values(), 1), *(us for us, _ in islice(self._outside, 1))), default=start_us
        )
        queueing_us = self._queueing_us(launch)
        num_free_blocks = engine.pool.num_free_blocks
        num_owned_blocks = engine.pool.num_blocks - engine.pool.num_holders.count(0)
        num_waiting = len(engine.places[Place.WAITING]) + len(self._outside)
        self.now_us += self.node.step_time.step_us(launch.num_tokens)
        outcome = engine.complete(self.acceptance.accepted_drafts)
        outcome = replace(outcome, ended={**outcome.ended, **engine.acknowledge()})
        for transfer in self.node.transfers_after(outcome, self.now_us):
            heapq.heappush(self._transfers, transfer)
        first_token_us = self._first_token_us(outcome)
        for request_id, ending in outcome.ended.items():
            self._forget(request_id, ending)
        stands_still = self._stands_still(outcome)
        run_step = RunStep(
            config=engine.config, before=before, launched=launched, after=dict(engine.requests), outcome=outcome
        )
        done = CompletedStep(index=index, engine=engine, step=run_step)
        broken = [check.name for check in self.checks if not check.holds(done)]
        if stands_still and not self._transfers:
            broken.append(NO_STANDSTILL)
        step = SimulatedStep(
            index=index,
            start_us=start_us,
            end_us=self.now_us,
            launch=launch,
            outcome=outcome,
            num_free_blocks=num_free_blocks,
            num_owned_blocks=num_owned_blocks,
            num_waiting=num_waiting,
            oldest_wait_us=start_us - oldest_us,
            queueing_us=queueing_us,
            first_token_us=first_token_us,
            broken=tuple(broken),
        )
        return step, stands_still

    def _queueing_us(self, launch: Launch) -> tuple[int, ...]:
        found, self._started_us = self._started_us, []
        if self._unstarted:
            for visit in launch.plan.visits:
                if visit.phase is not Phase.DECODE and visit.grant.num_tokens > 0:
                    arrival_us = self._unstarted.pop(visit.request.request_id, None)
                    if arrival_us is not None:
                        found.append(self.now_us - arrival_us)
        return tuple(found)

    def _first_token_us(self, outcome: StepOutcome) -> tuple[int, ...]:
        if not self._tokenless:
            return ()
        arrivals = (self._tokenless.pop(request_id, None) for request_id in outcome.num_produced)
        return tuple(self.now_us - arrival_us for arrival_us in arrivals if arrival_us is not None)

    def _stands_still(self, outcome: StepOutcome) -> bool:
        """Return whether the engine would do the same again; while its reserve shrinks, it may yet admit.

        FastDeploy's reserve shrinks only in steps that have a task for the worker.
        """
        if outcome.num_produced or outcome.ended:
            self._standstill.reset()
            return False
        plan, engine = outcome.launch.plan, self.engine
        queues = plan.queues
        has_reserve = queues.num_reserved_blocks_per_seq > engine.reserve.minimum_blocks
        if queues.ratio_reserve is not None:
            has_reserve = queues.ratio_reserve.ratio > queues.ratio_reserve.settings.minimum
        reserve_shrinks = has_reserve and (plan.has_tasks or not engine.policy.relaxes_reserve)
        is_reserved = bool(queues.running) or queues.num_held_slots > 0
        wants_blocks = bool(queues.waiting) or bool(self._outside)
        may_yet_admit = reserve_shrinks and is_reserved and wants_blocks
        return self._standstill.has_come_back(queues) and not may_yet_admit

    def _forget(self, request_id: str, ending: Ending) -> None:
        self.num_ended[ending] += 1
        self.acceptance.forget(request_id)
        self._unstarted.pop(request_id, None)
        self._tokenless.pop(request_id, None)
