"""PR 7623: charge drafts with MTP alone."""

from schedproof.engines.fastdeploy import startup
from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.engines.fastdeploy.speculation import SpeculativeMethod
from schedproof.engines.fastdeploy.versions.pr_7499 import Pr7499


def tokens_per_seq_of_mtp(config: ServingConfig) -> int:
    """Return k + 1 with MTP, and 1 with every other method."""
    if config.speculation is not None and config.speculation.method == SpeculativeMethod.MTP:
        return config.num_speculative_tokens + 1
    return 1


def tokens_per_seq_of_method(config: ServingConfig) -> int:
    """Return k + 1 when a method is set, whichever it is."""
    if config.speculation is not None and config.speculation.method != SpeculativeMethod.NONE:
        return config.num_speculative_tokens + 1
    return 1


class Pr7623(Pr7499):
    """As 7499, but only MTP drafts count."""

    name = "7623"
    source = "PR 7623"
    summary = "as 7499, with drafts charged only for MTP"

    def startup_checks(self) -> tuple[startup.StartupCheck, ...]:
        """Return the checks since PR 7237 and B >= N * (k + 1) when a method is set, B >= N else."""
        return (*startup.CHECKS_SINCE_7237, METHOD_DECODES_FIT_BUDGET)

    def initial_budget(self, config: ServingConfig, num_decoding: int) -> int:
        """Return the limit less the live decodes, drafts counted with MTP."""
        return config.max_num_batched_tokens - num_decoding * tokens_per_seq_of_mtp(config)


METHOD_DECODES_FIT_BUDGET = startup.StartupCheck(
    "method_decodes_fit_budget",
    lambda c: c.max_num_batched_tokens >= c.max_num_seqs * tokens_per_seq_of_method(c),
    lambda c: startup.reservation_problem(c, tokens_per_seq_of_method(c)),
)
