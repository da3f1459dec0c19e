"""The smallest state that breaks an invariant, as people read it, store it and replay it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from enum import Enum
from typing import Any, TypeVar

from schedproof.engines.fastdeploy.config import Platform, Role, ServingConfig
from schedproof.engines.fastdeploy.loop import Queues, StepPlan, schedule
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.engines.fastdeploy.speculation import SpeculativeConfig, SpeculativeMethod
from schedproof.request import MultimodalItem, Request
from schedproof_spec.invariant import Invariant
from schedproof_spec.prover.prove import failures, prove
from schedproof_spec.prover.verdict import Status
from schedproof_spec.states.domain import the_config
from schedproof_spec.states.ledger import nothing


@dataclass(frozen=True, slots=True)
class Replay:
    """What the real functions do in a state."""

    holds: bool
    lines: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """A configuration, and the state of a step or the other numbers that a violated rule speaks of."""

    config: ServingConfig
    queues: Queues | None = None
    numbers: dict[str, int] = field(default_factory=dict)
    """Such as the number of decoding sequences, when there is no queue to count them in."""
    note: str = ""

    def replay(self, invariant: Invariant, policy: Policy) -> Replay:
        """Run the real functions on this state."""
        if self.queues is None or invariant.on_plan is None:
            return self._replay_numbers(invariant, policy)
        plan = schedule(self.queues, self.config, policy)
        lines = [f"budget {plan.opened.budget} with {plan.opened.num_decoding} live decodes", *visit_lines(plan)]
        lines += [f"preempted {request.request_id}" for request in plan.preempted]
        if plan.unvisited_decodes:
            lines.append(
                f"{names(plan.unvisited_decodes)} not visited: {self.config.tokens_per_seq} tokens each, "
                "no new blocks"
            )
        lines.append(
            f"the step runs {plan.num_tokens(self.config)} tokens; "
            f"max_num_batched_tokens is {self.config.max_num_batched_tokens}, "
            f"max_chunk_tokens {policy.max_chunk_tokens(self.config)}"
        )
        return Replay(bool(invariant.on_plan(plan, self.queues, self.config, policy)), lines)

    def _replay_numbers(self, invariant: Invariant, policy: Policy) -> Replay:
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
        failed = failures(lambda ctx: invariant.proof(ctx, configs, policy, nothing), self.numbers)
        return Replay(not failed, [*lines, *(f"does not hold: {claim}" for claim in failed)])

    def to_json(self) -> dict[str, Any]:
        """Return the witness in plain JSON types; only what differs from a default."""
        result: dict[str, Any] = {"config": plain(self.config)}
        if self.queues is not None:
            result["queues"] = {
                **plain(self.queues),
                "running": plain_requests(self.queues.running),
                "waiting": plain_requests(self.queues.waiting),
            }
        if self.numbers:
            result["numbers"] = dict(self.numbers)
        if self.note:
            result["note"] = self.note
        return result

    @staticmethod
    def from_json(data: object) -> Witness:
        """Return the witness that `to_json` wrote.

        Raises:
            ValueError: the data has another shape; the message names the place.
        """
        table = as_table(data, "state")
        queues = table.get("queues")
        numbers = as_table(table.get("numbers", {}), "numbers")
        return Witness(
            config=read_config(table.get("config")),
            queues=None if queues is None else read_queues(queues),
            numbers={name: as_integer(number, name) for name, number in numbers.items()},
            note=str(table.get("note", "")),
        )


def visit_lines(plan: StepPlan) -> list[str]:
    """Return one line for each run of visits that got the same."""
    lines = []
    for (phase, grant), group in itertools.groupby(plan.visits, key=lambda visit: (visit.phase, visit.grant)):
        visits = list(group)
        each = " each" if len(visits) > 1 else ""
        lines.append(
            f"{phase} of {names([visit.request for visit in visits])}: {grant.num_tokens} tokens{each}, "
            f"{grant.num_new_blocks} new blocks{each}; "
            f"budget {visits[0].before.budget} -> {visits[-1].after.budget}"
        )
    return lines


def names(requests: Sequence[Request]) -> str:
    """Return the names of consecutive requests, the ends only when there are many."""
    if len(requests) <= 3:
        return ", ".join(request.request_id for request in requests)
    return f"{requests[0].request_id} to {requests[-1].request_id} ({len(requests)} requests)"


def plain_requests(requests: Sequence[Request]) -> list[dict[str, Any]]:
    """Return requests as dictionaries; neighbours that differ in name only are written once, with a count."""
    result: list[dict[str, Any]] = []
    for request in requests:
        entry: dict[str, Any] = plain(request)
        last = result[-1] if result else None
        if last is not None and {**last, "request_id": "", "times": 0} == {**entry, "request_id": "", "times": 0}:
            last["times"] = last.get("times", 1) + 1
        else:
            result.append(entry)
    return result


def plain(value: Any) -> Any:
    """Return a dataclass as nested dictionaries without the fields that have their default."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if hasattr(value, "__dataclass_fields__"):
        return {
            field.name: plain(getattr(value, field.name))
            for field in fields(value)
            if field.default is MISSING or getattr(value, field.name) != field.default
        }
    return value


