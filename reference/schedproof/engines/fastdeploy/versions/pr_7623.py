"""PR 7623: charge drafts where a method is set."""

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


class Pr7623Draft(Pr7499):
    """The version under review: only MTP drafts count."""

    name = "7623-draft"
    source = "PR 7623, under review"
    summary = "as 7499, with drafts charged for MTP alone"

    def startup_checks(self) -> tuple[startup.StartupCheck, ...]:
        """Return the checks since PR 7237 and B >= N * (k + 1) for MTP, B >= N else."""
        return (*startup.CHECKS_SINCE_7237, MTP_DECODES_FIT_BUDGET)

    def initial_budget(self, config: ServingConfig, num_decoding: int) -> int:
        """Return the limit less the live decodes, drafts counted with MTP."""
        return config.max_num_batched_tokens - num_decoding * tokens_per_seq_of_mtp(config)


class Pr7623(Pr7499):
    """As 7499, but a config object without a method counts no drafts."""

    name = "7623"
    source = "PR 7623"
    summary = "as 7499, with drafts charged when a method is set"

    def startup_checks(self) -> tuple[startup.StartupCheck, ...]:
        """Return the checks since PR 7237 and B >= N * (k + 1) when a method is set, B >= N else."""
        return (*startup.CHECKS_SINCE_7237, METHOD_DECODES_FIT_BUDGET)

    def initial_budget(self, config: ServingConfig, num_decoding: int) -> int:
        """Return the limit less the live decodes, drafts counted when a method is set."""
        return config.max_num_batched_tokens - num_decoding * tokens_per_seq_of_method(config)


MTP_DECODES_FIT_BUDGET = startup.StartupCheck(
    "mtp_decodes_fit_budget",
    lambda c: c.max_num_batched_tokens >= c.max_num_seqs * tokens_per_seq_of_mtp(c),
    lambda c: startup.reservation_problem(c, tokens_per_seq_of_mtp(c)),
)
METHOD_DECODES_FIT_BUDGET = startup.StartupCheck(
    "method_decodes_fit_budget",
    lambda c: c.max_num_batched_tokens >= c.max_num_seqs * tokens_per_seq_of_method(c),
    lambda c: startup.reservation_problem(c, tokens_per_seq_of_method(c)),
)
