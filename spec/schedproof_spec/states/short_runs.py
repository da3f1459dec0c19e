"""Short runs on symbolic sizes: few requests and steps, everything else free."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from schedproof.engines.fastdeploy.config import Role, ServingConfig
from schedproof.engines.fastdeploy.life.engine import Engine
from schedproof.engines.fastdeploy.life.places import Place
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.engines.fastdeploy.speculation import SpeculativeConfig, SpeculativeMethod
from schedproof.engines.fastdeploy.startup import longest_request_fits_pool
from schedproof.kv.pool import BlockPool
from schedproof.request import MultimodalItem
from schedproof_spec.prover.context import Context
from schedproof_spec.states.domain import Configs, accepted
from schedproof_spec.states.merged import with_merged_properties
from schedproof_spec.states.runs import NO_RESERVE, Arrival, RunStep, run_engine


@dataclass(frozen=True, slots=True, kw_only=True)
class RunShape:
    """What is fixed about a run while its sizes are free."""

    role: Role = Role.MIXED
    before_steps: tuple[int, ...] = (1,)
    """For each request, the step that is the first to find it."""
    has_item: bool = False
    """Whether the first request has an unsplittable item."""
    deterministic: bool = False
    enc_dec_block_num: int = 2
    """FastDeploy's preset, unless a policy goes wrong only without any growth."""
    num_steps: int

    @property
    def bound(self) -> str:
        """Return the shape in words."""
        requests = f"{len(self.before_steps)} request" + "s" * (len(self.before_steps) != 1)
        steps = f"{self.num_steps} step" + "s" * (self.num_steps != 1)
        return f"{requests}, {steps}"


SHAPES = (
    RunShape(num_steps=1),
    RunShape(num_steps=1, has_item=True),
    RunShape(num_steps=1, role=Role.DECODE),
    RunShape(num_steps=1, deterministic=True),
    RunShape(num_steps=2),
    RunShape(num_steps=1, enc_dec_block_num=0),
    RunShape(num_steps=2, enc_dec_block_num=0),
    RunShape(num_steps=2, role=Role.DECODE),
    RunShape(num_steps=1, role=Role.PREFILL, has_item=True),
    RunShape(num_steps=2, before_steps=(1, 1), role=Role.PREFILL),
    RunShape(num_steps=1, before_steps=(1, 1), has_item=True),
    RunShape(num_steps=3),
    RunShape(num_steps=2, before_steps=(1, 2)),
    RunShape(num_steps=2, before_steps=(1, 1)),
)
"""Where a violation is looked for, in this order."""

BOUND = "2 requests of any size, 3 steps"
"""What the shapes reach, for people."""


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
    SpeculativeConfig(method=SpeculativeMethod.NAIVE, num_speculative_tokens=5),
)
BLOCK_SIZES = (4,)
"""With blocks this small a run of a few steps meets the end of one."""

SIZES = f"KV blocks of {BLOCK_SIZES[0]} tokens, at most 5 drafts"
"""What is not free about the configurations of short runs, for people."""


def any_run_config(shape: RunShape) -> Configs:
    """Return the domain of what decides a short run, with a pool in which every request fits."""

    def draw(ctx: Context, policy: Policy) -> ServingConfig:
        config = with_merged_properties(
            ServingConfig(
                speculation=ctx.one_of("speculation", SPECULATION),
                block_size=ctx.one_of("block_size", BLOCK_SIZES),
                enc_dec_block_num=shape.enc_dec_block_num,
                max_num_batched_tokens=ctx.integer("max_num_batched_tokens", 1),
                max_num_seqs=ctx.integer("max_num_seqs", 1),
                max_model_len=ctx.integer("max_model_len", 16),
                num_kv_blocks=ctx.integer("num_kv_blocks", 1),
                max_multimodal_item_tokens=ctx.integer("max_multimodal_item_tokens", 1) if shape.has_item else 0,
                role=shape.role,
                deterministic=shape.deterministic,
            )
        )
        ctx.assume(ctx.merged(lambda: longest_request_fits_pool(config)))
        return accepted(ctx, policy, config)

    return draw


def any_arrivals(ctx: Context, shape: RunShape, config: ServingConfig) -> list[Arrival]:
    """Draw requests of any size."""
    arrivals = []
    for index, before_step in enumerate(shape.before_steps):
        name = f"request[{index}]"
        num_prompt_tokens = ctx.integer(f"{name}.num_prompt_tokens", 1)
        max_new_tokens = ctx.integer(f"{name}.max_new_tokens", 1 if config.role != Role.DECODE else 2)
        ctx.assume(num_prompt_tokens + max_new_tokens <= config.max_model_len)
        items: tuple[MultimodalItem, ...] = ()
        if shape.has_item and index == 0:
            start, end = ctx.integer(f"{name}.item.start", 0), ctx.integer(f"{name}.item.end", 1)
            ctx.assume(start < end)
            ctx.assume(end <= num_prompt_tokens)
            ctx.assume(end - start <= config.max_multimodal_item_tokens)
            items = (MultimodalItem(start=start, end=end),)
        arrivals.append(
            Arrival(
                request_id=name,
                num_prompt_tokens=num_prompt_tokens,
                max_new_tokens=max_new_tokens,
                items=items,
                before_step=before_step,
            )
        )
    return arrivals


def drafts_of(number: int, request_id: str) -> str:
    """Return the name of what is drawn for the drafts that are accepted."""
    return f"steps[{number}].{request_id}.num_accepted_drafts"


def run_theorem(
    ctx: Context,
    configs: Configs,
    policy: Policy,
    shape: RunShape,
    label: str,
    statement: Callable[[RunStep], bool],
) -> None:
    """Claim a statement after every step of every run of this shape."""
    config = configs(ctx, policy)
    engine = CountingEngine(config, policy, reserve=NO_RESERVE)
    arrivals = any_arrivals(ctx, shape, config)

    def accepted_at(number: int, request_id: str) -> int:
        drafts: int = ctx.integer(drafts_of(number, request_id), 0)
        ctx.assume(drafts < config.tokens_per_seq)
        return drafts

    for step in run_engine(engine, arrivals, shape.num_steps, accepted_at):
        ctx.prove(label, ctx.merged(lambda step=step: statement(step)))  # type: ignore[misc]
