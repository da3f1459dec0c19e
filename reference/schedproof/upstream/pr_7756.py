"""PR 7756: a decode node plans for drafts too."""

from schedproof.config import ServingConfig
from schedproof.speculation import SpeculativeMethod
from schedproof.upstream.pr_7623 import Pr7623


class Pr7756(Pr7623):
    """Size a decode node's step by ``max_num_seqs * (k + 1)`` with any speculative method."""

    name = "7756"
    source = "PR 7756"
    summary = "max_chunk_tokens of a decode node counts drafts; the newest published version"

    def decode_node_tokens(self, config: ServingConfig) -> int:
        """Return the largest step of a decode node on GPU, drafts counted when a method is set."""
        if config.speculation is not None and config.speculation.method != SpeculativeMethod.NONE:
            return config.max_num_seqs * (config.num_speculative_tokens + 1)
        return config.max_num_seqs
