"""FastDeploy before PR 7237 and PR 7438."""

from schedproof.engines.fastdeploy import startup
from schedproof.engines.fastdeploy.config import MultimodalInput, Platform, Role, ServingConfig
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.engines.fastdeploy.rules.blocks import (
    decode_blocks_by_threshold,
    published_blocks_to_admit,
    published_preallocated_blocks,
    published_prefill_blocks,
)
from schedproof.engines.fastdeploy.rules.capacity import DispatchCapacity, loaded_dispatch_tokens
from schedproof.engines.fastdeploy.rules.chunk import published_chunk
from schedproof.request import Request


class Original(Policy):
    """Charge one token for a decode, whatever the worker runs."""

    name = "original"
    source = "before PR 7237"
    summary = "budget B, one token per visited decode, dispatch buffer set by hand"

    keeps_slot_of_preempted = True
    skips_unfit_prompts = True
    aborts_when_visited = True
    prefills_on_arrival = True
    plans_transfers = False
    relaxes_reserve = True

    def startup_checks(self) -> tuple[startup.StartupCheck, ...]:
        """Return the checks of release 2.4 and B >= N."""
        return (*startup.CHECKS_BEFORE_7237, SEQS_FIT_BUDGET)

    def initial_budget(self, config: ServingConfig, num_decoding: int) -> int:
        """Return the whole limit."""
        return config.max_num_batched_tokens

    def decode_charge(self, config: ServingConfig) -> int:
        """Return 1, with or without drafts."""
        return 1

    def keeps_visiting(self, budget: int) -> bool:
        """Return whether budget is left; decodes behind that point get no blocks."""
        return budget > 0

    def next_chunk(self, request: Request, budget: int, config: ServingConfig) -> int:
        """Return the chunk, run past the budget to the end of an item."""
        return published_chunk(request, budget, config)

    def prefill_blocks(self, request: Request, chunk: int, config: ServingConfig) -> int:
        """Return what the chunk lacks, and one block more with a speculative method."""
        return published_prefill_blocks(request, chunk, config)

    def may_admit(self, request: Request, budget: int, config: ServingConfig) -> bool:
        """Return whether the budget holds the whole prompt, its cached part included, when none may be cut."""
        return config.chunked_prefill or budget >= request.need_prefill_tokens

    def blocks_to_admit(
        self,
        num_new_blocks: int,
        num_running: int,
        num_slots_used: int,
        num_reserved_blocks_per_seq: int,
        num_reserved_blocks: int,
        config: ServingConfig,
    ) -> int:
        """Return the new blocks and the reserve of those that run."""
        return published_blocks_to_admit(num_new_blocks, num_running, num_reserved_blocks_per_seq, config)

    def preallocated_blocks(self, num_prompt_tokens: int, config: ServingConfig) -> int:
        """Return the prompt's blocks and one growth."""
        return published_preallocated_blocks(num_prompt_tokens, config)

    def uses_up_budget(self, config: ServingConfig) -> bool:
        """Return True but for alignment, which cuts chunks down, and images, where a resumed prompt is cut."""
        if config.deterministic:
            return False
        return config.max_multimodal_item_tokens == 0 or config.multimodal_input == MultimodalInput.PATCHES

    def decode_blocks(self, request: Request, config: ServingConfig) -> int:
        """Return ``enc_dec_block_num`` once few slots are free."""
        return decode_blocks_by_threshold(request, config)

    def max_chunk_tokens(self, config: ServingConfig) -> int:
        """Return N for a decode node on GPU: one token a sequence."""
        return largest_step(config, decode_node_tokens=config.max_num_seqs)

    def dispatch_capacity(self, config: ServingConfig) -> DispatchCapacity:
        """Return what the model's ``config.json`` says, or the preset."""
        return loaded_dispatch_capacity(config)


def largest_step(config: ServingConfig, decode_node_tokens: int) -> int:
    """Return what FastDeploy plans for: B, or B and an item up to L with multimodal input.

    A decode node on GPU has a size of its own, which is where the versions differ; on XPU it plans for B.
    """
    if config.role == Role.DECODE:
        if config.platform == Platform.XPU:
            return config.max_num_batched_tokens
        return decode_node_tokens
    if config.max_multimodal_item_tokens > 0:
        widest = config.max_num_batched_tokens + config.max_multimodal_item_tokens
        return min(widest, config.max_model_len)
    return config.max_num_batched_tokens


def loaded_dispatch_capacity(config: ServingConfig) -> DispatchCapacity:
    """Return the capacity that is set by hand, or the preset."""
    configured = config.num_max_dispatch_tokens_per_rank
    reason = "preset: config.json says nothing" if configured is None else "set in config.json"
    return DispatchCapacity(tokens=loaded_dispatch_tokens(config), configured=configured, reason=reason)


SEQS_FIT_BUDGET = startup.StartupCheck(
    "seqs_fit_budget",
    lambda c: c.max_num_batched_tokens >= c.max_num_seqs,
    lambda c: (
        f"max_num_batched_tokens is {c.max_num_batched_tokens}, less than max_num_seqs {c.max_num_seqs}; "
        f"raise max_num_batched_tokens to {c.max_num_seqs} or lower max_num_seqs to {c.max_num_batched_tokens}"
    ),
)
