"""What breaks an invariant, as people read it, store it and replay it: a run, or the numbers of a configuration."""

from __future__ import annotations

import itertools
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.engines.fastdeploy.life.engine import Engine
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.engines.fastdeploy.rules.token_ratio import TokenRatio
from schedproof_spec.invariant import Invariant
from schedproof_spec.prover.failures import placed
from schedproof_spec.prover.prove import failures, prove
from schedproof_spec.prover.subset.policies import RULES
from schedproof_spec.prover.verdict import Status
from schedproof_spec.states.domain import the_config
from schedproof_spec.states.ledger import nothing
from schedproof_spec.states.runs import NO_RESERVE, Arrival, RunStep, run_engine
from schedproof_spec.verdicts.drawn_numbers import require_drawn
from schedproof_spec.verdicts.plain import plain, read_plain
from schedproof_spec.verdicts.run_text import arrival_line, step_lines

MAX_STEPS = 4096
"""How long a stored run may be."""
MAX_REQUESTS = 4096
MAX_KV_BLOCKS = 1 << 24
MAX_RANKS = 1024
"""The largest engine on which a stored run is replayed."""

EVERYONE = "*"
"""Stands for each request that decodes, where accepted drafts are named by request."""

NUM_STEPS_SHOWN = 2
"""Steps of a long run that are shown from its beginning, and from its end."""


@dataclass(frozen=True, slots=True)
class Replay:
    """What the real functions do."""

    holds: bool
    lines: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """Steps of a run with the same accepted drafts."""

    accepted: Mapping[str, int] = field(default_factory=dict)
    """Accepted drafts by request; `EVERYONE` stands for those that are not named, who else accept none."""
    times: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RunWitness:
    """A run from an empty engine: a configuration, the requests that arrive, and the steps that follow."""

    config: ServingConfig
    arrivals: tuple[Arrival, ...]
    steps: tuple[Steps, ...]

    @property
    def num_steps(self) -> int:
        """How many steps the run has."""
        return sum(steps.times for steps in self.steps)

    def run(self, policy: Policy) -> Iterator[RunStep]:
        """Run the real engine, on blocks with identities, and yield each step.

        Output is reserved by the token ratio, with FastDeploy's presets, where a policy has one, else not at all.

        Raises ValueError when the engine does not start, or refuses a request.
        """
        reserve = TokenRatio() if policy.reserves_by_token_ratio else NO_RESERVE
        engine = Engine(self.config, policy, reserve=reserve)
        accepted = [steps.accepted for steps in self.steps for _ in range(steps.times)]

        def accepted_at(number: int, request_id: str) -> int:
            drafts = accepted[number - 1]
            return drafts.get(request_id, drafts.get(EVERYONE, 0))

        return run_engine(engine, self.arrivals, len(accepted), accepted_at)

    def replay(self, invariant: Invariant, policy: Policy) -> Replay:
        """Run the real engine, and say what it does and which steps break the invariant.

        A step in which a rule of the policy raises breaks whatever is claimed of it, and is the last.
        """
        assert invariant.on_run is not None
        holds, last = True, self.num_steps
        lines: list[str] = []
        steps = self.run(policy)
        for number in range(1, last + 1):
            arrived = [arrival for arrival in self.arrivals if arrival.before_step == number]
            try:
                step = next(steps)
            except Exception as error:
                if not is_raised_by_a_rule(error, policy):
                    raise
                raised = f"step {number}: {placed(error)} ({type(error).__name__})"
                return Replay(False, [*lines, *map(arrival_line, arrived), raised])
            is_broken = not invariant.on_run(step, policy)
            holds = holds and not is_broken
            if number > NUM_STEPS_SHOWN and number <= last - NUM_STEPS_SHOWN and not arrived and not is_broken:
                if number == NUM_STEPS_SHOWN + 1:
                    lines.append("…")
                continue
            lines += [arrival_line(arrival) for arrival in arrived]
            lines += [f"step {number}: {line}" for line in step_lines(step)]
            if is_broken:
                lines.append(f"step {number}: {invariant.name} is broken")
        return Replay(holds, lines)

    def to_json(self) -> dict[str, Any]:
        """Return the run in plain JSON types."""
        data: dict[str, Any] = plain(self)
        return data

    @staticmethod
    def from_json(data: object) -> RunWitness:
        """Return the run that `to_json` wrote.

        Raises:
            ValueError: the data has another shape, or is too large, or no theorem is about such a configuration;
                the message names the place.
        """
        run = read_plain(data, RunWitness, "run")
        for name, times in (
            ("arrivals", [each.times for each in run.arrivals]),
            ("steps", [each.times for each in run.steps]),
        ):
            if min(times, default=1) < 1:
                raise ValueError(f"run.{name}: expected `times` of 1 or more, got {min(times)}")
        num_requests = sum(arrival.times for arrival in run.arrivals)
        for name, value, most in (
            ("steps", run.num_steps, MAX_STEPS),
            ("arrivals", num_requests, MAX_REQUESTS),
            ("config.num_kv_blocks", run.config.num_kv_blocks or 0, MAX_KV_BLOCKS),
            ("config.tensor_parallel_size", run.config.tensor_parallel_size, MAX_RANKS),
        ):
            if not 0 <= value <= most:
                raise ValueError(f"run.{name}: expected at most {most}, got {value}")
        names = [name for arrival in run.arrivals for name in arrival.names]
        if len(names) > len(set(names)):
            raise ValueError("run.arrivals: two requests have the same `request_id`")
        require_drawn(run.config)
        return run


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigWitness:
    """A configuration, and the other numbers that a violated rule about configurations speaks of."""

    config: ServingConfig
    numbers: Mapping[str, int] = field(default_factory=dict)
    """Such as the number of decoding sequences."""
    note: str = ""

    def replay(self, invariant: Invariant, policy: Policy) -> Replay:
        """Ask the real functions about these numbers."""
        configs = the_config(self.config)
        lines = [f"{name} is {value}" for name, value in self.numbers.items()]
        lines.append(f"max_num_seqs * tokens_per_seq is {self.config.max_num_seqs} * {self.config.tokens_per_seq}")
        if self.note and invariant.absence is not None:
            absence = invariant.absence
            never = prove(lambda ctx: absence(ctx, configs, policy, nothing)).status is Status.HELD
            capacity = policy.max_chunk_tokens(self.config)
            lines.append(
                f"max_chunk_tokens is {capacity}; proved again: no step reaches it" if never else "reached"
            )
            return Replay(not never, lines)
        failed = failures(lambda ctx: invariant.proof(ctx, configs, policy, nothing), dict(self.numbers))
        return Replay(not failed, [*lines, *(f"does not hold: {claim}" for claim in failed)])

    def to_json(self) -> dict[str, Any]:
        """Return the numbers in plain JSON types."""
        data: dict[str, Any] = plain(self)
        return data

    @staticmethod
    def from_json(data: object) -> ConfigWitness:
        """Return what `to_json` wrote.

        Raises:
            ValueError: the data has another shape, or no theorem is about such a configuration; the message names
                the place.
        """
        state = read_plain(data, ConfigWitness, "state")
        require_drawn(state.config)
        return state


