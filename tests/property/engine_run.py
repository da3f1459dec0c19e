"""A random run of one engine: every event, in any order, and what has to hold after each.

A run ends by letting the engine finish what it has; under the reference policy each step of that brings the oldest
request closer to its end.
"""

from __future__ import annotations

from collections import Counter
from itertools import count
from typing import ClassVar

import pytest
from engine_checks import (
    check_engine,
    check_idle,
    check_requests,
    has_room,
    num_out_of_reach,
    num_preallocated,
    num_slots_held,
    oldest,
    rank,
)
from engine_mistakes import known, mistakes
from engine_strategies import (
    MOST_ARRIVALS,
    Sizes,
    engine_configs,
    numbers_of_drafts,
    of_machine,
    reserves,
    several_sizes,
)
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from proved import proved

from schedproof import (
    REFERENCE,
    Ending,
    Engine,
    Launch,
    Phase,
    Policy,
    Queues,
    Request,
    Role,
    ServingConfig,
    StepOutcome,
)
from schedproof.engines.fastdeploy.life.places import Place
from schedproof.engines.fastdeploy.rules.launch_forecast import no_forecast
from schedproof.engines.fastdeploy.rules.output_reserve import (
    OutputReserve,
    ReserveState,
    reserved_blocks_per_seq,
)
from schedproof_spec import INVARIANTS
from schedproof_spec.states.runs import RunStep

NAMES = "abcdefghijklmnop"
"""The requests of a run, in order."""

AT_ONCE = ("progress",)
"""Rules of runs in which the worker acknowledges at once what left the batch; here it takes its time."""


