"""Speculative decoding: who proposes drafts, and which drafts the target model verifies in its batch."""

from dataclasses import dataclass
from enum import StrEnum


class SpeculativeMethod(StrEnum):
    """FastDeploy's ``speculative_config.method``; ``NONE`` is a config object whose method is None."""

    NONE = "none"
    NAIVE = "naive"
    NGRAM = "ngram"
    SUFFIX = "suffix"
    MTP = "mtp"


DRAFTS_IN_TARGET_BATCH = {
    SpeculativeMethod.NONE: False,
    SpeculativeMethod.NAIVE: False,
    SpeculativeMethod.NGRAM: True,
    SpeculativeMethod.SUFFIX: True,
    SpeculativeMethod.MTP: True,
}
"""Whether a method's drafts are tokens of the target model's step.

Drafts that the target model verifies run through it, wherever they come from, so n-gram and suffix drafts
count like MTP drafts. ``naive`` runs the speculative path without drafts. FastDeploy leaves the question open
(review of PR 7756; PR 7623 charges MTP alone); this table is the only place that answers it.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeculativeConfig:
    """FastDeploy's ``--speculative-config``; the object usually exists even when speculation is off."""

    method: SpeculativeMethod = SpeculativeMethod.NONE
    num_speculative_tokens: int = 1
    """Drafts per sequence and step, as the user wrote it (k)."""
    num_model_steps: int = 1
    """Forward passes of the MTP draft model; MTP raises k to at least this."""
