"""One step's accepted tokens as the fixed int32 message, and the strict reader of that message.

Layout: word 0 is ``+id``, or ``-id`` when the step ends the generation; word 1 the batch size; then one accepted
count per slot; then ``MAX_DRAFT_TOKENS`` token ids per slot. Everything that was not accepted is 0.

Source: FastDeploy ``custom_ops/gpu_ops/speculate_decoding/speculate_save_output.cc`` (PR 7172). What upstream does
differently is kept in :mod:`schedproof.output.before_7172`.
"""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schedproof.arguments import array_fault, in_range, shown
from schedproof.output.message_layout import HEADER_WORDS, MAX_DRAFT_TOKENS, MAX_MESSAGE_SEQS, MESSAGE_WORDS

ID_WORD = 0
BATCH_WORD = 1
TOKENS_BEGIN = HEADER_WORDS + MAX_MESSAGE_SEQS
"""First word of the token ids."""

RESERVED_MESSAGE_ID = 2
"""FastDeploy keeps this queue id for another channel."""

INT32_MIN = -(2**31)
INT32_MAX = 2**31 - 1


class OutputError(ValueError):
    """A step's output cannot be carried by the message, or a message is not one that was packed."""


@dataclass(frozen=True, slots=True)
class StepOutput:
    """What sampling left behind for one step.

    ``accept_tokens`` int64[batch, width] token ids, ``accept_num`` int32[batch] accepted tokens per slot,
    ``seq_lens_decoder`` int32[batch] tokens already decoded, ``prompt_lens`` int64[batch] prompt tokens.
    ``width`` is 1..MAX_DRAFT_TOKENS, ``batch`` is 0..MAX_MESSAGE_SEQS.
    """

    accept_tokens: NDArray[np.int64]
    accept_num: NDArray[np.int32]
    seq_lens_decoder: NDArray[np.int32]
    prompt_lens: NDArray[np.int64]
    not_need_stop: bool = True
    skip_prefill: bool = False


@dataclass(frozen=True, slots=True)
class UnpackedOutput:
    """What a reader takes out of a message: ``tokens[slot]`` are the ids accepted in that slot, in order."""

    message_id: int
    not_need_stop: bool
    tokens: tuple[tuple[int, ...], ...]


def count_word(slot: int) -> int:
    """Word of a slot's accepted count."""
    return HEADER_WORDS + slot


def token_word(slot: int, position: int) -> int:
    """Word of the token id at ``position`` of a slot."""
    return TOKENS_BEGIN + slot * MAX_DRAFT_TOKENS + position


def signed_id(message_id: int, not_need_stop: bool) -> int:
    """Word 0: the sign tells the reader whether generation goes on."""
    return message_id if not_need_stop else -message_id


def live_count(accepted: int, skip_prefill: bool, seq_len_decoder: int, prompt_len: int) -> int:
    """Tokens a slot reports: what it accepted, or 0 while its prompt is still prefilling and that is skipped."""
    if skip_prefill and seq_len_decoder < prompt_len:
        return 0
    return accepted


def write_slot(message: MutableSequence[int], slot: int, count: int, tokens: Sequence[int]) -> None:
    """Put one slot into a message whose words are 0."""
    message[count_word(slot)] = count
    for position in range(MAX_DRAFT_TOKENS):
        if position < count:
            message[token_word(slot, position)] = tokens[position]


def pack_slot(
    message: MutableSequence[int],
    slot: int,
    accepted: int,
    skip_prefill: bool,
    seq_len_decoder: int,
    prompt_len: int,
    row: Sequence[int],
) -> None:
    """Check one slot, whose token ids are ``row``, and put it into a message whose words are 0.

    Raises OutputError, before it writes, for a count outside the row or an accepted id that is no int32.
    """
    count = live_count(accepted, skip_prefill, seq_len_decoder, prompt_len)
    if not 0 <= count <= len(row):
        raise OutputError(f"accept_num[{slot}]: expected 0..{len(row)}, got {count}")
    for position in range(len(row)):
        if position < count and not INT32_MIN <= row[position] <= INT32_MAX:
            raise OutputError(f"accept_tokens[{slot}, {position}]: expected an int32 value, got {row[position]}")
    write_slot(message, slot, count, row)


