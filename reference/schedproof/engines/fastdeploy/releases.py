"""Which version each release of FastDeploy has: people know their release, not a pull request.

A release branch takes single pull requests from the development branch, so its rules are not always those of one
pull request and all before it. Where they are not, the release is a version of its own, below.

What is known comes from the commits of the release branches as public forks carry them (release/2.3 up to November
2025, release/2.4 and release/2.5 up to the middle of April 2026, release/2.6 up to 2 June 2026), from the pages of
the pull requests, and from the news in FastDeploy's README. The commits that the published packages were built from
were not seen; what follows from dates alone is called inferred.
"""

from dataclasses import dataclass

from schedproof.engines.fastdeploy import startup
from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.engines.fastdeploy.policies import POLICIES
from schedproof.engines.fastdeploy.policy import Policy
from schedproof.engines.fastdeploy.rules.blocks import decode_blocks_with_drafts
from schedproof.engines.fastdeploy.rules.capacity import DispatchCapacity
from schedproof.engines.fastdeploy.versions.original import SEQS_FIT_BUDGET, Original, loaded_dispatch_capacity
from schedproof.engines.fastdeploy.versions.pr_7438 import Pr7438
from schedproof.engines.fastdeploy.versions.pr_7444 import Pr7444
from schedproof.request import Request

CHECKS_OF_2_3 = (
    startup.SEQS_IN_RANGE,
    *startup.COMMON_CHECKS,
    startup.MTP_CAPTURE_SIZE_IS_EVEN,
    SEQS_FIT_BUDGET,
)
CHECKS_OF_2_5 = (
    startup.SEQS_IN_RANGE,
    *startup.COMMON_CHECKS,
    startup.POOL_HOLDS_CONTEXT_AND_GROWTH,
    startup.CAPTURE_SIZE_IS_EVEN,
    startup.ROUTER_IS_GIVEN,
    SEQS_FIT_BUDGET,
)


class Release23(Original):
    """Before the size of the KV pool (PR 4983) and the router (PR 4891) were checked."""

    name = "release-2.3"
    source = "branch release/2.3, November 2025"
    summary = "as original, with fewer start-up checks"

    def startup_checks(self) -> tuple[startup.StartupCheck, ...]:
        """Return the checks of release 2.3."""
        return CHECKS_OF_2_3


class Release250(Original):
    """The package 2.5.0, before PR 7440 reached its branch."""

    name = "release-2.5.0"
    source = "branch release/2.5, before 17 April 2026"
    summary = "as original, with the start-up checks of release 2.5"

    def startup_checks(self) -> tuple[startup.StartupCheck, ...]:
        """Return the checks of release 2.5."""
        return CHECKS_OF_2_5


class Release25(Pr7438):
    """The branch from PR 7440 on: the budget of 7438 without the dispatch buffer of 7237."""

    name = "release-2.5"
    source = "branch release/2.5 from PR 7440 on"
    summary = "as 7438, with the dispatch buffer set by hand and the start-up checks of release 2.5"

    def startup_checks(self) -> tuple[startup.StartupCheck, ...]:
        """Return the checks of release 2.5."""
        return CHECKS_OF_2_5

    def dispatch_capacity(self, config: ServingConfig) -> DispatchCapacity:
        """Return what the model's ``config.json`` says, or the preset."""
        return loaded_dispatch_capacity(config)


class Release26(Pr7444):
    """The branch in June 2026, which took PR 7756 and, by PR 7783, PR 7444, but never PR 7237.

    Its threshold for the growth of a decode follows the drafts, which `POLICIES` has in no version.
    """

    name = "release-2.6"
    source = "branch release/2.6, 2 June 2026"
    summary = "as 7444, with the dispatch buffer set by hand, and an earlier growth of decodes with drafts"

    grows_early_with_drafts = True

    def decode_blocks(self, request: Request, config: ServingConfig) -> int:
        """Return ``enc_dec_block_num`` once few slots are free for the drafts."""
        return decode_blocks_with_drafts(request, config)

    def dispatch_capacity(self, config: ServingConfig) -> DispatchCapacity:
        """Return what the model's ``config.json`` says, or the preset."""
        return loaded_dispatch_capacity(config)


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A release that people run."""

    name: str
    """As a person names it, without a leading v."""
    policy: str
    """The newest policy of `POLICIES` whose rules the release has."""
    version: Policy
    """What the release is checked as: that policy, or the release where it differs."""
    source: str
    """What tells which rules it has."""
    note: str
    """What a reader of a verdict has to know, in one sentence; empty if nothing."""


RELEASES: dict[str, Release] = {
    release.name: release
    for release in (
        Release(
            name="2.3",
            policy="original",
            version=Release23(),
            source="release/2.3 as of 6 November 2025; the README dates 2.3 to November 2025",
            note="2.3.1 and later were not seen; they may check the KV pool and the router as 2.4 does",
        ),
        Release(
            name="2.4",
            policy="original",
            version=POLICIES["original"],
            source="release/2.4 from December 2025 to April 2026; the README dates 2.4 to January 2026",
            note="from PR 7090 (31 March 2026) on, the branch also wants FD_ENC_DEC_BLOCK_NUM more KV blocks",
        ),
        Release(
            name="2.5.0",
            policy="original",
            version=Release250(),
            source="release/2.5 up to 16 April 2026; the README dates 2.5 to March 2026, PR 7440 to 17 April 2026",
            note="that the package 2.5.0 is older than PR 7440 is inferred from the dates",
        ),
        Release(
            name="2.5",
            policy="7438",
            version=Release25(),
            source="PR 7440, the cherry-pick of PR 7438 to release/2.5; the branch up to 16 April 2026",
            note="this is the branch from PR 7440 (17 April 2026) on; for the package 2.5.0 give release 2.5.0",
        ),
        Release(
            name="2.6",
            policy="7444",
            version=Release26(),
            source="release/2.6 to 2 June 2026; PR 7439, 7562, 7640, 7758, 7783 are 7438, 7499, 7623, 7756, 7444",
            note="PR 8021, which is PR 8022 for a release branch, is newer than what was seen of this branch",
        ),
    )
}
"""Every known release by name, oldest first."""

VERSIONS: dict[str, Policy] = POLICIES | {
    release.version.name: release.version for release in RELEASES.values() if release.version.name not in POLICIES
}
"""Every policy by name, and the releases that are versions of their own."""

ALWAYS_CHUNKING = frozenset({"original", "release-2.3", "release-2.5.0", "release-2.5"})
"""Versions whose scheduler cuts prompts whatever ``FD_DISABLE_CHUNKED_PREFILL`` says: before PR 7152.

They also take the same ``max_num_batched_tokens`` by default with it as without, until PR 7407.
"""


def release_named(name: str) -> Release | None:
    """Return a release by the name that a person may use: ``v2.4``, ``2.4.1`` and ``release/2.4`` are 2.4."""
    plain = name.removeprefix("release/").removeprefix("v")
    if plain in RELEASES:
        return RELEASES[plain]
    line, _, patch = plain.rpartition(".")
    return RELEASES.get(line) if patch.isascii() and patch.isdigit() else None
