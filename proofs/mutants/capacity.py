"""Changes of sizes that are fixed at start-up, by the invariant that each breaks."""

from proofs.mutants.mutant import Mutant

MUTANTS: dict[str, tuple[Mutant, ...]] = {
    "decode_fits_budget": (
        Mutant(
            name="check the sequences without their drafts",
            module="schedproof.engines.fastdeploy.startup",
            function="decodes_fit_budget",
            old="config.max_decode_tokens",
            new="config.max_num_seqs",
        ),
        Mutant(
            name="compare the wrong way round",
            module="schedproof.engines.fastdeploy.startup",
            function="decodes_fit_budget",
            old="config.max_decode_tokens <=",
            new="config.max_decode_tokens >=",
        ),
    ),
    "dispatch_capacity_covers_step": (
        Mutant(
            name="round the capacity down",
            module="schedproof.engines.fastdeploy.rules.capacity",
            function="dispatch_capacity",
            old="ceil_div(config.max_decode_tokens, DISPATCH_ALIGNMENT)",
            new="(config.max_decode_tokens // DISPATCH_ALIGNMENT)",
        ),
        Mutant(
            name="check the library's limits on every node but those that dispatch",
            module="schedproof.engines.fastdeploy.startup",
            function="dispatch_fits_library",
            old="if not config.uses_low_latency_dispatch",
            new="if config.uses_low_latency_dispatch",
        ),
    ),
    "message_fits": (
        Mutant(
            name="accept one draft too many",
            module="schedproof.engines.fastdeploy.startup",
            function="drafts_fit_message",
            old="<= MAX_DRAFT_TOKENS",
            new="<= MAX_DRAFT_TOKENS + 1",
        ),
        Mutant(
            name="accept any number of sequences",
            module="schedproof.engines.fastdeploy.startup",
            function="seqs_fit_message",
            old="config.max_num_seqs <= message_slots(config)",
            new="config.max_num_seqs >= 1",
        ),
    ),
}
