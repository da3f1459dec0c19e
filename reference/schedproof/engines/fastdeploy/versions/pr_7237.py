"""PR 7237: derive the dispatch capacity from the number of sequences."""

import logging

from schedproof.engines.fastdeploy import startup
from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.engines.fastdeploy.rules.capacity import DispatchCapacity, loaded_dispatch_tokens
from schedproof.engines.fastdeploy.speculation import SpeculativeMethod
from schedproof.engines.fastdeploy.versions.original import SEQS_FIT_BUDGET, Original, loaded_dispatch_capacity

LOG = logging.getLogger(__name__)


def is_replaced(found: int | None, derived: int) -> bool:
    """Return whether the derived value replaces the one that the rule finds; absent and 0 stay as they are."""
    return found is not None and found != 0 and found != derived


class Pr7237Draft(Original):
    """The version under review: a name of the speculative branch is used on both."""

    name = "7237-draft"
    source = "PR 7237, under review"
    summary = "derives the dispatch buffer, but its log line fails without speculation"

    def startup_checks(self) -> tuple[startup.StartupCheck, ...]:
        """Return the checks of its time and B >= N."""
        return (*startup.CHECKS_SINCE_7237, SEQS_FIT_BUDGET)

    def dispatch_capacity(self, config: ServingConfig) -> DispatchCapacity:
        """Return the derived capacity.

        Raises:
            UnboundLocalError: without speculation, when a value is replaced.
        """
        if config.speculation is not None and config.speculation.method != SpeculativeMethod.NONE:
            num_spec_tokens = config.num_speculative_tokens
            derived = config.max_num_seqs * (num_spec_tokens + 1)
        else:
            derived = config.max_num_seqs
        if is_replaced(loaded_dispatch_tokens(config), derived):
            LOG.info("max_num_seqs=%s, num_speculative_tokens=%s", config.max_num_seqs, num_spec_tokens)
            configured = config.num_max_dispatch_tokens_per_rank
            return DispatchCapacity(tokens=derived, configured=configured, reason="max_num_seqs * (k + 1)")
        return loaded_dispatch_capacity(config)


class Pr7237(Original):
    """Replace the loaded value by ``max_num_seqs * (num_speculative_tokens + 1)``."""

    name = "7237"
    source = "PR 7237"
    summary = "derives the dispatch buffer, unless config.json sets it to 0"

    def startup_checks(self) -> tuple[startup.StartupCheck, ...]:
        """Return the checks of its time and B >= N."""
        return (*startup.CHECKS_SINCE_7237, SEQS_FIT_BUDGET)

    def dispatch_capacity(self, config: ServingConfig) -> DispatchCapacity:
        """Return the derived capacity, or 0 where 0 is configured."""
        num_spec_tokens = 0
        if config.speculation is not None and config.speculation.method != SpeculativeMethod.NONE:
            num_spec_tokens = config.num_speculative_tokens
        derived = config.max_num_seqs * (num_spec_tokens + 1)
        if is_replaced(loaded_dispatch_tokens(config), derived):
            return DispatchCapacity(
                tokens=derived,
                configured=config.num_max_dispatch_tokens_per_rank,
                reason="max_num_seqs * (num_speculative_tokens + 1), or max_num_seqs without speculation",
            )
        return loaded_dispatch_capacity(config)
