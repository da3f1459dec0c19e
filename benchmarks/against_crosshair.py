"""Gives the same functions and postconditions to CrossHair and to our prover, and times both in one run.

    python benchmarks/against_crosshair.py

Each function below has a PEP 316 contract, which is what CrossHair reads. Our prover runs the same function, with
the same `pre` and `post`, on its own symbolic integers. The rules that are called are the reference's.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crosshair.core_and_libs import AnalysisMessage, MessageType, analyze_function, run_checkables
from crosshair.options import AnalysisKind, AnalysisOptionSet
from record import write_result
from rich.console import Console
from rich.table import Table

from schedproof import (
    POLICIES,
    REFERENCE,
    MultimodalItem,
    Request,
    ServingConfig,
    SpeculativeConfig,
    SpeculativeMethod,
)
from schedproof.engines.fastdeploy.ledger import Ledger
from schedproof.engines.fastdeploy.rules.budget import decode_tokens, prefill_budget
from schedproof.engines.fastdeploy.rules.chunk import next_chunk
from schedproof.engines.fastdeploy.turns import ask, open_step, run_decode, run_prefill
from schedproof_spec.prover.context import Context
from schedproof_spec.prover.prove import Theorem, prove, search
from schedproof_spec.prover.verdict import Outcome, Status
from schedproof_spec.states.merged import merged_on_path

RESULT = Path(__file__).with_name("results") / "crosshair.json"
PACKAGES = ("schedproof", "crosshair-tool", "z3-solver")
CONFIG = ServingConfig()
DRAFTS = 5
"""Of every decode in a fill, which so runs six tokens."""


def deployment(limit: int, seqs: int, drafts: int) -> ServingConfig:
    speculation = SpeculativeConfig(method=SpeculativeMethod.NGRAM, num_speculative_tokens=drafts)
    return ServingConfig(max_num_batched_tokens=limit, max_num_seqs=seqs, speculation=speculation)


def starts(limit: int, seqs: int, drafts: int, decoding: int) -> bool:
    return seqs >= 1 and drafts >= 0 and 0 <= decoding <= seqs and seqs * (drafts + 1) <= limit


def reference_budget(limit: int, seqs: int, drafts: int, decoding: int) -> int:
    """
    The reference leaves prefill what the decodes do not run, which is not negative.

    pre: starts(limit, seqs, drafts, decoding)
    post: __return__ >= 0
    """
    return prefill_budget(deployment(limit, seqs, drafts), decoding)


def tokens_with_floor(limit: int, seqs: int, drafts: int, decoding: int) -> int:
    """
    Budget of PR 7438 and the decodes beside it, which its floor lets exceed the limit.

    pre: starts(limit, seqs, drafts, decoding)
    post: __return__ <= limit
    """
    config = deployment(limit, seqs, drafts)
    return POLICIES["7438"].initial_budget(config, decoding) + decode_tokens(config, decoding)


def text_chunk(need: int, computed: int, budget: int) -> int:
    """
    A chunk of text is within the budget and the prompt.

    pre: 0 <= computed < need and budget >= 0
    post: 0 <= __return__ <= budget and computed + __return__ <= need
    """
    return next_chunk(request_of(need, computed), budget, CONFIG)


def item_is_outside(need: int, computed: int, start: int, end: int) -> bool:
    return 0 <= computed < need and 0 <= start <= end <= need and not start < computed < end


def item_chunk(need: int, computed: int, start: int, end: int, budget: int) -> int:
    """
    A chunk does not cut an item.

    pre: item_is_outside(need, computed, start, end) and budget >= 0
    post: 0 <= __return__ <= budget and not start < computed + __return__ < end
    """
    items = (MultimodalItem(start=start, end=end),)
    return next_chunk(request_of(need, computed, items), budget, CONFIG)


def request_of(need: int, computed: int = 0, items: tuple[MultimodalItem, ...] = ()) -> Request:
    return Request(
        request_id="request",
        need_prefill_tokens=need,
        num_computed_tokens=computed,
        num_total_tokens=need,
        items=items,
    )


def fill(limit: int, lefts: list[int]) -> Ledger:
    """Run a step of the reference over requests with this much prompt left; with none left, a request decodes."""
    *_, last = steps_of_fill(limit, lefts)
    return last


def steps_of_fill(limit: int, lefts: list[int]) -> Iterator[Ledger]:
    """Yield the ledger when the step opens and after each turn."""
    config = deployment(limit, seqs=max(len(lefts), 1), drafts=DRAFTS)
    requests = [request_of(left + 1, 1) for left in lefts]
    step = opened(config, sum(request.is_decoding for request in requests))
    yield step
    for request in requests:
        step = merged_on_path(turn, step, request, config)
        yield step


def opened(config: ServingConfig, num_decoding: int) -> Ledger:
    return open_step(
        config,
        REFERENCE,
        num_decoding=num_decoding,
        num_reserved=num_decoding,
        num_free_blocks=0,
        num_slots_used=config.max_num_seqs,
    )


def turn(step: Ledger, request: Request, config: ServingConfig) -> Ledger:
    """The body of the loop: what the reference's loop does with one running request."""
    grant = ask(request, step.budget, config, REFERENCE)
    if request.is_decoding:
        return run_decode(step, grant, config, REFERENCE)
    return run_prefill(step, grant)


