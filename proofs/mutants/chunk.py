"""Changes of how prompts are cut, by the invariant that each breaks."""

from proofs.mutants.mutant import Mutant

MUTANTS: dict[str, tuple[Mutant, ...]] = {
    "chunk_within_prompt": (
        Mutant(
            name="let the budget decide beyond the prompt's end",
            module="schedproof.engines.fastdeploy.rules.chunk",
            function="reachable_end",
            old="return need",
            new="return computed + budget",
        ),
        Mutant(
            name="align an end below the start",
            module="schedproof.engines.fastdeploy.rules.chunk",
            function="reachable_end",
            old="max(computed, aligned)",
            new="aligned",
        ),
    ),
    "chunk_respects_items": (
        Mutant(
            name="cut the item",
            module="schedproof.engines.fastdeploy.rules.chunk",
            function="next_chunk",
            old="end = item.start",
            new="pass",
        ),
        Mutant(
            name="run the item past the budget",
            module="schedproof.engines.fastdeploy.rules.chunk",
            function="next_chunk",
            old="end = item.start",
            new="end = item.end",
        ),
    ),
    "chunk_capacity_covers_step": (
        Mutant(
            name="forget the drafts of a decode node",
            module="schedproof.engines.fastdeploy.rules.capacity",
            function="max_chunk_tokens",
            old="config.max_decode_tokens",
            new="config.max_num_seqs",
        ),
        Mutant(
            name="plan for the limit on a decode node",
            module="schedproof.engines.fastdeploy.rules.capacity",
            function="max_chunk_tokens",
            old="config.max_decode_tokens",
            new="config.max_num_batched_tokens",
        ),
    ),
}
