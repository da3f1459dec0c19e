"""PR 8022 (and its cherry-pick 8021): the nodes of a disaggregated pair reserve no output.

Known from its text alone, which fixes both changes: where a node is not mixed, the blocks of the chunk are all
that must be free; and a chunk that fits its blocks lacks none, where it lacked fewer than none before.
What a chunk is given was never negative, so the second changes nothing but what must be free.
"""

from schedproof.engines.fastdeploy.config import Role, ServingConfig
from schedproof.engines.fastdeploy.rules.blocks import published_prefill_blocks
from schedproof.engines.fastdeploy.versions.pr_8009 import Pr8009
from schedproof.request import Request


class Pr8022(Pr8009):
    """Take and continue a request on a prefill or decode node with the blocks that it needs itself."""

    name = "8022"
    source = "PR 8022, PR 8021"
    summary = "as 8009; prefill and decode nodes reserve no output"

    def blocks_to_admit(
        self,
        num_new_blocks: int,
        num_running: int,
        num_slots_used: int,
        num_reserved_blocks_per_seq: int,
        num_reserved_blocks: int,
        config: ServingConfig,
    ) -> int:
        """Return the new blocks alone on a node of a pair, and the reserve beside them on a mixed one."""
        if config.role != Role.MIXED:
            return num_new_blocks
        return super().blocks_to_admit(
            num_new_blocks, num_running, num_slots_used, num_reserved_blocks_per_seq, num_reserved_blocks, config
        )

    def blocks_to_continue(
        self,
        request: Request,
        chunk: int,
        num_running: int,
        num_reserved_blocks_per_seq: int,
        num_reserved_blocks: int,
        config: ServingConfig,
    ) -> int:
        """Return the same for a running prompt."""
        missing = published_prefill_blocks(request, chunk, config)
        return self.blocks_to_admit(
            missing, num_running, 0, num_reserved_blocks_per_seq, num_reserved_blocks, config
        )