def is_fillable(limit: int, lefts: list[int]) -> bool:
    return all(left >= 0 for left in lefts) and len(lefts) * (DRAFTS + 1) <= limit


def is_filled(step: Ledger, limit: int) -> bool:
    """What runs and what is left add up to the limit, and what is left is not negative."""
    tokens = step.num_decoding * (DRAFTS + 1) + step.prefill_tokens
    return step.budget >= 0 and tokens + step.budget == limit


def fill_2(limit: int, lefts: list[int]) -> Ledger:
    """
    pre: len(lefts) == 2 and is_fillable(limit, lefts)
    post: is_filled(__return__, limit)
    """
    return fill(limit, lefts)


def fill_4(limit: int, lefts: list[int]) -> Ledger:
    """
    pre: len(lefts) == 4 and is_fillable(limit, lefts)
    post: is_filled(__return__, limit)
    """
    return fill(limit, lefts)


def fill_8(limit: int, lefts: list[int]) -> Ledger:
    """
    pre: len(lefts) == 8 and is_fillable(limit, lefts)
    post: is_filled(__return__, limit)
    """
    return fill(limit, lefts)


def fill_12(limit: int, lefts: list[int]) -> Ledger:
    """
    pre: len(lefts) == 12 and is_fillable(limit, lefts)
    post: is_filled(__return__, limit)
    """
    return fill(limit, lefts)


def fill_any(limit: int, lefts: list[int]) -> Ledger:
    """
    pre: is_fillable(limit, lefts)
    post: is_filled(__return__, limit)
    """
    return fill(limit, lefts)


def contract(
    function: Callable[..., Any], names: str, pre: Callable[..., Any], post: Callable[..., Any]
) -> Theorem:
    """Return the theorem that a function of integers keeps its contract; ``post`` gets the result first."""

    def theorem(ctx: Context) -> None:
        values = [ctx.integer(name) for name in names.split()]
        ctx.assume(ctx.merged(lambda: pre(*values)))
        result = ctx.merged(lambda: function(*values))
        ctx.prove(function.__name__, ctx.merged(lambda: post(result, *values)))

    return theorem


def fill_of(num_requests: int) -> Theorem:
    """Return the theorem that filling a step of so many requests keeps its contract, claimed after every turn."""

    def theorem(ctx: Context) -> None:
        limit = ctx.integer("limit")
        lefts = [ctx.integer(f"lefts[{i}]") for i in range(num_requests)]
        for left in lefts:
            ctx.assume(left >= 0)
        ctx.assume(len(lefts) * (DRAFTS + 1) <= limit)
        for number, step in enumerate(steps_of_fill(limit, lefts)):
            is_kept = ctx.merged(lambda step=step: is_filled(step, limit))
            ctx.prove(f"after {number} turns", is_kept)
            ctx.assume(is_kept)

    return theorem


def fill_of_any(ctx: Context) -> None:
    """For any number of requests: the step is filled when it opens, and each turn of the loop keeps it so."""
    limit, seqs = ctx.integer("limit"), ctx.integer("seqs", 1)
    ctx.assume(seqs * (DRAFTS + 1) <= limit)
    config = deployment(limit, seqs, DRAFTS)
    num_decoding = ctx.integer("num_decoding", 0)
    ctx.assume(num_decoding <= seqs)
    if ctx.one_of("part", ("open", "turn")) == "open":
        first = opened(config, num_decoding)
        ctx.prove("an opened step is filled", ctx.merged(lambda: is_filled(first, limit)))
        return
    step = Ledger(
        budget=ctx.integer("budget"),
        num_decoding=num_decoding,
        prefill_tokens=ctx.integer("prefill_tokens"),
        num_free_blocks=ctx.integer("num_free_blocks"),
        num_slots_used=seqs,
        num_preempted=0,
    )
    ctx.assume(ctx.merged(lambda: is_filled(step, limit)))
    request = request_of(ctx.integer("left", 0) + 1, 1)
    after = ctx.merged(lambda: turn(step, request, config))
    ctx.prove("a turn keeps it filled", ctx.merged(lambda: is_filled(after, limit)))


@dataclass(frozen=True, slots=True)
class Case:
    """One function with its contract, for each of the two."""

    name: str
    function: Callable[..., Any]
    theorem: Theorem
    decide: Callable[[Theorem], Outcome] = prove


DEPLOYMENT = "limit seqs drafts decoding"

