"""The fixed layout of the speculative output message, named once for every user of it.

Source: FastDeploy ``speculate_save_output.cc`` (PR 7172): a SysV message whose body is
``int32[2 + MAX_MESSAGE_SEQS + MAX_MESSAGE_SEQS * MAX_DRAFT_TOKENS]``.
"""

MAX_MESSAGE_SEQS = 256
"""Slots of a message: the largest batch that it can carry."""

MAX_PLAIN_MESSAGE_SEQS = 512
"""Slots of the message that carries one token a sequence, without speculation (``save_output``)."""

MAX_DRAFT_TOKENS = 6
"""Token ids per slot: accepted drafts plus the bonus token."""

HEADER_WORDS = 2
"""Message id with the stop flag, then the batch size."""

WORD_BYTES = 4

MAX_QUEUE_MESSAGE_BYTES = 8192
"""The usual kernel limit ``msgmax`` of a SysV queue."""

MESSAGE_WORDS = HEADER_WORDS + MAX_MESSAGE_SEQS + MAX_MESSAGE_SEQS * MAX_DRAFT_TOKENS
"""1,794 int32 words."""

MESSAGE_BYTES = MESSAGE_WORDS * WORD_BYTES
"""7,176 bytes."""
