"""The policy that schedproof proves."""

from schedproof.engines.fastdeploy import startup
from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.engines.fastdeploy.rules.blocks import decode_blocks, prefill_blocks
from schedproof.engines.fastdeploy.rules.budget import prefill_budget
from schedproof.engines.fastdeploy.rules.capacity import DispatchCapacity, dispatch_capacity, max_chunk_tokens
from schedproof.engines.fastdeploy.rules.chunk import next_chunk
from schedproof.request import Request


class ReferencePolicy(Policy):
    """Serve every decode, charge what the worker runs, give the rest to prefill in order."""

    name = "reference"
    source = "schedproof"
    summary = "reserves what the live decodes run, visits them all, and never cuts or overshoots on an item"

    def startup_checks(self) -> tuple[startup.StartupCheck, ...]:
        """Return the common checks, and one for each way in which a configuration cannot be kept safe."""
        return (
            startup.SEQS_FIT_MESSAGE,
            *startup.COMMON_CHECKS,
            startup.DECODES_FIT_BUDGET,
            startup.DRAFTS_FIT_MESSAGE,
            startup.WHOLE_PROMPT_FITS_BUDGET,
            startup.ITEM_FITS_BESIDE_DECODES,
            startup.ALIGNED_CHUNK_FITS_BESIDE_DECODES,
            startup.LONGEST_REQUEST_FITS_POOL,
            startup.DISPATCH_FITS_LIBRARY,
        )

    def initial_budget(self, config: ServingConfig, num_decoding: int) -> int:
        """Return the limit less what the live decodes run."""
        return prefill_budget(config, num_decoding)

    def decode_charge(self, config: ServingConfig) -> int:
        """Return 0: decodes are paid for before the loop."""
        return 0

    def keeps_visiting(self, budget: int) -> bool:
        """Return True: a decode needs its KV blocks even when nothing is left for prefill."""
        return True

    def next_chunk(self, request: Request, budget: int, config: ServingConfig) -> int:
        """Return the longest chunk that cuts nothing."""
        return next_chunk(request, budget, config)

    def prefill_blocks(self, request: Request, chunk: int, config: ServingConfig) -> int:
        """Return enough blocks for the chunk, and one more with speculation."""
        return prefill_blocks(request, chunk, config)

    def decode_blocks(self, request: Request, config: ServingConfig) -> int:
        """Return enough blocks for the step."""
        return decode_blocks(request, config)

    def max_chunk_tokens(self, config: ServingConfig) -> int:
        """Return the largest step of the role."""
        return max_chunk_tokens(config)

    def dispatch_capacity(self, config: ServingConfig) -> DispatchCapacity:
        """Return what a full decode step dispatches, aligned."""
        return dispatch_capacity(config)
