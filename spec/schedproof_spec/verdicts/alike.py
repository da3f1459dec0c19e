"""Configurations that differ in their sizes alone: one proof for all of them decides many deployments and repairs.

Sizes are drawn as symbols, which costs a proof little more than numbers do. What tells whether a rule holds is
often how they stand to each other, so configurations are alike only if these relations are the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.engines.fastdeploy.policy import Policy
from schedproof_spec.prover.context import Context
from schedproof_spec.states.domain import Configs, accepted, holds_every_request, with_any_pool
from schedproof_spec.states.merged import with_merged_properties


class Decodes(Enum):
    """How the tokens of a step in which every slot decodes stand to the limit."""

    BELOW_LIMIT = "below"
    AT_LIMIT = "at"
    ABOVE_LIMIT = "above"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alike:
    """All configurations like one, whatever their slots, limit of tokens, context length and KV blocks."""

    shape: ServingConfig
    """What they share; its sizes say nothing."""
    decodes: Decodes
    ends_with_block: bool
    """Whether ``max_model_len`` is a multiple of the block size."""
    has_pool: bool
    """Whether the number of KV blocks is given."""
    pool_holds_every_request: bool
    """Whether a pool that is given is one that could be measured at start-up (`holds_every_request`)."""

    def configs(self, needs_pool: bool) -> Configs:
        """Return the domain of these configurations; with a pool that a proof asks for and nobody gives."""

        def draw(ctx: Context, policy: Policy) -> ServingConfig:
            config = self._drawn(ctx, policy)
            if needs_pool and not self.has_pool:
                return with_any_pool(config)(ctx, policy)
            return accepted(ctx, policy, config)

        return draw

    def _drawn(self, ctx: Context, policy: Policy) -> ServingConfig:
        block_size = self.shape.block_size
        max_model_len = ctx.integer("max_model_len", 1)
        if self.ends_with_block:
            max_model_len = ctx.integer("blocks of max_model_len", 1) * block_size
        config = replace(
            self.shape,
            max_num_seqs=ctx.integer("max_num_seqs", 1),
            max_num_batched_tokens=ctx.integer("max_num_batched_tokens", 1),
            max_model_len=max_model_len,
            num_kv_blocks=ctx.integer("num_kv_blocks", 1) if self.has_pool else None,
        )
        config = with_merged_properties(config)
        ctx.assume(ctx.merged(lambda: stands_so(config, self.decodes)))
        if self.pool_holds_every_request:
            ctx.assume(ctx.merged(lambda: pool_holds_every_request(config, policy)))
        return config


def alike(config: ServingConfig, policy: Policy) -> Alike:
    """Return all configurations like this one under a policy."""
    return Alike(
        shape=replace(config, max_num_seqs=1, max_num_batched_tokens=1, max_model_len=1, num_kv_blocks=None),
        decodes=next(decodes for decodes in Decodes if stands_so(config, decodes)),
        ends_with_block=config.max_model_len % config.block_size == 0,
        has_pool=config.num_kv_blocks is not None,
        pool_holds_every_request=pool_holds_every_request(config, policy),
    )


def starts(config: ServingConfig, policy: Policy) -> bool:
    """Return whether a policy takes a configuration, whose sizes are then among those that are drawn."""
    sizes = (config.max_num_seqs, config.max_num_batched_tokens, config.max_model_len, config.num_kv_blocks)
    if min(size for size in sizes if size is not None) < 1:
        return False
    try:
        return not policy.problems(config)
    except Exception:
        # A check of a person's own may raise; the proof says so.
        return False


def stands_so(config: ServingConfig, decodes: Decodes) -> bool:
    """Return whether the decodes of a configuration stand so to its limit."""
    if decodes is Decodes.AT_LIMIT:
        return config.max_decode_tokens == config.max_num_batched_tokens
    if decodes is Decodes.BELOW_LIMIT:
        return config.max_decode_tokens < config.max_num_batched_tokens
    return config.max_decode_tokens > config.max_num_batched_tokens


def pool_holds_every_request(config: ServingConfig, policy: Policy) -> bool:
    """Return whether a pool is given that holds every request."""
    return config.num_kv_blocks is not None and holds_every_request(config.num_kv_blocks, config, policy)
