"""The shortest run that breaks an invariant, as people read it, store it and replay it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.engines.fastdeploy.life.engine import Engine
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.request import Request
from schedproof_spec.run_invariant import RunInvariant
from schedproof_spec.states.runs import NO_RESERVE, Arrival, RunStep, run_engine
from schedproof_spec.verdicts.witness import (
    Replay,
    as_integer,
    as_list,
    as_table,
    plain,
    read_config,
    read_dataclass,
    visit_lines,
)

MAX_STEPS = 4096
"""How long a stored run may be."""
MAX_KV_BLOCKS = 1 << 20
MAX_RANKS = 1024
"""The largest engine on which a stored run is replayed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunWitness:
    """A configuration, the requests that arrive, and the drafts accepted in each of the steps that follow."""

    config: ServingConfig
    arrivals: tuple[Arrival, ...]
    num_accepted_drafts: tuple[Mapping[str, int], ...]
    """For each step, by request; a request that is not named accepts none."""

    def replay(self, invariant: RunInvariant, policy: Policy) -> Replay:
        """Run the real engine, on blocks with identities."""
        assert invariant.on_step is not None
        engine = Engine(self.config, policy, reserve=NO_RESERVE)
        lines = [arrival_line(arrival) for arrival in self.arrivals]

        def accepted_at(number: int, request_id: str) -> int:
            return self.num_accepted_drafts[number].get(request_id, 0)

        holds = True
        steps = run_engine(engine, self.arrivals, len(self.num_accepted_drafts), accepted_at)
        for number, step in enumerate(steps, start=1):
            lines += [f"step {number}: {line}" for line in step_lines(step)]
            if not invariant.on_step(step):
                lines.append(f"step {number}: {invariant.name} is broken")
                holds = False
        return Replay(holds, lines)

    def to_json(self) -> dict[str, Any]:
        """Return the run in plain JSON types; only what differs from a default."""
        return {
            "config": plain(self.config),
            "arrivals": [plain(arrival) for arrival in self.arrivals],
            "num_accepted_drafts": [dict(accepted) for accepted in self.num_accepted_drafts],
        }

    @staticmethod
    def from_json(data: object) -> RunWitness:
        """Return the run that `to_json` wrote.

        Raises:
            ValueError: the data has another shape; the message names the place.
        """
        table = as_table(data, "state")
        steps = as_list(table.get("num_accepted_drafts"), "num_accepted_drafts")
        if len(steps) > MAX_STEPS:
            raise ValueError(f"num_accepted_drafts has {len(steps)} steps; {MAX_STEPS} are the most")
        config = read_config(table.get("config"))
        if config.num_kv_blocks is None or config.num_kv_blocks > MAX_KV_BLOCKS:
            raise ValueError(f"config.num_kv_blocks must be at most {MAX_KV_BLOCKS}, not {config.num_kv_blocks}")
        if config.tensor_parallel_size > MAX_RANKS:
            raise ValueError(f"config.tensor_parallel_size must be at most {MAX_RANKS}")
        return RunWitness(
            config=config,
            arrivals=tuple(
                read_dataclass(Arrival, as_table(arrival, "arrivals"), "arrivals")
                for arrival in as_list(table.get("arrivals"), "arrivals")
            ),
            num_accepted_drafts=tuple(
                {name: as_integer(number, name) for name, number in as_table(step, "num_accepted_drafts").items()}
                for step in steps
            ),
        )


def arrival_line(arrival: Arrival) -> str:
    """Return an arrival in words."""
    return (
        f"{arrival.request_id} arrives: {arrival.num_prompt_tokens} prompt tokens, "
        f"{arrival.max_new_tokens} to generate"
    )


def step_lines(step: RunStep) -> list[str]:
    """Return what a step did, and what each request holds after it."""
    plan, produced = step.outcome.launch.plan, step.outcome.num_produced
    lines = [f"budget {plan.opened.budget} with {plan.opened.num_decoding} live decodes", *visit_lines(plan)]
    lines += [f"{request.request_id} is preempted" for request in plan.preempted]
    lines += [f"{request.request_id} is not visited: no new blocks" for request in plan.unvisited_decodes]
    lines += [f"{name} generates {number} tokens" for name, number in produced.items()]
    lines += [f"{name}: {ending}" for name, ending in step.outcome.ended.items()]
    return lines + [held_line(request, step.config) for request in step.after.values()]


def held_line(request: Request, config: ServingConfig) -> str:
    """Return what a request holds."""
    return (
        f"{request.request_id} holds {request.num_computed_tokens} tokens in {request.num_blocks} blocks of "
        f"{config.block_size}, {request.num_total_tokens} in all"
    )
