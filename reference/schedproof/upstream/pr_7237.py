"""PR 7237: derive the dispatch capacity from the number of sequences."""

from schedproof.capacity import DispatchCapacity
from schedproof.config import ServingConfig
from schedproof.speculation import SpeculativeMethod
from schedproof.upstream.original import Original, configured_dispatch_capacity


class Pr7237Draft(Original):
    """The version under review: a name of the speculative branch is used on both."""

    name = "7237-draft"
    source = "PR 7237, under review"
    summary = "derives the dispatch buffer, but its log line fails without speculation"

    def dispatch_capacity(self, config: ServingConfig) -> DispatchCapacity:
        """Return the derived capacity.

        Raises:
            UnboundLocalError: without speculation, when a configured value is replaced.
        """
        if config.speculation is not None and config.speculation.method != SpeculativeMethod.NONE:
            num_spec_tokens = config.num_speculative_tokens
            derived = config.max_num_seqs * (num_spec_tokens + 1)
        else:
            derived = config.max_num_seqs
        configured = config.num_max_dispatch_tokens_per_rank
        if configured is not None and configured != 0 and configured != derived:
            reason = f"max_num_seqs={config.max_num_seqs}, num_speculative_tokens={num_spec_tokens}"
            return DispatchCapacity(tokens=derived, configured=configured, reason=reason)
        return configured_dispatch_capacity(config)


class Pr7237(Original):
    """Replace a configured value by ``max_num_seqs * (num_speculative_tokens + 1)``."""

    name = "7237"
    source = "PR 7237"
    summary = "derives the dispatch buffer, unless config.json leaves it absent or 0"

    def dispatch_capacity(self, config: ServingConfig) -> DispatchCapacity:
        """Return the derived capacity where a non-zero one is configured; absent and 0 stay as they are."""
        num_spec_tokens = 0
        if config.speculation is not None and config.speculation.method != SpeculativeMethod.NONE:
            num_spec_tokens = config.num_speculative_tokens
        derived = config.max_num_seqs * (num_spec_tokens + 1)
        configured = config.num_max_dispatch_tokens_per_rank
        if configured is not None and configured != 0 and configured != derived:
            return DispatchCapacity(
                tokens=derived,
                configured=configured,
                reason="max_num_seqs * (num_speculative_tokens + 1), or max_num_seqs without speculation",
            )
        return configured_dispatch_capacity(config)
