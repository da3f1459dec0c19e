"""PR 7444 (and its cherry-pick 7783): only decodes are preempted, and output is reserved by the token ratio.

A request is in the state of a decode from its first token on. The model lets the worker answer before the next
step, so that a running request has this state if, and only if, its prompt is computed; on a decode node all have
it, a request included that has just arrived and still has its first token to run.

``FD_USE_NEW_TOKEN_RATIO_RESERVE=0`` brings the older reserve back, so many blocks for each request: an engine that
is given an `OutputReserve` has it.
"""

from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.engines.fastdeploy.rules.blocks import blocks_beside_reserve, published_missing_blocks
from schedproof.engines.fastdeploy.versions.pr_7756 import Pr7756
from schedproof.request import Request


class Pr7444(Pr7756):
    """Preempt the last decode; hold a prompt back, and everything behind it, until its chunk leaves the reserve."""

    name = "7444"
    source = "PR 7444, PR 7783"
    summary = "preempts decodes alone, holds running prompts to the output reserve, reserves by tokens left"

    preempts_only_decodes = True
    reserves_by_token_ratio = True

    def blocks_to_admit(
        self,
        num_new_blocks: int,
        num_running: int,
        num_slots_used: int,
        num_reserved_blocks_per_seq: int,
        num_reserved_blocks: int,
        config: ServingConfig,
    ) -> int:
        """Return the new blocks and the reserve of those that run, and one block more with a speculative method."""
        reserved = num_running * num_reserved_blocks_per_seq + num_reserved_blocks
        return blocks_beside_reserve(num_new_blocks, reserved, config)

    def blocks_to_continue(
        self,
        request: Request,
        chunk: int,
        num_running: int,
        num_reserved_blocks_per_seq: int,
        num_reserved_blocks: int,
        config: ServingConfig,
    ) -> int:
        """Return the same for a running prompt; its own output is reserved too."""
        reserved = num_running * num_reserved_blocks_per_seq + num_reserved_blocks
        return blocks_beside_reserve(published_missing_blocks(request, chunk, config), reserved, config)
