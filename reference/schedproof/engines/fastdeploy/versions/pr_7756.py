"""PR 7756: a decode node plans for drafts too."""

from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.engines.fastdeploy.versions.original import largest_step
from schedproof.engines.fastdeploy.versions.pr_7623 import Pr7623, tokens_per_seq_of_method


class Pr7756(Pr7623):
    """Size a decode node's step by ``max_num_seqs * (k + 1)`` with any speculative method."""

    name = "7756"
    source = "PR 7756"
    summary = "max_chunk_tokens of a decode node counts drafts"

    def max_chunk_tokens(self, config: ServingConfig) -> int:
        """Return N * (k + 1) for a decode node on GPU when a method is set, whichever it is."""
        return largest_step(config, decode_node_tokens=config.max_num_seqs * tokens_per_seq_of_method(config))