Witness = RunWitness | ConfigWitness


def read_witness(data: object, invariant: Invariant) -> Witness:
    """Return a stored witness of an invariant: a run, unless it speaks of numbers alone.

    Raises:
        ValueError: the data is no witness of this invariant; the message names the place.
    """
    if isinstance(data, dict) and "arrivals" in data:
        if invariant.on_run is None:
            raise ValueError(f"{invariant.name} speaks of the configuration, and of no run")
        return RunWitness.from_json(data)
    return ConfigWitness.from_json(data)


def is_raised_by_a_rule(error: Exception, policy: Policy) -> bool:
    """Return whether an exception comes out of what a policy decides in a step, and not out of the engine alone.

    So does one that the engine raises while it plans a step with an answer of another type or size.
    """
    asked = {getattr(getattr(policy, name), "__code__", None) for name in RULES if name != "startup_checks"}
    if isinstance(error, TypeError | LookupError | ArithmeticError | AssertionError):
        asked.add(Engine.schedule.__code__)
    return any(frame.f_code in asked for frame, _ in traceback.walk_tb(error.__traceback__))


def with_equal_steps_together(accepted: list[Mapping[str, int]]) -> tuple[Steps, ...]:
    """Return steps with their accepted drafts, neighbours that are equal as one."""
    return tuple(Steps(accepted=drafts, times=len(list(group))) for drafts, group in itertools.groupby(accepted))


def plain_config(config: ServingConfig) -> ServingConfig:
    """Return the configuration as the plain dataclass, with a number for every field that was drawn."""
    values = {each.name: getattr(config, each.name) for each in fields(ServingConfig)}
    if not isinstance(values["num_max_dispatch_tokens_per_rank"], int):
        values["num_max_dispatch_tokens_per_rank"] = None
    return replace(ServingConfig(), **values)
