"""Changes of the launch forecast, by the invariant that each breaks."""

from proofs.mutants.mutant import Mutant

MUTANTS: dict[str, tuple[Mutant, ...]] = {
    "launch_covers_step": (
        Mutant(
            name="a preemption keeps the forecast",
            module="schedproof.engines.fastdeploy.rules.launch_forecast",
            function="at_planning",
            old="num_preempted > 0 or ",
            new="",
        ),
        Mutant(
            name="an insertion keeps the forecast",
            module="schedproof.engines.fastdeploy.rules.launch_forecast",
            function="after_batch_change",
            old="no_forecast()",
            new="forecast",
        ),
        Mutant(
            name="forecast one token a decode",
            module="schedproof.engines.fastdeploy.rules.launch_forecast",
            function="after_step",
            old="num_decoding * config.tokens_per_seq",
            new="num_decoding",
        ),
        Mutant(
            name="forecast on a prefill node",
            module="schedproof.engines.fastdeploy.rules.launch_forecast",
            function="after_step",
            old=" or not config.runs_decode",
            new="",
        ),
    ),
}
