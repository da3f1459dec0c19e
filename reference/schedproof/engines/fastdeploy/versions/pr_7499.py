"""PR 7499: reserve tokens for the sequences that really decode."""

from schedproof.engines.fastdeploy import startup
from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.engines.fastdeploy.versions.pr_7237 import Pr7237
from schedproof.engines.fastdeploy.versions.pr_7438 import RESERVATION_FITS_BUDGET, tokens_per_seq_of_object


class Pr7499(Pr7237):
    """Count the decodes before the loop and take their tokens off at once."""

    name = "7499"
    source = "PR 7499"
    summary = "reserves (k + 1) per live decode and checks B >= N * (k + 1) at start-up"

    counts_prefilled = True

    def startup_checks(self) -> tuple[startup.StartupCheck, ...]:
        """Return the checks since PR 7237 and B >= N * t."""
        return (*startup.CHECKS_SINCE_7237, RESERVATION_FITS_BUDGET)

    def initial_budget(self, config: ServingConfig, num_decoding: int) -> int:
        """Return the limit less the live decodes."""
        return config.max_num_batched_tokens - num_decoding * tokens_per_seq_of_object(config)

    def decode_charge(self, config: ServingConfig) -> int:
        """Return 0: decodes were deducted before the loop."""
        return 0
