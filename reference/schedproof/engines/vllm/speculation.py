"""Speculative decoding in vLLM: what each method takes from the scheduler's budgets and from the KV cache.

Source: ``SpeculativeConfig.max_num_new_slots_for_drafting`` (vllm/config/speculative.py),
``VllmConfig.num_lookahead_tokens`` and ``VllmConfig.num_prefill_lookahead_tokens`` (vllm/config/vllm.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class SpeculativeMethod(StrEnum):
    """``method`` of ``--speculative-config``; vLLM turns every ``*_mtp`` name into ``mtp``."""

    NGRAM = "ngram"
    NGRAM_GPU = "ngram_gpu"
    SUFFIX = "suffix"
    EAGLE = "eagle"
    EAGLE3 = "eagle3"
    MTP = "mtp"
    DRAFT_MODEL = "draft_model"
    DFLASH = "dflash"
    DSPARK = "dspark"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeculativeConfig:
    """vLLM's ``--speculative-config``."""

    method: SpeculativeMethod
    num_speculative_tokens: int
    """Drafts per sequence and step (k)."""
    parallel_drafting: bool = False
    """Whether the drafter proposes all drafts in one pass: P-EAGLE, or PARD with a draft model."""
    num_mtp_modules: int = 1
    """MTP modules of the checkpoint, its ``num_nextn_predict_layers``."""
    samples_from_anchor: bool = True
    """Whether a DSpark drafter samples its first draft from the anchor; otherwise it fills in, as DFlash does."""

    @property
    def drafts_in_own_pass(self) -> bool:
        """Whether drafting is a pass of its own, beside the step, with rows of its own."""
        return self.method == SpeculativeMethod.DFLASH or self.method == SpeculativeMethod.DSPARK

    @property
    def reads_hidden_states(self) -> bool:
        """Whether the drafter reads the target model's hidden states; vLLM's ``use_eagle``."""
        return (
            self.method == SpeculativeMethod.EAGLE
            or self.method == SpeculativeMethod.EAGLE3
            or self.method == SpeculativeMethod.MTP
            or self.drafts_in_own_pass
        )

    @property
    def draft_slots(self) -> int:
        """Rows that each scheduled request takes in the drafter's input beside its tokens (d)."""
        if self.drafts_in_own_pass:
            return 0
        if self.parallel_drafting:
            if self.method == SpeculativeMethod.DRAFT_MODEL:
                return self.num_speculative_tokens
            return self.num_speculative_tokens - 1
        if self.method == SpeculativeMethod.DRAFT_MODEL:
            return 1
        return 0

    @property
    def lookahead_tokens(self) -> int:
        """KV slots that the drafter writes behind the tokens of a step (h)."""
        fills_in = self.method == SpeculativeMethod.DSPARK and not self.samples_from_anchor
        if self.method == SpeculativeMethod.DFLASH or fills_in:
            return self.num_speculative_tokens + 1
        if self.reads_hidden_states or self.method == SpeculativeMethod.DRAFT_MODEL:
            return self.num_speculative_tokens
        return 0

    @property
    def prefill_lookahead_tokens(self) -> int:
        """Prompt tokens behind a chunk that the drafter reads: one, or k where it has several MTP modules."""
        if not self.reads_hidden_states:
            return 0
        if self.method == SpeculativeMethod.MTP and self.num_mtp_modules > 1 and self.num_speculative_tokens > 1:
            return self.num_speculative_tokens
        return 1