def read_config(data: object) -> ServingConfig:
    """Return the configuration of a stored witness."""
    table = dict(as_table(data, "config"))
    speculation = table.pop("speculation", None)
    return read_dataclass(
        ServingConfig,
        table,
        "config",
        speculation=None
        if speculation is None
        else read_dataclass(SpeculativeConfig, as_table(speculation, "speculation"), "speculation"),
    )


def read_queues(data: object) -> Queues:
    """Return the queues of a stored witness."""
    table = dict(as_table(data, "queues"))
    running = read_requests(table.pop("running", []), "running")
    waiting = read_requests(table.pop("waiting", []), "waiting")
    return read_dataclass(Queues, table, "queues", running=running, waiting=waiting)


MAX_TIMES = 4096
"""How many alike requests a stored witness may stand for."""


def read_requests(data: object, where: str) -> tuple[Request, ...]:
    """Return the requests of a stored witness; an entry with a count stands for as many, each with its own name."""
    requests: list[Request] = []
    for entry in as_list(data, where):
        table = dict(as_table(entry, where))
        times = as_integer(table.pop("times", 1), f"{where}.times")
        if not 1 <= times <= MAX_TIMES:
            raise ValueError(f"{where}.times must be between 1 and {MAX_TIMES}, not {times}")
        first = read_request(table)
        requests.append(first)
        requests += [replace(first, request_id=f"{first.request_id}+{i}") for i in range(1, times)]
    return tuple(requests)


def read_request(data: Mapping[str, Any]) -> Request:
    """Return a request of a stored witness."""
    table = dict(data)
    items = [
        read_dataclass(MultimodalItem, as_table(item, "item"), "item")
        for item in as_list(table.pop("items", []), "items")
    ]
    return read_dataclass(Request, table, "request", items=tuple(items))


ENUMS: dict[str, type[Enum]] = {"role": Role, "platform": Platform, "method": SpeculativeMethod}
TEXTS = {"request_id"}
TRUTHS = {"chunked_prefill", "deterministic"}


T = TypeVar("T")


def read_dataclass(cls: type[T], table: Mapping[str, Any], where: str, **ready: Any) -> T:
    """Return a dataclass from checked plain values."""
    known = {field.name for field in fields(cls)}  # type: ignore[arg-type]
    values = dict(ready)
    for name, value in table.items():
        if name not in known:
            raise ValueError(f"{where} has no field {name}")
        if name in ENUMS:
            try:
                values[name] = ENUMS[name](value)
            except ValueError as error:
                raise ValueError(f"{where}.{name}: {error}") from None
        elif name in TEXTS:
            values[name] = str(value)
        elif name in TRUTHS:
            values[name] = bool(value)
        else:
            values[name] = as_integer(value, f"{where}.{name}")
    try:
        return cls(**values)
    except TypeError as error:
        raise ValueError(f"{where}: {error}") from None


def as_integer(value: object, where: str) -> int:
    """Return the value, which must be an integer."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{where} must be an integer, not {value!r}")
    return value


def as_table(value: object, where: str) -> Mapping[str, Any]:
    """Return the value, which must be an object."""
    if not isinstance(value, dict):
        raise ValueError(f"{where} must be an object, not {type(value).__name__}")
    return value


def as_list(value: object, where: str) -> list[Any]:
    """Return the value, which must be a list."""
    if not isinstance(value, list):
        raise ValueError(f"{where} must be a list, not {type(value).__name__}")
    return value


def plain_config(config: ServingConfig) -> ServingConfig:
    """Return the configuration as the plain dataclass, with a number for every field that was drawn."""
    values = {field.name: getattr(config, field.name) for field in fields(ServingConfig)}
    dispatch = values["num_max_dispatch_tokens_per_rank"]
    if not isinstance(dispatch, int):
        values["num_max_dispatch_tokens_per_rank"] = None
    return replace(ServingConfig(), **values)
