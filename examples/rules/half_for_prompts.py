"""Long prompts make decodes slow, so prompts get half of a step at most. It sounds harmless."""

from schedproof import ServingConfig
from schedproof.engines.fastdeploy.reference_policy import ReferencePolicy


class HalfForPrompts(ReferencePolicy):
    """Prompts get what the decodes leave, and never more than half of the limit."""

    name = "half-for-prompts"

    def initial_budget(self, config: ServingConfig, num_decoding: int) -> int:
        """Return what the decodes leave, up to half of the limit."""
        left = super().initial_budget(config, num_decoding)
        return min(left, config.max_num_batched_tokens // 2)
