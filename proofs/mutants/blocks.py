"""Changes of KV blocks, by the invariant that each breaks."""

from proofs.mutants.mutant import Mutant

MUTANTS: dict[str, tuple[Mutant, ...]] = {
    "blocks_conserved": (
        Mutant(
            name="free a block that another table still holds",
            module="schedproof.kv.pool",
            function="BlockPool.give_back",
            old="self.num_holders[block_id] == 0",
            new="self.num_holders[block_id] >= 0",
        ),
        Mutant(
            name="lose the block that was shared last",
            module="schedproof.kv.pool",
            function="BlockPool.give_back",
            old="self.num_holders[block_id] == 0",
            new="self.num_holders[block_id] < 0",
        ),
        Mutant(
            name="share a cached block and leave it in the free list",
            module="schedproof.kv.pool",
            function="BlockPool.share",
            old="self.num_holders[block_id] == 0",
            new="self.num_holders[block_id] < 0",
        ),
        Mutant(
            name="take a block without counting its holder",
            module="schedproof.kv.pool",
            function="BlockPool.take",
            old="self.num_holders[block_id] + 1",
            new="self.num_holders[block_id]",
        ),
    ),
    "blocks_cover_tokens": (
        Mutant(
            name="give a decode no room for its drafts",
            module="schedproof.engines.fastdeploy.rules.blocks",
            function="decode_blocks",
            old="request.num_total_tokens - 1 + config.tokens_per_seq",
            new="request.num_total_tokens",
        ),
        Mutant(
            name="produce one token more than the limit",
            module="schedproof.engines.fastdeploy.life.request_events",
            function="num_produced_tokens",
            old="max_total_tokens - request.num_total_tokens",
            new="max_total_tokens - request.num_total_tokens + 1",
        ),
        Mutant(
            name="count a cached block twice",
            module="schedproof.engines.fastdeploy.life.request_events",
            function="after_chunk",
            old=" - request.num_free_cached_blocks",
            new="",
        ),
        Mutant(
            name="resume with the old prompt only",
            module="schedproof.engines.fastdeploy.life.request_events",
            function="after_preemption",
            old="need_prefill_tokens=request.num_total_tokens",
            new="need_prefill_tokens=request.need_prefill_tokens",
        ),
        Mutant(
            name="start in the middle of an item",
            module="schedproof.engines.fastdeploy.life.request_events",
            function="num_usable_cached_blocks",
            old="position < item.end",
            new="False",
        ),
        Mutant(
            name="take the whole prompt from the cache",
            module="schedproof.engines.fastdeploy.life.request_events",
            function="num_usable_cached_blocks",
            old="request.need_prefill_tokens - 1",
            new="request.need_prefill_tokens",
        ),
    ),
}
