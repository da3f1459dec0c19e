"""Where only decodes are preempted, the loop looks for one in the running list: it finds what the induction draws.

The induction does not go through a list of any length. It draws whom `Queues.last_decode` and `Queues.kept_prompt`
find, with what these theorems prove of them; the lists here are short, and everything in them is free.
"""

from __future__ import annotations

import pytest
from proofs.mutants.mutant import Mutant
from proofs.theorems import check_held, check_refuted

from schedproof.engines.fastdeploy.config import Role, ServingConfig
from schedproof.engines.fastdeploy.ledger import Ledger
from schedproof.engines.fastdeploy.turns import Queues, has_decode_status, preempt_decode
from schedproof.request import Request

MOST = 4
SCOPE = f"running lists of up to {MOST} requests, mixed and decode nodes"

AHEAD = "the last decode is one of those ahead"
MAY_LEAVE = "the last decode may be preempted"
NOBODY_BEHIND = "nobody behind the last decode may be preempted"
END_OF_LIST = "on a decode node the last decode is the end of the list"
COUNTED = "all decodes ahead stand up to the last"
KEPT_NOT_DECODING = "whoever is kept may not be preempted"
KEPT_IN_ORDER = "whoever is kept comes in list order, behind the victim"
ALL_KEPT = "as many are kept as stand between the victim and the end"


def drawn(ctx):
    """Draw a running list, and how far the loop has come in it: at a decode, which lacks blocks."""
    config = ServingConfig(role=ctx.one_of("role", (Role.MIXED, Role.DECODE)))
    length = ctx.one_of("length", range(1, MOST + 1))
    running = tuple(
        Request(
            request_id=f"running[{index}]",
            need_prefill_tokens=ctx.integer(f"running[{index}].need_prefill_tokens", 1),
            num_computed_tokens=ctx.integer(f"running[{index}].num_computed_tokens", 0),
            num_total_tokens=1,
        )
        for index in range(length)
    )
    num_visited = ctx.one_of("num_visited", range(length))
    asking = running[num_visited]
    ctx.assume(ctx.merged(lambda: asking.is_decoding))
    ledger = Ledger(
        budget=1,
        num_decoding=length,
        prefill_tokens=0,
        num_free_blocks=0,
        num_slots_used=length,
        num_preempted=0,
        num_running=length,
        num_visited=num_visited,
    )
    return Queues(running=running, waiting=(), num_free_blocks=0), ledger, config


def finds_the_last_decode(ctx):
    queues, ledger, config = drawn(ctx)
    position = queues.last_decode(ledger, config)
    ctx.prove(AHEAD, ledger.num_visited <= position < ledger.num_running)
    ctx.prove(MAY_LEAVE, ctx.merged(lambda: has_decode_status(queues.running[position], config)))
    behind = queues.running[position + 1 :]
    ctx.prove(NOBODY_BEHIND, ctx.merged(lambda: not any(has_decode_status(each, config) for each in behind)))
    ctx.prove(END_OF_LIST, config.role is not Role.DECODE or position == ledger.num_running - 1)
    ahead = queues.running[ledger.num_visited :]
    num_ahead = ctx.merged(lambda: sum(1 for each in ahead if each.is_decoding))
    ctx.prove(COUNTED, num_ahead <= position - ledger.num_visited + 1)


def comes_to_whoever_is_kept(ctx):
    queues, ledger, config = drawn(ctx)
    position = queues.last_decode(ledger, config)
    ctx.assume(position > ledger.num_visited)
    after = preempt_decode(ledger, position, queues.running[position], config)
    ctx.prove(ALL_KEPT, after.num_kept == ledger.num_running - 1 - position)
    for number in range(after.num_kept):
        come = Ledger(
            **{
                name: getattr(after, name)
                for name in Ledger.__slots__
                if name not in ("num_visited", "num_preempted")
            },
            num_visited=after.num_running + number,
            num_preempted=1,
        )
        kept = queues.kept_prompt(come, config)
        ctx.prove(KEPT_NOT_DECODING, ctx.merged(lambda kept=kept: not has_decode_status(kept, config)))
        ctx.prove(KEPT_IN_ORDER, kept is queues.running[position + 1 + number])


THEOREMS = {"last decode": finds_the_last_decode, "kept prompt": comes_to_whoever_is_kept}


def changed(name, function, old, new):
    module = "schedproof.engines.fastdeploy.turns"
    return Mutant(name=name, module=module, function=function, old=old, new=new)


MUTANTS = [
    ("last decode", changed("look at the first", "Queues.last_decode", "ledger.num_running - 1", "0")),
    ("last decode", changed("take a prompt", "Queues.last_decode", "not has_decode_status", "has_decode_status")),
    ("last decode", changed("leave out the last", "Queues.last_decode", "num_running - 1", "num_running - 2")),
    ("kept prompt", changed("count from the visited", "Queues.kept_prompt", "[ledger.num_running :]", "[:]")),
    (
        "kept prompt",
        changed("always the first", "Queues.kept_prompt", "num_visited - ledger.num_running", "num_kept * 0"),
    ),
    ("kept prompt", changed("keep one fewer", "preempt_decode", "ledger.num_running - 1 - position", "0")),
]


@pytest.mark.parametrize("name", THEOREMS)
def test_what_is_looked_for_is_what_is_drawn(name, theorem):
    check_held(f"preempted decodes: {name}", THEOREMS[name], theorem, scope=SCOPE)


@pytest.mark.parametrize(("name", "mutant"), MUTANTS, ids=[f"{name}: {mutant.name}" for name, mutant in MUTANTS])
def test_mutant_is_refuted(name, mutant, theorem):
    check_refuted(f"preempted decodes: {name}", THEOREMS[name], mutant, theorem, scope=SCOPE)
