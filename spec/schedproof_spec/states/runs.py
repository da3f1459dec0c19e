"""Runs of the reference engine on symbolic sizes: the engine's own code, its block pool reduced to counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schedproof.engines.fastdeploy.config import Role, ServingConfig
from schedproof.engines.fastdeploy.life.engine import Engine
from schedproof.engines.fastdeploy.life.outcome import StepOutcome
from schedproof.engines.fastdeploy.life.places import Place
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.engines.fastdeploy.rules.output_reserve import OutputReserve
from schedproof.engines.fastdeploy.speculation import SpeculativeConfig, SpeculativeMethod
from schedproof.engines.fastdeploy.startup import longest_request_fits_pool
from schedproof.kv.pool import BlockPool
from schedproof.request import Request
from schedproof_spec.prover.context import Context
from schedproof_spec.states.domain import accepted
from schedproof_spec.states.merged import with_merged_properties

NO_RESERVE = OutputReserve(initial_blocks=0)
"""No free blocks are kept back, so that nothing but the rules under proof stops an admission."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunShape:
    """How a decode grows, how many requests are there at the start, and how many steps follow."""

    enc_dec_block_num: int = 2
    """FastDeploy's preset, unless a policy goes wrong only without any growth."""
    num_requests: int = 1
    num_steps: int


SHAPES = (
    RunShape(num_steps=1),
    RunShape(num_steps=2),
    RunShape(num_steps=1, enc_dec_block_num=0),
    RunShape(num_steps=2, enc_dec_block_num=0),
    RunShape(num_steps=3),
    RunShape(num_steps=2, num_requests=2),
)
"""Where a violation is looked for, in this order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStep:
    """One step of a run, and the requests around it."""

    config: ServingConfig
    before: Mapping[str, Request]
    launched: Mapping[str, Request]
    """As the worker finds them: with the blocks that the plan gave them."""
    after: Mapping[str, Request]
    outcome: StepOutcome


class CountingPool(BlockPool):
    """A pool of which only the counts matter; `blocks_conserved` is about the identities."""

    def __init__(self, num_blocks: int) -> None:
        super().__init__(0)
        self.num_blocks = num_blocks
        self._num_free = num_blocks
        self._num_taken: dict[str, Any] = {}

    def num_blocks_of(self, request_id: str) -> int:
        """See `BlockPool`."""
        number: int = self._num_taken[request_id]
        return number

    @property
    def num_free_blocks(self) -> int:
        """Blocks in no table."""
        return self._num_free

    def open_table(self, request_id: str) -> None:
        """See `BlockPool`."""
        super().open_table(request_id)
        self._num_taken[request_id] = 0

    def take_blocks(self, request_id: str, num_blocks: int) -> list[int]:
        """See `BlockPool`; no block has an identity."""
        if num_blocks > self._num_free:
            raise KeyError("no free KV block")
        self._num_free = self._num_free - num_blocks
        self._num_taken[request_id] = self._num_taken[request_id] + num_blocks
        return []

    def close_table(self, request_id: str) -> None:
        """See `BlockPool`."""
        self._num_free = self._num_free + self._num_taken.pop(request_id)
        super().close_table(request_id)


class CountingEngine(Engine):
    """The engine over a pool of counts. It lists all waiting requests: the slots decide in any case."""

    pool_type = CountingPool

    def first_waiting(self) -> Iterable[str]:
        """Return the waiting requests."""
        return tuple(self.places[Place.WAITING])


SPECULATION = (
    None,
    SpeculativeConfig(method=SpeculativeMethod.MTP, num_speculative_tokens=1),
    SpeculativeConfig(method=SpeculativeMethod.MTP, num_speculative_tokens=5),
    SpeculativeConfig(method=SpeculativeMethod.NGRAM, num_speculative_tokens=5),
)
BLOCK_SIZES = (1, 4)
"""With blocks this small a run of a few steps meets the end of one."""


def any_run_config(ctx: Context, policy: Policy, enc_dec_block_num: int) -> ServingConfig:
    """Draw what decides a text run on a mixed node, with a pool in which every request fits."""
    config = with_merged_properties(
        ServingConfig(
            speculation=ctx.one_of("speculation", SPECULATION),
            block_size=ctx.one_of("block_size", BLOCK_SIZES),
            enc_dec_block_num=enc_dec_block_num,
            max_num_batched_tokens=ctx.integer("max_num_batched_tokens", 1),
            max_num_seqs=ctx.integer("max_num_seqs", 1),
            max_model_len=ctx.integer("max_model_len", 16),
            num_kv_blocks=ctx.integer("num_kv_blocks", 1),
            role=Role.MIXED,
        )
    )
    ctx.assume(ctx.merged(lambda: longest_request_fits_pool(config)))
    return accepted(ctx, policy, config)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A request of a run."""

    request_id: str
    num_prompt_tokens: int
    max_new_tokens: int


def any_arrivals(ctx: Context, num_requests: int, config: ServingConfig) -> list[Arrival]:
    """Draw requests of any size."""
    arrivals = []
    for index in range(num_requests):
        name = f"request[{index}]"
        num_prompt_tokens = ctx.integer(f"{name}.num_prompt_tokens", 1)
        max_new_tokens = ctx.integer(f"{name}.max_new_tokens", 1)
        ctx.assume(num_prompt_tokens + max_new_tokens <= config.max_model_len)
        arrivals.append(
            Arrival(request_id=name, num_prompt_tokens=num_prompt_tokens, max_new_tokens=max_new_tokens)
        )
    return arrivals


AcceptedAt = Callable[[int, str], int]
"""How many drafts are accepted in a step, by its number, for a request."""


def run_engine(
    engine: Engine, arrivals: Sequence[Arrival], num_steps: int, accepted_at: AcceptedAt
) -> Iterable[RunStep]:
    """Let requests arrive at an engine, then run steps and yield each."""
    for arrival in arrivals:
        engine.add_request(arrival.request_id, arrival.num_prompt_tokens, arrival.max_new_tokens)
    for number in range(num_steps):
        before = dict(engine.requests)
        engine.schedule()
        launched = dict(engine.requests)
        outcome = engine.complete(lambda request_id, number=number: accepted_at(number, request_id))  # type: ignore[misc]
        engine.acknowledge()
        yield RunStep(
            config=engine.config, before=before, launched=launched, after=dict(engine.requests), outcome=outcome
        )


def run_theorem(
    ctx: Context, policy: Policy, shape: RunShape, label: str, statement: Callable[[RunStep], bool]
) -> None:
    """Claim a statement after every step of every run of this shape."""
    config = any_run_config(ctx, policy, shape.enc_dec_block_num)
    engine = CountingEngine(config, policy, reserve=NO_RESERVE)
    arrivals = any_arrivals(ctx, shape.num_requests, config)

    def accepted_at(number: int, request_id: str) -> int:
        drafts: int = ctx.integer(f"steps[{number}].{request_id}.num_accepted_drafts", 0)
        ctx.assume(drafts < config.tokens_per_seq)
        return drafts

    for step in run_engine(engine, arrivals, shape.num_steps, accepted_at):
        ctx.prove(label, ctx.merged(lambda step=step: statement(step)))  # type: ignore[misc]