CASES = (
    Case(
        "budget of the reference",
        reference_budget,
        contract(reference_budget, DEPLOYMENT, starts, lambda budget, *_: budget >= 0),
    ),
    Case(
        "budget of PR 7438",
        tokens_with_floor,
        contract(tokens_with_floor, DEPLOYMENT, starts, lambda tokens, limit, *_: tokens <= limit),
        decide=search,
    ),
    Case(
        "chunk of text",
        text_chunk,
        contract(
            text_chunk,
            "need computed budget",
            lambda need, computed, budget: 0 <= computed < need and budget >= 0,
            lambda chunk, need, computed, budget: 0 <= chunk <= budget and computed + chunk <= need,
        ),
    ),
    Case(
        "chunk with an item",
        item_chunk,
        contract(
            item_chunk,
            "need computed start end budget",
            lambda need, computed, start, end, budget: item_is_outside(need, computed, start, end) and budget >= 0,
            lambda chunk, need, computed, start, end, budget: (
                0 <= chunk <= budget and not start < computed + chunk < end
            ),
        ),
    ),
    Case("fill, 2 requests", fill_2, fill_of(2)),
    Case("fill, 4 requests", fill_4, fill_of(4)),
    Case("fill, 8 requests", fill_8, fill_of(8)),
    Case("fill, 12 requests", fill_12, fill_of(12)),
    Case("fill, any number", fill_any, fill_of_any),
)

ANSWERS = {
    MessageType.CONFIRMED: "held",
    MessageType.POST_FAIL: "violated",
    MessageType.POST_ERR: "violated",
    MessageType.EXEC_ERR: "violated",
    MessageType.CANNOT_CONFIRM: "not confirmed",
    MessageType.PRE_UNSAT: "no input found",
}
"""What CrossHair's messages mean, in our words."""


def timed(work: Callable[[], Any], repeat: int) -> tuple[Any, float]:
    """Return the last result and the median CPU seconds; work of more than five seconds is done once."""
    seconds: list[float] = []
    while True:
        begin = time.process_time()
        result = work()
        seconds.append(time.process_time() - begin)
        if len(seconds) == repeat or seconds[-1] > 5:
            return result, statistics.median(seconds)


def asked_of_crosshair(case: Case, timeout: float) -> AnalysisMessage:
    """Return what CrossHair says about the function's postcondition."""
    options = AnalysisOptionSet(analysis_kind=[AnalysisKind.PEP316], per_condition_timeout=timeout, report_all=True)
    messages = run_checkables(analyze_function(case.function, options))
    assert len(messages) == 1, messages
    return messages[0]


def measure(case: Case, timeout: float, repeat: int) -> dict[str, Any]:
    """Return one row of the result."""
    outcome, ours = timed(lambda: case.decide(case.theorem), repeat)
    message, theirs = timed(lambda: asked_of_crosshair(case, timeout), repeat)
    answer = ANSWERS.get(message.state, message.state.value)
    if {outcome.status.value, answer} == {Status.HELD.value, Status.VIOLATED.value}:
        raise SystemExit(f"{case.name}: we say {outcome.status}, CrossHair says {message.message}")
    return {
        "case": case.name,
        "ours": {"answer": outcome.status.value, "cpu_seconds": round(ours, 4), "witness": outcome.values},
        "crosshair": {"answer": answer, "cpu_seconds": round(theirs, 4), "message": message.message},
        "crosshair_over_ours": round(theirs / ours, 2),
    }


def show(rows: list[dict[str, Any]], timeout: float, repeat: int) -> None:
    """Print the table."""
    table = Table("function", "ours", "s", "CrossHair", "s", "CrossHair / ours", box=None, pad_edge=False)
    for row in rows:
        ours, theirs = row["ours"], row["crosshair"]
        gave_up = "> " if theirs["answer"] == "not confirmed" else ""
        table.add_row(
            row["case"],
            ours["answer"],
            f"{ours['cpu_seconds']:.3f}",
            theirs["answer"],
            f"{theirs['cpu_seconds']:.3f}",
            f"{gave_up}{row['crosshair_over_ours']:.1f}",
        )
    console = Console(width=100)
    console.print(table)
    console.print(f"CPU seconds, median of up to {repeat} runs; CrossHair had {timeout:g} s for each postcondition")


def main() -> None:
    """Run every case with both."""
    parser = argparse.ArgumentParser(description="Compare our prover with CrossHair.")
    parser.add_argument("--timeout", type=float, default=60, help="CrossHair's seconds for each postcondition")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each case that takes no longer than 5 s")
    parser.add_argument("--output", type=Path, default=RESULT, help="the JSON result")
    arguments = parser.parse_args()
    rows = [measure(case, arguments.timeout, arguments.repeat) for case in CASES]
    show(rows, arguments.timeout, arguments.repeat)
    figures = {"timeout_seconds": arguments.timeout, "repeat": arguments.repeat, "rows": rows}
    write_result(arguments.output, "crosshair", PACKAGES, figures)


if __name__ == "__main__":
    main()