class EngineRun(RuleBasedStateMachine):
    """One engine, and what a person who watches it from outside knows."""

    policy: ClassVar[Policy] = REFERENCE
    role: ClassVar[Role] = Role.MIXED
    seen: ClassVar[Counter[str]]
    """How often each situation occurred, over all runs."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = count()
        self.sizes: dict[str, Sizes] = {}
        self.arrivals: dict[str, int] = {}
        self.generated: dict[str, int] = {}
        self.prefilled: set[str] = set()
        self.content: dict[int, str] = {}
        """What each KV block was filled with, for the blocks of a prompt that has a hash."""
        self.ended: dict[str, Ending] = {}
        self.has_preempted = False
        self.found: dict[str, Request] = {}
        """The requests before the launched step, and as it was launched."""
        self.launched_with: dict[str, Request] = {}
        self.aborted: set[str] = set()

    @initialize(data=st.data(), reserve=reserves())
    def start(self, data: st.DataObject, reserve: OutputReserve) -> None:
        self.config: ServingConfig = data.draw(engine_configs(self.policy, self.role), label="config")
        self.engine = Engine(self.config, self.policy, reserve=reserve)
        self.reserve = reserve
        assert self.engine.last_preempted_idx == [0] * self.config.tensor_parallel_size
        self._check_reserve(num_steps=0)
        enter = self.arrive if self.role is Role.MIXED else self.preallocate
        enter(data.draw(several_sizes(self.config), label="arriving"))
        self.receive_all()

    # Arrival

    def is_open(self) -> bool:
        return len(self.sizes) + MOST_ARRIVALS <= len(NAMES)

    @precondition(lambda self: self.is_open() and self.role is not Role.DECODE)
    @rule(arriving=st.runner().flatmap(lambda self: several_sizes(self.config)))
    def arrive(self, arriving: list[Sizes]) -> None:
        for size in arriving:
            name = NAMES[len(self.sizes)]
            self.engine.add_request(name, size.prompt, size.new, items=size.items, block_hashes=size.block_hashes)
            self._note_arrival(name, size)

    @precondition(lambda self: self.is_open() and self.role is not Role.MIXED)
    @rule(arriving=st.runner().flatmap(lambda self: several_sizes(self.config)))
    def preallocate(self, arriving: list[Sizes]) -> None:
        for size in arriving:
            self._preallocate(size)

    def _preallocate(self, size: Sizes) -> None:
        if self.role is Role.DECODE and self._max_total(size) == size.prompt + 1:
            return
        num_blocks = num_preallocated(size.prompt, self.config, self.policy)
        if num_blocks > self.engine.pool.num_blocks:
            with pytest.raises(ValueError, match="and the pool has"):
                self.engine.preallocate(NAMES[len(self.sizes)], size.prompt, size.new, size.items)
            return
        room, is_alone = has_room(self.engine, num_blocks), num_slots_held(self.engine) == 0
        num_free = self.engine.pool.num_free_blocks
        name = NAMES[len(self.sizes)]
        taken = self.engine.preallocate(name, size.prompt, size.new, size.items)
        if self.policy is REFERENCE:
            assert room or not taken
            assert taken or not room or (self.role is Role.DECODE and not is_alone)
        self._see("preallocation refused", not taken)
        if taken:
            assert self.engine.pool.num_free_blocks == num_free - num_blocks
            self._forget_content(name, 0)
            self._note_arrival(name, Sizes(size.prompt, size.new, size.items))

    def _note_arrival(self, name: str, size: Sizes) -> None:
        self.sizes[name] = size
        self.arrivals[name] = next(self.clock)
        self.generated[name] = 0

    def _max_total(self, size: Sizes) -> int:
        return min(size.prompt + size.new, self.config.max_model_len)

    # One step

    def is_launched(self) -> bool:
        return self.engine.launched is not None

    @precondition(lambda self: not self.is_launched())
    @rule()
    def schedule(self) -> None:
        engine = self.engine
        queues = engine.queues()
        assert engine.queues() == queues
        self.found = dict(engine.requests)
        assert len(queues.running) + queues.num_held_slots == num_slots_held(engine), "a slot is not counted"
        before = {name: len(table) for name, table in engine.pool.tables.items()}
        launch = engine.schedule()
        self._check_plan(queues, launch)
        self.has_preempted = self.has_preempted or bool(launch.plan.preempted)
        self._check_reserve(0 if launch.plan.preempted else self.num_steps + 1)
        self.launched_with = dict(engine.requests)
        for visit in launch.plan.visits:
            name = visit.request.request_id
            is_admission = visit.phase is Phase.ADMISSION
            num_kept = visit.request.num_blocks if is_admission else before[name]
            if is_admission:
                self._check_shared(name, num_kept)
                assert visit.request.num_computed_tokens == num_kept * self.config.block_size
            self._forget_content(name, num_kept)
        self._note_situations(launch)
        num_preempted = len(launch.plan.preempted)
        assert engine.last_preempted_idx == [num_preempted] * self.config.tensor_parallel_size

    def _note_situations(self, launch: Launch) -> None:
        plan, engine = launch.plan, self.engine
        admitted = [visit.request for visit in plan.visits if visit.phase is Phase.ADMISSION]
        num_free_hits = sum(request.num_free_cached_blocks for request in admitted)
        self._see("preempted", plan.preempted)
        self._see("several preempted", len(plan.preempted) > 1)
        self._see("preempted with shared blocks", any(request.num_shared_blocks for request in plan.preempted))
        self._see("prefix hit", any(request.num_blocks for request in admitted))
        self._see("prefix hit on freed blocks", num_free_hits)
        self._see("two hit one free block", engine.pool.num_free_blocks > plan.final.num_free_blocks)
        self._see("resumed", any(self.generated[request.request_id] for request in admitted))
        self._see("resumed from the cache", any(self.generated[r.request_id] and r.num_blocks for r in admitted))
        self._see("chunked", any(0 < v.grant.num_tokens < v.request.num_prefill_tokens_left for v in plan.visits))
        self._see("launched on a forecast", engine.forecast != no_forecast() and launch.num_tokens > 0)

    def _check_plan(self, queues: Queues, launch: Launch) -> None:
        plan, config = launch.plan, self.config
        assert launch.num_tokens == plan.num_tokens(config)
        batch = plan.batch(config)
        assert launch.num_tokens == sum(entry.num_tokens for entry in batch)
        assert all(entry.num_tokens != 0 for entry in batch), "a request is in the batch and runs nothing"
        num_new_blocks = sum(visit.grant.num_new_blocks for visit in plan.visits)
        assert sum(entry.num_new_blocks for entry in batch) == num_new_blocks
        assert plan.num_chunks == len([visit for visit in plan.visits if visit.phase is not Phase.DECODE])
        assert launch.launch_tokens >= launch.num_tokens, "launched with too few tokens"
        if all(visit.phase is Phase.DECODE for visit in plan.visits):
            assert launch.launch_tokens == launch.num_tokens, "a pure decode step is launched with too many tokens"
        num_shared_now = sum(visit.request.num_free_cached_blocks for visit in plan.visits)
        num_free = self.engine.pool.num_free_blocks
        assert plan.final.num_free_blocks <= num_free, "the plan frees blocks that others hold"
        leaving = (*plan.aborted, *plan.preempted) if plan.aborted else ()
        num_shared_before = sum(request.num_shared_blocks for request in leaving)
        assert num_free <= plan.final.num_free_blocks + num_shared_now + num_shared_before
        if self.policy is REFERENCE and len(plan.preempted) == len(queues.running) > 0:
            assert num_out_of_reach(self.engine) > 0, "the oldest is preempted, and could have had its blocks"

    def _check_reserve(self, num_steps: int) -> None:
        """The reserve is as large as it is this many steps after the start or a preemption.

        Published versions reserve nothing before the first preemption.
        """
        self.num_steps = num_steps
        reserved = self.engine.queues().num_reserved_blocks_per_seq
        if self.policy.relaxes_reserve:
            assert 0 <= reserved <= (self.reserve.initial_blocks if self.has_preempted else 0)
        else:
            assert reserved == reserved_blocks_per_seq(self.reserve, ReserveState(num_steps=num_steps))

    def _check_shared(self, name: str, num_shared: int) -> None:
        table = self.engine.pool.tables[name]
        hashes = self.sizes[name].block_hashes
        found = [self.content.get(block_id) for block_id in table[:num_shared]]
        assert found == list(hashes[:num_shared]), "a shared block does not hold this prompt"
        assert not any(
            item.start < num_shared * self.config.block_size < item.end for item in self.sizes[name].items
        )

    def _forget_content(self, name: str, num_kept: int) -> None:
        for block_id in self.engine.pool.tables[name][num_kept:]:
            self.content.pop(block_id, None)

    @precondition(lambda self: self.is_launched())
    @rule(accepted=numbers_of_drafts())
    def complete(self, accepted: list[int]) -> None:
        tables = {name: list(self.engine.pool.tables[name]) for name in self.engine.places[Place.RUNNING]}
        drafts = self._drafts(accepted)
        served = self._num_served(drafts)
        outcome = self.engine.complete(drafts.__getitem__)
        if self.policy is REFERENCE:
            assert outcome.num_produced == served, "a decode was not served"
        self._check_rules(outcome)
        self._note_content(outcome, tables)
        self._note_outcome(outcome)

    def _check_rules(self, outcome: StepOutcome) -> None:
        """What the prover found for the policy holds of the step."""
        step = RunStep(
            config=self.config,
            before=self.found,
            launched=self.launched_with,
            after=dict(self.engine.requests),
            outcome=outcome,
        )
        for name, entry in proved(self.policy.name).items():
            on_run = INVARIANTS[name].on_run
            if entry["status"] == "held" and on_run is not None and name not in AT_ONCE:
                assert not INVARIANTS[name].applies(self.config) or on_run(step, self.policy), name

    @precondition(lambda self: not self.is_launched())
    @rule(times=st.integers(1, 6), accepted=numbers_of_drafts(), late=st.booleans())
    def steps(self, times: int, accepted: list[int], late: bool) -> None:
        """Run several steps; a late acknowledgement comes with a later event."""
        for _ in range(times):
            self.schedule()
            self.complete(accepted)
            if not late:
                self.acknowledge()

    def _drafts(self, accepted: list[int]) -> dict[str, int]:
        slots = self.engine.places[Place.RUNNING]
        most = self.config.tokens_per_seq - 1
        drafts = dict.fromkeys(slots, 0) | dict(zip(slots, accepted, strict=False))
        return {name: min(number, most) for name, number in drafts.items()}

    def _num_served(self, drafts: dict[str, int]) -> dict[str, int]:
        """Return what each slot produces if every decode is served: up to its end, a first token alone."""
        served = {}
        for name in self.engine.places[Place.RUNNING]:
            request = self.engine.requests[name]
            num_left = self._max_total(self.sizes[name]) - request.num_total_tokens
            if request.num_computed_tokens == request.num_total_tokens:
                served[name] = 1
            elif request.is_decoding and self.role is not Role.PREFILL:
                served[name] = min(drafts[name] + 1, num_left)
        return served

    def _see(self, situation: str, occurs: object) -> None:
        self.seen[situation] += bool(occurs)

    def _note_content(self, outcome: StepOutcome, tables: dict[str, list[int]]) -> None:
        """A prompt's blocks are filled once it is prefilled."""
        for name in outcome.num_produced.keys() - self.prefilled:
            for block_hash, block_id in zip(self.sizes[name].block_hashes, tables[name], strict=False):
                assert self.content.setdefault(block_id, block_hash) == block_hash
            self.prefilled.add(name)

    def _note_outcome(self, outcome: StepOutcome) -> None:
        engine, config = self.engine, self.config
        for name, num_tokens in outcome.num_produced.items():
            size = self.sizes[name]
            self.generated[name] += num_tokens
            total = size.prompt + self.generated[name]
            assert 1 <= num_tokens <= max(config.tokens_per_seq, 1)
            assert total <= self._max_total(size), "generated past the limit"
            self._see("all drafts accepted", num_tokens == config.tokens_per_seq > 1)
            self._see("no draft accepted", num_tokens == 1 < config.tokens_per_seq)
            assert (outcome.ended.get(name) is Ending.FINISHED) == (total == self._max_total(size))
            if name in engine.requests:
                assert engine.requests[name].num_total_tokens == total
        self._note_ended(outcome.ended)
        assert outcome.sending_ranks == (0,), "rank 0 alone sends"
        assert engine.last_preempted_idx == [0] * config.tensor_parallel_size, "a rank skipped its reset"

    def _note_ended(self, ended: dict[str, Ending]) -> None:
        assert self.ended.keys().isdisjoint(ended)
        self.ended |= ended
        for name in ended:
            assert name not in self.engine.requests
            self._see(str(ended[name]), True)

    @precondition(lambda self: not self.is_launched())
    @rule()
    def acknowledge(self) -> None:
        preempted = set(self.engine.places[Place.PREEMPTED])
        aborting = set(self.engine.places[Place.ABORTING])
        ended = self.engine.acknowledge()
        dropped = preempted if self.role is Role.DECODE else set()
        assert ended == dict.fromkeys(dropped, Ending.DROPPED) | dict.fromkeys(aborting, Ending.ABORTED)
        assert aborting <= self.aborted
        self.prefilled -= preempted
        self._note_ended(ended)

    # Departure

    def here(self) -> list[str]:
        return sorted(self.engine.requests)

    def alive(self) -> list[str]:
        return [name for name in self.here() if self.engine.places.place_of[name] is not Place.ABORTING]

    @precondition(lambda self: self.alive())
    @rule(name=of_machine(lambda self: self.alive()))
    def abort(self, name: str) -> None:
        place = self.engine.places.place_of[name]
        blocks = list(self.engine.pool.tables[name])
        self._see(f"aborted while {place}", True)
        self._see("aborted while launched", self.is_launched() and place is Place.RUNNING)
        self.engine.abort(name)
        self.aborted.add(name)
        if self.policy.aborts_when_visited and place is not Place.RECEIVING:
            assert self.engine.requests[name].is_aborted
            assert self.engine.places.place_of[name] is place
        elif place is Place.WAITING:
            self._note_ended({name: Ending.ABORTED})
        else:
            assert self.engine.places.place_of[name] is Place.ABORTING
            assert self.engine.pool.tables[name] == blocks, "freed before the worker acknowledged"

    def awaiting_hand_over(self) -> list[str]:
        if self.role is not Role.PREFILL:
            return []
        return [name for name in self.engine.places[Place.RUNNING] if name in self.prefilled]

    @precondition(lambda self: not self.is_launched() and self.awaiting_hand_over())
    @rule(name=of_machine(lambda self: self.awaiting_hand_over()))
    def hand_over(self, name: str) -> None:
        assert self.policy.counts_prefilled or self.generated[name] == 1, "a first token was generated again"
        self.engine.hand_over(name)
        self._note_ended({name: Ending.HANDED_OVER})

    def receiving(self) -> list[str]:
        return list(self.engine.places[Place.RECEIVING])

    @precondition(lambda self: not self.is_launched() and self.receiving())
    @rule(name=of_machine(lambda self: self.receiving()))
    def receive(self, name: str) -> None:
        self.engine.receive(name)
        self.arrivals[name] = next(self.clock)
        self.generated[name] = 1
        self.prefilled.add(name)

    @precondition(lambda self: not self.is_launched() and self.receiving())
    @rule()
    def receive_all(self) -> None:
        for name in self.receiving():
            self.receive(name)

    # Mistakes

    @rule(mistake=of_machine(lambda self: sorted(mistakes(self.engine))))
    def refuse(self, mistake: str) -> None:
        before = known(self.engine)
        with pytest.raises((KeyError, ValueError)):
            mistakes(self.engine)[mistake]()
        assert known(self.engine) == before, "a mistake changed the engine"

    # After every event

    @invariant()
    def is_sound(self) -> None:
        check_engine(self.engine, self.arrivals)
        assert self.sizes.keys() == self.engine.requests.keys() | self.ended.keys()
        assert self.ended.keys().isdisjoint(self.engine.requests)
        if self.policy is REFERENCE:
            check_requests(self.engine)

    def teardown(self) -> None:
        """Let the reference finish everything: each step brings the oldest request closer to its end."""
        if not hasattr(self, "engine") or self.policy is not REFERENCE:
            return
        if self.is_launched():
            self.complete([])
        self.acknowledge()
        self.receive_all()
        for name in self.awaiting_hand_over():
            self.hand_over(name)
        for _ in range(sum(self._max_total(self.sizes[name]) for name in self.here())):
            if not self.here():
                break
            self._step_of_oldest()
        check_idle(self.engine)

    def _step_of_oldest(self) -> None:
        name = oldest(self.engine, self.arrivals, self.here())
        before = rank(self.engine, name)
        self.steps(1, [], late=False)
        assert name in self.ended or rank(self.engine, name) < before, "the oldest request is not served"
        for prefilled in self.awaiting_hand_over():
            self.hand_over(prefilled)
        self.is_sound()
