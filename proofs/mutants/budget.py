"""Changes of what a step hands out, by the invariant that each breaks."""

from proofs.mutants.mutant import Mutant

MUTANTS: dict[str, tuple[Mutant, ...]] = {
    "budget_nonnegative": (
        Mutant(
            name="reserve nothing for drafts at the start-up check",
            module="schedproof.engines.fastdeploy.startup",
            function="decodes_fit_budget",
            old="config.max_decode_tokens",
            new="config.max_num_seqs",
        ),
        Mutant(
            name="run an item past the budget",
            module="schedproof.engines.fastdeploy.rules.chunk",
            function="next_chunk",
            old="end = item.start",
            new="end = item.end",
        ),
    ),
    "no_overshoot": (
        Mutant(
            name="charge one token a decode",
            module="schedproof.engines.fastdeploy.rules.budget",
            function="decode_tokens",
            old="num_decoding * config.tokens_per_seq",
            new="num_decoding",
        ),
        Mutant(
            name="forget the bonus token",
            module="schedproof.engines.fastdeploy.rules.budget",
            function="decode_tokens",
            old="config.tokens_per_seq",
            new="(config.tokens_per_seq - 1)",
        ),
    ),
    "budget_tight": (
        Mutant(
            name="reserve for every slot",
            module="schedproof.engines.fastdeploy.rules.budget",
            function="prefill_budget",
            old="decode_tokens(config, num_decoding)",
            new="decode_tokens(config, config.max_num_seqs)",
        ),
        Mutant(
            name="take a decode off the budget that is not there",
            module="schedproof.engines.fastdeploy.rules.budget",
            function="decode_tokens",
            old="num_decoding *",
            new="(num_decoding + 1) *",
        ),
    ),
    "every_decode_served": (
        Mutant(
            name="stop when the budget is used up",
            module="schedproof.engines.fastdeploy.reference_policy",
            function="ReferencePolicy.keeps_visiting",
            old="return True",
            new="return budget > 0",
        ),
        Mutant(
            name="forget that the last sampled token is written too",
            module="schedproof.engines.fastdeploy.rules.blocks",
            function="decode_blocks",
            old="request.num_total_tokens - 1 + config.tokens_per_seq",
            new="request.num_total_tokens - 2 + config.tokens_per_seq",
        ),
    ),
    "charge_follows_method": (
        Mutant(
            name="charge a decode without its drafts",
            module="schedproof.engines.fastdeploy.rules.budget",
            function="decode_tokens",
            old="num_decoding * config.tokens_per_seq",
            new="num_decoding",
        ),
        Mutant(
            name="charge a visited decode once more",
            module="schedproof.engines.fastdeploy.reference_policy",
            function="ReferencePolicy.decode_charge",
            old="return 0",
            new="return 1",
        ),
    ),
}
