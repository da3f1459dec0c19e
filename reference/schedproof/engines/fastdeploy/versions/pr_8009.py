"""PR 8009: on a prefill node a running prompt needs the blocks of its chunk, and no reserve.

Known from its text alone, which says that the code before it looked for 0 blocks there, so that a chunk could start
without the blocks that it takes. No version here does that: which pull request brought it is not known.
"""

from schedproof.engines.fastdeploy.config import Role, ServingConfig
from schedproof.engines.fastdeploy.rules.blocks import published_missing_blocks
from schedproof.engines.fastdeploy.versions.pr_7981 import Pr7981
from schedproof.request import Request


class Pr8009(Pr7981):
    """Hold a prompt of a prefill node to the blocks that it lacks, which can be none or fewer."""

    name = "8009"
    source = "PR 8009"
    summary = "as 7981; a running prompt of a prefill node leaves no reserve"

    def blocks_to_continue(
        self,
        request: Request,
        chunk: int,
        num_running: int,
        num_reserved_blocks_per_seq: int,
        num_reserved_blocks: int,
        config: ServingConfig,
    ) -> int:
        """Return the blocks that the chunk lacks on a prefill node, and the reserve beside them elsewhere."""
        if config.role == Role.PREFILL:
            return published_missing_blocks(request, chunk, config)
        return super().blocks_to_continue(
            request, chunk, num_running, num_reserved_blocks_per_seq, num_reserved_blocks, config
        )
