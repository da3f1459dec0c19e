"""Step loops for the tests: the examples with an edit, and others as text, imported from files."""

from __future__ import annotations

import importlib.util
import itertools
import sys
from pathlib import Path
from typing import Any

from schedproof.step_loop import StepLoop

EXAMPLES = Path(__file__).parents[2] / "examples" / "loops"
CLASSES = {
    "decode_first": "DecodeFirst",
    "prefill_first": "PrefillFirst",
    "priority_order": "PriorityOrder",
    "token_charging": "TokenCharging",
}
Edit = tuple[str, str]

_numbers = itertools.count()


def example(name: str, folder: Path, *edits: Edit) -> StepLoop[Any, Any]:
    """Return a shipped loop, with edits of text that occurs once."""
    return from_text(edited((EXAMPLES / f"{name}.py").read_text(encoding="utf-8"), *edits), CLASSES[name], folder)


def plain_loop(folder: Path, *edits: Edit) -> StepLoop[Any, Any]:
    """Return a loop that keeps every rule, with edits."""
    return from_text(edited(PLAIN, *edits), "Plain", folder)


def edited(text: str, *edits: Edit) -> str:
    """Return a text with each edit made."""
    for old, new in edits:
        assert text.count(old) == 1, (old, text.count(old))
        text = text.replace(old, new)
    return text


def from_text(text: str, member: str, folder: Path) -> StepLoop[Any, Any]:
    """Return an object of a class of a module with this text."""
    path = folder / f"loop_{next(_numbers)}.py"
    path.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(f"own_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    loop: StepLoop[Any, Any] = getattr(module, member)()
    return loop


PLAIN = """
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache

from schedproof.step_loop import *

SEEN = []


@dataclass(frozen=True)
class Ledger:
    budget: int
    slots: int
    blocks: int
    turns: int = 0


class Plain(StepLoop[Ledger, LoopLimits]):
    name = "plain"

    def accepts(self, limits):
        return True

    def open(self, ahead, num_free_blocks, limits):
        return Ledger(limits.max_num_batched_tokens, ahead.num_decodes + ahead.num_prompts, num_free_blocks)

    def next_turn(self, ledger, queues, limits):
        request, slots = queues.next_running, ledger.slots
        if request is None and slots < limits.max_num_seqs:
            request, slots = queues.next_waiting, slots + 1
        if request is None:
            return None
        tokens = min(request.num_wanted_tokens, ledger.budget)
        new = request.num_needed_blocks(tokens, limits)
        if new > ledger.blocks or tokens == 0:
            return None
        after = Ledger(ledger.budget - tokens, slots, ledger.blocks - new, ledger.turns + 1)
        return Visit(request=request, num_tokens=tokens, num_new_blocks=new, after=after)

    def view(self, ledger, limits):
        tokens = limits.max_num_batched_tokens - ledger.budget
        return StepView(
            num_tokens=tokens, budget=ledger.budget, num_slots_used=ledger.slots, num_free_blocks=ledger.blocks
        )

    def holds(self, ledger, ahead, limits):
        return True
"""
