"""What a run does, in words: requests that get the same share a line."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.engines.fastdeploy.loop import StepPlan
from schedproof.request import Request
from schedproof_spec.states.runs import Arrival, RunStep

T = TypeVar("T")


def arrival_line(arrival: Arrival) -> str:
    """Return an arrival in words."""
    who = arrival.request_id if arrival.times == 1 else f"{named(arrival.names)}"
    items = "".join(f", an item at {item.start} to {item.end}" for item in arrival.items)
    verb = "arrives" if arrival.times == 1 else "arrive, each"
    return f"{who} {verb}: {arrival.num_prompt_tokens} prompt tokens, {arrival.max_new_tokens} to generate{items}"


def step_lines(step: RunStep) -> list[str]:
    """Return what a step did, and what each request holds after it."""
    plan, produced = step.plan, step.outcome.num_produced
    lines = [f"budget {plan.opened.budget} with {plan.opened.num_decoding} live decodes", *visit_lines(plan)]
    if plan.preempted:
        lines.append(f"preempted: {named([request.request_id for request in plan.preempted])}")
    if plan.unvisited_decodes:
        lines.append(f"not visited, no new blocks: {named([each.request_id for each in plan.unvisited_decodes])}")
    lines.append(f"runs {plan.num_tokens(step.config)} tokens")
    lines += grouped(produced, lambda number: f"{number} tokens generated")
    lines += grouped(step.outcome.ended, str)
    if step.before and not produced and not plan.preempted and step.before == step.after:
        lines.append("nothing moves")
    held = {name: held_text(request, step.config) for name, request in step.after.items()}
    return lines + grouped(held, str)


def grouped(found: Mapping[str, T], text: Callable[[T], str]) -> list[str]:
    """Return one line for neighbours with the same value."""
    return [
        f"{named([name for name, _ in group])}: {text(value)}"
        for value, group in itertools.groupby(found.items(), key=lambda item: item[1])
    ]


def visit_lines(plan: StepPlan) -> list[str]:
    """Return one line for each run of visits that got the same."""
    lines = []
    for (phase, grant), group in itertools.groupby(plan.visits, key=lambda visit: (visit.phase, visit.grant)):
        visits = list(group)
        each = " each" if len(visits) > 1 else ""
        lines.append(
            f"{phase} of {named([visit.request.request_id for visit in visits])}: {grant.num_tokens} tokens{each}, "
            f"{grant.num_new_blocks} new blocks{each}; "
            f"budget {visits[0].before.budget} -> {visits[-1].after.budget}"
        )
    return lines


def named(names: Sequence[str]) -> str:
    """Return the names of consecutive requests, the ends only when there are many."""
    if len(names) <= 3:
        return ", ".join(names)
    return f"{names[0]} to {names[-1]} ({len(names)} requests)"


def held_text(request: Request, config: ServingConfig) -> str:
    """Return what a request holds."""
    return (
        f"{request.num_computed_tokens} tokens in {request.num_blocks} blocks of {config.block_size}, "
        f"{request.num_total_tokens} in all"
    )
