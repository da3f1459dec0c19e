"""Random runs of a prefill node and a decode node that serve requests together.

A request takes a slot and blocks on both nodes, is prefilled on one, handed over, received by the other, and
decoded there. One that the decode node drops starts again; one that a node refuses waits and tries again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from itertools import count

from engine_checks import check_engine, check_idle, check_requests
from engine_strategies import (
    Sizes,
    engine_configs,
    numbers_of_drafts,
    of_machine,
    reserves,
    run_machine,
    several_sizes,
)
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from schedproof import REFERENCE, Ending, Engine, Role, StepOutcome
from schedproof.engines.fastdeploy.life.places import Place
from schedproof.engines.fastdeploy.rules.output_reserve import OutputReserve

NAMES = "abcdefghijkl"
"""The requests of a run, in order."""


class Stage(StrEnum):
    """How far a request is, as the router of the two nodes knows it."""

    QUEUED = "queued"
    """On neither node, or about to leave one."""
    PREFILLING = "prefilling"
    SENT = "sent"
    """Handed over by the prefill node, not received yet."""
    DECODING = "decoding"
    ENDED = "ended"


PLACES: dict[Stage, tuple[set[Place | None], set[Place | None]]] = {
    Stage.QUEUED: ({None, Place.ABORTING}, {None, Place.ABORTING}),
    Stage.PREFILLING: ({Place.WAITING, Place.RUNNING, Place.PREEMPTED}, {Place.RECEIVING}),
    Stage.SENT: ({None}, {Place.RECEIVING}),
    Stage.DECODING: ({None}, {Place.RUNNING, Place.PREEMPTED}),
    Stage.ENDED: ({None, Place.ABORTING}, {None, Place.ABORTING}),
}
"""Where a request of each stage is on the prefill node, and on the decode node."""


class PairRun(RuleBasedStateMachine):
    """A prefill node, a decode node, and the router that knows which request is where."""

    seen: Counter[str]
    """How often each situation occurred, over all runs."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = count()
        self.sizes: dict[str, Sizes] = {}
        self.stages: dict[str, Stage] = {}
        self.arrivals: dict[Role, dict[str, int]] = {Role.PREFILL: {}, Role.DECODE: {}}
        self.generated: dict[str, int] = {}

    @initialize(data=st.data(), reserve=reserves())
    def start(self, data: st.DataObject, reserve: OutputReserve) -> None:
        prefill = data.draw(engine_configs(REFERENCE, Role.PREFILL), label="prefill node")
        longest = prefill.max_blocks_per_seq
        num_more = data.draw(st.integers(0, 2 * longest), label="blocks beyond the longest request")
        decode = replace(prefill, role=Role.DECODE, num_kv_blocks=longest + num_more)
        assume(not REFERENCE.problems(decode))
        self.prefill = Engine(prefill)
        self.decode = Engine(decode, reserve=reserve)
        self.num_transfer_steps: int = data.draw(st.integers(0, 5), label="steps until a cache arrives")
        self.arrive(data.draw(several_sizes(prefill), label="arriving"))

    def node(self, role: Role) -> Engine:
        return self.prefill if role is Role.PREFILL else self.decode

    def at(self, *stages: Stage) -> list[str]:
        return [name for name, stage in self.stages.items() if stage in stages]

    def max_total(self, name: str) -> int:
        return min(self.sizes[name].prompt + self.sizes[name].new, self.prefill.config.max_model_len)

    def decodes(self, name: str) -> bool:
        """Whether the request has more than its first token to generate."""
        return self.max_total(name) > self.sizes[name].prompt + 1

    # Arrival, and a place on both nodes

    @precondition(lambda self: len(self.sizes) + 4 <= len(NAMES))
    @rule(arriving=st.runner().flatmap(lambda self: several_sizes(self.prefill.config)))
    def arrive(self, arriving: list[Sizes]) -> None:
        for size in arriving:
            name = NAMES[len(self.sizes)]
            self.sizes[name] = size
            self.stages[name] = Stage.QUEUED

    def placeable(self) -> list[str]:
        on_a_node = self.prefill.requests.keys() | self.decode.requests.keys()
        return [name for name in self.at(Stage.QUEUED) if name not in on_a_node]

    @precondition(lambda self: self.placeable())
    @rule(name=of_machine(lambda self: self.placeable()))
    def place(self, name: str) -> None:
        """Ask the decode node first; if the prefill node refuses, give the decode node's blocks back."""
        size = self.sizes[name]
        if self.decodes(name) and not self.decode.preallocate(name, size.prompt, size.new):
            self.see("refused by the decode node")
            return
        if not self.prefill.preallocate(name, size.prompt, size.new, size.items):
            self.see("refused by the prefill node")
            if self.decodes(name):
                self.decode.abort(name)
            return
        self.stages[name] = Stage.PREFILLING
        self.generated[name] = 0
        self.arrivals[Role.PREFILL][name] = next(self.clock)

    # Steps

    def launched(self, is_launched: bool) -> list[Role]:
        return [role for role in self.arrivals if (self.node(role).launched is not None) is is_launched]

    @precondition(lambda self: self.launched(False))
    @rule(role=of_machine(lambda self: self.launched(False)))
    def schedule(self, role: Role) -> None:
        launch = self.node(role).schedule()
        assert launch.launch_tokens == launch.num_tokens <= self.node(role).config.max_num_batched_tokens

    @precondition(lambda self: self.launched(True))
    @rule(role=of_machine(lambda self: self.launched(True)), accepted=numbers_of_drafts())
    def complete(self, role: Role, accepted: Sequence[int]) -> None:
        engine = self.node(role)
        drafts = dict(zip(engine.places[Place.RUNNING], accepted, strict=False))
        most = engine.config.tokens_per_seq - 1
        self.note(engine.complete(lambda name: min(drafts.get(name, 0), most)))

    @precondition(lambda self: self.launched(False))
    @rule(role=of_machine(lambda self: self.launched(False)))
    def acknowledge(self, role: Role) -> None:
        self.note_ended(self.node(role).acknowledge())

    @precondition(lambda self: self.launched(False))
    @rule(role=of_machine(lambda self: self.launched(False)), times=st.integers(1, 6))
    def steps(self, role: Role, times: int) -> None:
        for _ in range(times):
            self.note(self.node(role).step())

    def note(self, outcome: StepOutcome) -> None:
        for name, num_tokens in outcome.num_produced.items():
            self.generated[name] += num_tokens
        self.note_ended(outcome.ended)

    def note_ended(self, ended: dict[str, Ending]) -> None:
        for name, ending in ended.items():
            self.see(ending)
            if ending is Ending.FINISHED:
                assert self.sizes[name].prompt + self.generated[name] == self.max_total(name)
                self.stages[name] = Stage.ENDED
            elif ending is Ending.DROPPED:
                assert self.stages[name] is Stage.DECODING
                self.stages[name] = Stage.QUEUED

    # Hand-over

    def prefilled(self) -> list[str]:
        return [name for name in self.at(Stage.PREFILLING) if self.generated[name] > 0]

    @precondition(lambda self: self.prefill.launched is None and self.prefilled())
    @rule(name=of_machine(lambda self: self.prefilled()))
    def hand_over(self, name: str) -> None:
        assert self.generated[name] == 1, "a first token was generated again"
        self.prefill.hand_over(name)
        self.stages[name] = Stage.SENT

    @precondition(lambda self: self.decode.launched is None and self.at(Stage.SENT))
    @rule(name=of_machine(lambda self: self.at(Stage.SENT)))
    def receive(self, name: str) -> None:
        self.decode.receive(name)
        self.arrivals[Role.DECODE][name] = next(self.clock)
        self.stages[name] = Stage.DECODING

    @precondition(lambda self: self.launched(True) == [])
    @rule(times=st.integers(1, 6))
    def turns(self, times: int) -> None:
        """Let the router and both nodes do what they can."""
        for number in range(times):
            self.turn(dict.fromkeys(self.stages, -self.num_transfer_steps), number)

    # Departure

    @precondition(lambda self: self.at(*Stage) != self.at(Stage.ENDED))
    @rule(name=of_machine(lambda self: [name for name in self.stages if self.stages[name] is not Stage.ENDED]))
    def abort(self, name: str) -> None:
        self.see(f"aborted while {self.stages[name]}")
        for node in (self.prefill, self.decode):
            if name in node.requests:
                node.abort(name)
        self.stages[name] = Stage.ENDED

    # After every event

    @invariant()
    def is_sound(self) -> None:
        for role in self.arrivals:
            check_engine(self.node(role), self.arrivals[role])
            check_requests(self.node(role))
        for name, stage in self.stages.items():
            on_prefill, on_decode = PLACES[stage]
            if stage is Stage.PREFILLING and not self.decodes(name):
                on_decode = {None}
            assert self.prefill.places.place_of.get(name) in on_prefill, f"{name} is {stage}"
            assert self.decode.places.place_of.get(name) in on_decode, f"{name} is {stage}"

    def see(self, situation: str) -> None:
        self.seen[str(situation)] += 1

    def teardown(self) -> None:
        """Serve what is left: whatever it takes a cache to arrive, the router and the nodes come to an end."""
        if not hasattr(self, "decode"):
            return
        for role in self.launched(True):
            self.complete(role, [])
        for role in self.arrivals:
            self.acknowledge(role)
        num_steps = sum(2 * self.max_total(name) + self.num_transfer_steps for name in self.stages)
        sent: dict[str, int] = {}
        for number in range(num_steps):
            self.turn(sent, number)
        assert self.at(*Stage) == self.at(Stage.ENDED), "not everybody was served"
        self.is_sound()
        check_idle(self.prefill)
        check_idle(self.decode)

    def turn(self, sent: dict[str, int], number: int) -> None:
        """Do all that can be done; a cache takes its time to arrive."""
        for name in self.placeable():
            self.place(name)
        self.steps(Role.PREFILL, 1)
        for name in self.prefilled():
            self.hand_over(name)
        for name in self.at(Stage.SENT):
            if sent.setdefault(name, number) + self.num_transfer_steps <= number:
                self.receive(name)
                del sent[name]
        self.steps(Role.DECODE, 1)


SITUATIONS = {
    "refused by the decode node",
    "refused by the prefill node",
    "finished",
    "dropped",
    "aborted while prefilling",
    "aborted while decoding",
}
"""What the drawn runs have to contain, or they test little."""


def test_any_run_of_a_prefill_and_a_decode_node() -> None:
    seen: Counter[str] = Counter()
    run_machine(type("PairRun", (PairRun,), {"seen": seen}), max_examples=100)
    assert SITUATIONS - set(+seen) == set()
