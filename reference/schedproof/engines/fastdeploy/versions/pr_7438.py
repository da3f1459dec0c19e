"""PR 7438 (and its cherry-pick 7440): reserve tokens for every slot, decoding or not."""

from schedproof.engines.fastdeploy import startup
from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.engines.fastdeploy.versions.pr_7237 import Pr7237

FLOOR_TOKENS = 512


def tokens_per_seq_of_object(config: ServingConfig) -> int:
    """Return k + 1 whenever a speculative config object exists, even with method None."""
    if config.speculation is not None:
        return config.num_speculative_tokens + 1
    return 1


def reserved_budget(config: ServingConfig) -> int:
    """Return the limit less a reservation for ``max_num_seqs`` sequences; it can be negative."""
    return config.max_num_batched_tokens - config.max_num_seqs * tokens_per_seq_of_object(config)


class Pr7438Draft(Pr7237):
    """The version under review: a conditional expression swallows the whole difference."""

    name = "7438-draft"
    source = "PR 7438, under review"
    summary = "the budget is 1 without a speculative config, then raised to the floor"

    def _unfloored_budget(self, config: ServingConfig) -> int:
        """Return the difference with a speculative config, and 1 without."""
        return (
            config.max_num_batched_tokens - config.max_num_seqs * (config.num_speculative_tokens + 1)
            if config.speculation is not None
            else 1
        )

    def initial_budget(self, config: ServingConfig, num_decoding: int) -> int:
        """Return the slip, raised to 512 tokens or B."""
        return max(self._unfloored_budget(config), min(config.max_num_batched_tokens, FLOOR_TOKENS))


class Pr7438DraftWithoutFloor(Pr7438Draft):
    """The slip alone, to see what it does by itself."""

    name = "7438-draft-unfloored"
    source = "PR 7438, under review, less its floor"
    summary = "the budget is 1 without a speculative config"

    def initial_budget(self, config: ServingConfig, num_decoding: int) -> int:
        """Return the slip as it is."""
        return self._unfloored_budget(config)


class Pr7438(Pr7237):
    """What was merged: reserve for every slot, then a floor of 512 tokens."""

    name = "7438"
    source = "PR 7438, PR 7440"
    summary = "reserves max_num_seqs * (k + 1), then raises the budget to at least min(B, 512)"

    def initial_budget(self, config: ServingConfig, num_decoding: int) -> int:
        """Return the reserved budget, raised to 512 tokens or B."""
        return max(reserved_budget(config), min(config.max_num_batched_tokens, FLOOR_TOKENS))


class ClampToZero(Pr7237):
    """A reviewer's suggestion: no floor above zero."""

    name = "7438-clamp"
    source = "PR 7440, review: clamp to zero"
    summary = "as 7438 with a floor of 0"

    def initial_budget(self, config: ServingConfig, num_decoding: int) -> int:
        """Return the reserved budget or 0."""
        return max(reserved_budget(config), 0)


class RefuseNegative(Pr7237):
    """A reviewer's suggestion: do not start with a negative budget."""

    name = "7438-assert"
    source = "PR 7440, review: assert the budget"
    summary = "as 7438 without a floor; refuses to start when the budget is negative"

    def startup_checks(self) -> tuple[startup.StartupCheck, ...]:
        """Return the earlier checks and a budget that is not negative."""
        return (*super().startup_checks(), RESERVATION_FITS_BUDGET)

    def initial_budget(self, config: ServingConfig, num_decoding: int) -> int:
        """Return the reserved budget."""
        return reserved_budget(config)


class BlockFloor(Pr7237):
    """A reviewer's suggestion: a floor that has a meaning."""

    name = "7438-block-floor"
    source = "PR 7440, review: max(block_size, tokens_per_seq)"
    summary = "as 7438 with a floor of one KV block or one decode"

    def initial_budget(self, config: ServingConfig, num_decoding: int) -> int:
        """Return the reserved budget, raised to one block or one decode."""
        return max(reserved_budget(config), max(config.block_size, tokens_per_seq_of_object(config)))


RESERVATION_FITS_BUDGET = startup.StartupCheck(
    "reservation_fits_budget",
    lambda c: reserved_budget(c) >= 0,
    lambda c: startup.reservation_problem(c, tokens_per_seq_of_object(c)),
)
