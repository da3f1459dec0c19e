"""Nothing is reserved before the loop: each decode pays when it is visited, and for all that the worker runs."""

from schedproof import ServingConfig
from schedproof.engines.fastdeploy.reference_policy import ReferencePolicy
from schedproof.engines.fastdeploy.startup import StartupCheck

TEXT_IN_CHUNKS = StartupCheck(
    "text_in_chunks",
    lambda config: config.chunked_prefill and not config.deterministic and config.max_multimodal_item_tokens == 0,
    lambda config: (
        "a chunk that ends before its prompt must leave no budget, or a decode behind it is not paid for; "
        "turn on chunked prefill, for text alone"
    ),
)


class ChargeOnVisit(ReferencePolicy):
    """The whole limit at first; a decode takes a token for itself and one for each of its drafts."""

    name = "charge-on-visit"

    def startup_checks(self) -> tuple[StartupCheck, ...]:
        """Return the reference's, and that prompts are text and may be cut anywhere."""
        return (*super().startup_checks(), TEXT_IN_CHUNKS)

    def initial_budget(self, config: ServingConfig, num_decoding: int) -> int:
        """Return the limit, however many decodes there are."""
        return config.max_num_batched_tokens

    def decode_charge(self, config: ServingConfig) -> int:
        """Return what the worker runs for a decode: itself and its drafts."""
        return config.tokens_per_seq