def read_slot(message: Sequence[int], slot: int) -> tuple[int, ...]:
    """Take one slot's accepted tokens out of a message."""
    count = message[count_word(slot)]
    return tuple(message[token_word(slot, position)] for position in range(MAX_DRAFT_TOKENS) if position < count)


def check_message_id(message_id: int) -> None:
    """Refuse an id that the queue cannot use: 0 (no sign, so no stop flag), negative, reserved, or too large.

    Raises OutputError.
    """
    if not in_range(message_id, 1, INT32_MAX):
        raise OutputError(f"message_id: expected 1..{INT32_MAX}, got {shown(message_id)}")
    if message_id == RESERVED_MESSAGE_ID:
        raise OutputError(f"message_id: {RESERVED_MESSAGE_ID} is reserved")


def check_width(width: int, name: str = "accept_tokens") -> None:
    """Refuse a tensor with no token column or more than a slot holds. Raises OutputError."""
    if not in_range(width, 1, MAX_DRAFT_TOKENS):
        raise OutputError(f"{name}: expected 1..{MAX_DRAFT_TOKENS} tokens a slot, got {shown(width)}")


def check_batch(batch: int, name: str = "batch size") -> None:
    """Refuse a batch that a message cannot hold. Raises OutputError."""
    if not in_range(batch, 0, MAX_MESSAGE_SEQS):
        raise OutputError(f"{name}: expected 0..{MAX_MESSAGE_SEQS}, got {shown(batch)}")


def check_array(
    name: str, array: NDArray[np.generic], dtype: type[np.generic], shape: tuple[int | None, ...]
) -> None:
    """Refuse what is no array of this dtype and shape, in which None is any length. Raises OutputError."""
    if fault := array_fault(name, array, dtype, shape):
        raise OutputError(fault)


def check_step(step: StepOutput) -> None:
    """Refuse a step whose arrays disagree with each other or with the message. Raises OutputError."""
    check_array("accept_tokens", step.accept_tokens, np.int64, (None, None))
    batch, width = step.accept_tokens.shape
    check_width(width)
    check_batch(batch)
    check_array("accept_num", step.accept_num, np.int32, (batch,))
    check_array("seq_lens_decoder", step.seq_lens_decoder, np.int32, (batch,))
    check_array("prompt_lens", step.prompt_lens, np.int64, (batch,))


def pack(step: StepOutput, message_id: int = 1) -> NDArray[np.int32]:
    """The int32[MESSAGE_WORDS] message of a step.

    Raises OutputError, before anything is written, for a bad id, array, batch, accepted count or token id.
    """
    check_message_id(message_id)
    check_step(step)
    batch = len(step.accept_num)
    message = [0] * MESSAGE_WORDS
    message[ID_WORD] = signed_id(message_id, step.not_need_stop)
    message[BATCH_WORD] = batch
    for slot in range(batch):
        pack_slot(
            message,
            slot,
            int(step.accept_num[slot]),
            step.skip_prefill,
            int(step.seq_lens_decoder[slot]),
            int(step.prompt_lens[slot]),
            step.accept_tokens[slot].tolist(),
        )
    return np.array(message, dtype=np.int32)


def unpack(message: NDArray[np.int32]) -> UnpackedOutput:
    """What was accepted, read back from a message; the inverse of :func:`pack`.

    Raises OutputError for anything that :func:`pack` cannot have written: a bad header, a count outside its range,
    or a word that is not 0 where nothing was accepted.
    """
    check_array("message", message, np.int32, (MESSAGE_WORDS,))
    words = message.tolist()
    message_id = abs(words[ID_WORD])
    check_message_id(message_id)
    batch = words[BATCH_WORD]
    check_batch(batch)
    tokens = []
    expected = [0] * MESSAGE_WORDS
    expected[:HEADER_WORDS] = words[:HEADER_WORDS]
    for slot in range(batch):
        count = words[count_word(slot)]
        if not 0 <= count <= MAX_DRAFT_TOKENS:
            raise OutputError(f"count of slot {slot}: expected 0..{MAX_DRAFT_TOKENS}, got {count}")
        tokens.append(read_slot(words, slot))
        write_slot(expected, slot, count, tokens[slot])
    if words != expected:
        word = next(index for index in range(MESSAGE_WORDS) if words[index] != expected[index])
        raise OutputError(f"message word {word}: expected 0 beyond what was accepted, got {words[word]}")
    return UnpackedOutput(message_id, words[ID_WORD] > 0, tuple(tokens))
