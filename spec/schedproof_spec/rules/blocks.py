"""The blocks family: no KV block is lost or owned twice, and no sequence outgrows its blocks."""

from __future__ import annotations

from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.request import Request


def block_is_conserved(num_holders: int, is_free: bool, times_in_table: int, times_elsewhere: int) -> bool:
    """A block is held as often as tables list it, at most once by each; and it is free if none does."""
    return (
        num_holders == times_in_table + times_elsewhere
        and times_in_table >= 0
        and times_in_table <= 1
        and (is_free if num_holders == 0 else not is_free)
    )


def totals_are_conserved(num_free_blocks: int, num_owned_blocks: int, num_kv_blocks: int) -> bool:
    """What follows for a whole pool, summed over its blocks: each is free or in a table, and never both."""
    return num_free_blocks + num_owned_blocks == num_kv_blocks


def blocks_cover_tokens(request: Request, config: ServingConfig) -> bool:
    """The tokens whose keys and values a sequence holds fit into its blocks."""
    return request.num_computed_tokens <= request.num_blocks * config.block_size
