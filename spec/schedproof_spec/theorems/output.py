"""How the output family is proved."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, MutableSequence, Sequence
from typing import Any

from schedproof.output import before_7172 as save_output_7172
from schedproof.output import output_sender
from schedproof.output.message_layout import MAX_DRAFT_TOKENS, MAX_MESSAGE_SEQS, MESSAGE_WORDS
from schedproof.output.output_sender import OutputSender
from schedproof.output.save_output import OutputError, count_word, live_count, pack_slot, token_word
from schedproof_spec.prover.context import Context
from schedproof_spec.prover.symbolic import active
from schedproof_spec.rules.output import can_be_carried, slot_is_faithful, state_is_reset, the_right_ranks_send
from schedproof_spec.states.message_words import Words
from schedproof_spec.work_rule import Version, WorkRule, picked

FinishStep = Callable[[int, bool, int], tuple[bool, int]]
"""One rank's end of a step: rank, ``save_each_rank``, ``last_preempted_idx`` → whether it sent, the index after."""


class Cell:
    """Stands for ``last_preempted_idx``, an array that is assigned as a whole."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __setitem__(self, index: slice, value: int) -> None:
        self.value = value


class FullQueueError(Exception):
    """What a send may raise."""


def finish_by_sender(rank: int, save_each_rank: bool, last_preempted_idx: int, *, fails: bool = False) -> Any:
    """Run `OutputSender.finish`, with a queue that takes the message or refuses it."""
    sent: list[object] = []
    state = Cell(last_preempted_idx)

    def send(message: object) -> None:
        sent.append(message)
        if fails:
            raise FullQueueError

    with contextlib.suppress(FullQueueError):
        OutputSender(rank, save_each_rank, send).finish(None, state)  # type: ignore[arg-type]
    return len(sent) == 1, state.value


def finish_with_full_queue(rank: int, save_each_rank: bool, last_preempted_idx: int) -> Any:
    """Run `OutputSender.finish` with a queue that refuses every message."""
    return finish_by_sender(rank, save_each_rank, last_preempted_idx, fails=True)


REFERENCE_FINISH = (
    Version(name="finish_step", source="output_sender.py", function=output_sender.finish_step),
    Version(name="OutputSender", source="output_sender.py", function=finish_by_sender),
    Version(name="OutputSender, queue full", source="output_sender.py", function=finish_with_full_queue),
)
EVERY_RANK_SENDS = Version(
    name="every rank sends", source="before PR 7172", function=save_output_7172.every_rank_sends
)
EARLY_RETURN = Version(
    name="early return", source="PR 7172 under review", function=save_output_7172.early_return_skips_reset
)


def prove_one_sender(ctx: Context, finish: FinishStep) -> None:
    """For any two ranks of a group of any size."""
    rank, other_rank = ctx.integer("rank", 0), ctx.integer("other_rank", 0)
    save_each_rank = ctx.boolean("save_each_rank")
    stale = ctx.integer("last_preempted_idx", 0)
    sent, _ = finish(rank, save_each_rank, stale)
    other_sent, _ = finish(other_rank, save_each_rank, stale)
    right = ctx.merged(lambda: the_right_ranks_send(sent, rank, other_sent, other_rank, save_each_rank))
    ctx.prove("one_sender", right)
    if rank > 0:
        ctx.cover("a rank above 0")


ONE_SENDER = WorkRule(
    name="one_sender",
    family="output",
    sentence="Exactly the ranks that should send, send, once per step.",
    statement=the_right_ranks_send,
    origin="Before PR 7172 every tensor-parallel rank sent: the consumer saw each token several times.",
    scope="any rank, any number of ranks",
    theorem=prove_one_sender,
    kept_by=REFERENCE_FINISH,
    broken_by=(EVERY_RANK_SENDS,),
    reached=frozenset({"one_sender", "a rank above 0"}),
)


def prove_cleanup_on_every_rank(ctx: Context, finish: FinishStep) -> None:
    """For any rank, whatever it was to send."""
    rank, save_each_rank = ctx.integer("rank", 0), ctx.boolean("save_each_rank")
    _, after = finish(rank, save_each_rank, ctx.integer("last_preempted_idx", 0))
    ctx.prove("cleanup_on_every_rank", ctx.merged(lambda: state_is_reset(after)))
    if rank > 0:
        ctx.cover("a rank above 0")


CLEANUP_ON_EVERY_RANK = WorkRule(
    name="cleanup_on_every_rank",
    family="output",
    sentence="Per-step state is reset on every rank on every path.",
    statement=state_is_reset,
    origin="The first fix of PR 7172 returned early on ranks above 0; the next batch saw their last_preempted_idx.",
    scope="any rank, also where sending fails",
    theorem=prove_cleanup_on_every_rank,
    kept_by=REFERENCE_FINISH,
    broken_by=(EARLY_RETURN,),
    reached=frozenset({"cleanup_on_every_rank", "a rank above 0"}),
)

PackSlot = Callable[[MutableSequence[int], int, int, bool, int, int, Sequence[int]], None]
"""See `schedproof.output.save_output.pack_slot`."""


def prove_message_faithful(ctx: Context, pack: PackSlot) -> None:
    """For any slot of any batch and any other slot: by induction over the slots, for the whole message."""
    width = picked(ctx, "width", range(1, MAX_DRAFT_TOKENS + 1))
    slot = ctx.integer("slot", 0, MAX_MESSAGE_SEQS - 1)
    message: Any = Words(MESSAGE_WORDS) if active() else [0] * MESSAGE_WORDS
    row = [ctx.integer(f"token_{position}") for position in range(width)]
    accepted, skip_prefill = ctx.integer("accepted"), ctx.boolean("skip_prefill")
    decoded, prompt = ctx.integer("decoded", 0), ctx.integer("prompt", 0)
    count = ctx.merged(lambda: live_count(accepted, skip_prefill, decoded, prompt))
    other = ctx.integer("other_word", 0, MESSAGE_WORDS - 1)
    try:
        pack(message, slot, accepted, skip_prefill, decoded, prompt, row)
    except OutputError:
        ctx.prove("only what no message can carry is refused", can_be_carried(count, row) == False)  # noqa: E712
        return
    ctx.prove("message_faithful", slot_is_faithful(message, slot, count, row))
    is_count = other == count_word(slot)
    is_token = (other >= token_word(slot, 0)) & (other < token_word(slot + 1, 0))
    ctx.prove("no word of another slot is touched", is_count | is_token | (message[other] == 0))


def upstream_slot(
    message: MutableSequence[int],
    slot: int,
    accepted: int,
    skip_prefill: bool,
    decoded: int,
    prompt: int,
    row: Sequence[int],
) -> None:
    """Pack a batch of this slot alone as upstream does, with nothing behind its row."""
    packed = save_output_7172.pack_reading_past_width(
        row, len(row), [accepted], [decoded], [prompt], skip_prefill=skip_prefill
    )
    message[count_word(slot)] = packed[count_word(0)]
    for position in range(MAX_DRAFT_TOKENS):
        message[token_word(slot, position)] = packed[token_word(0, position)]


def upstream_slot_in_memory(
    message: MutableSequence[int],
    slot: int,
    accepted: int,
    skip_prefill: bool,
    decoded: int,
    prompt: int,
    row: Sequence[int],
) -> None:
    """As `upstream_slot`, where another row of tokens lies behind this one."""
    upstream_slot(message, slot, accepted, skip_prefill, decoded, prompt, Behind(row))


class Behind(list[int]):
    """A row with memory behind it that holds the id 1; its length stays the row's."""

    def __getitem__(self, index: Any) -> Any:
        return super().__getitem__(index) if index < len(self) else 1


MESSAGE_FAITHFUL = WorkRule(
    name="message_faithful",
    part="token ids",
    family="output",
    sentence="What the reader unpacks is what was accepted; nothing else is in the message.",
    statement=slot_is_faithful,
    origin=(
        "speculate_save_output (PR 7172) copies six tokens of a slot whatever was accepted, "
        "reads rows narrower than six past their end, and checks no count."
    ),
    scope=f"every slot, width 1..{MAX_DRAFT_TOKENS}, any counts and ids; any batch by induction over its slots",
    theorem=prove_message_faithful,
    kept_by=(Version(name="pack_slot", source="save_output.py", function=pack_slot),),
    broken_by=(
        Version(name="rows read past their width", source="PR 7172", function=upstream_slot),
        Version(name="rows read into the next one", source="PR 7172", function=upstream_slot_in_memory),
    ),
    reached=frozenset(
        {
            "message_faithful",
            "no word of another slot is touched",
            "only what no message can carry is refused",
        }
    ),
)

OUTPUT_RULES = (ONE_SENDER, CLEANUP_ON_EVERY_RANK, MESSAGE_FAITHFUL)
