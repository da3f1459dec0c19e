"""Step loops that go wrong, each refuted by the theorem about any number of requests, and shown by a run."""

from __future__ import annotations

from pathlib import Path

import pytest
from soundness.loop_cases import Edit, example, plain_loop

from schedproof.step_loop import StepLoop
from schedproof_spec import LOOP_RULES, LoopDecision, Status, decide_loop
from schedproof_spec.prover.subset.loops import read_loop
from schedproof_spec.states.asked_loop import AskedLoop
from schedproof_spec.verdicts.inductive import prove_together
from schedproof_spec.verdicts.loop_runs import find_runs
from schedproof_spec.verdicts.loop_text import replay

# the rule that breaks, the example, and what is changed in it
WRONG: dict[str, tuple[str, str, Edit]] = {
    "decodes are charged one token": (
        "no_overshoot",
        "decode_first",
        (
            "ledger.budget - num_tokens, num_free_slots, ledger.num_free",
            "ledger.budget - 1, num_free_slots, ledger.num_free",
        ),
    ),
    "the budget is asked with the limit": (
        "budget_nonnegative",
        "decode_first",
        (
            "min(request.num_wanted_tokens, ledger.budget)",
            "min(request.num_wanted_tokens, limits.max_num_batched_tokens)",
        ),
    ),
    "nobody asks for a slot": (
        "slots_are_enough",
        "decode_first",
        ("num_free_slots > 0 and not ledger", "not ledger"),
    ),
    "blocks for one token": (
        "blocks_cover_tokens",
        "decode_first",
        ("request.num_needed_blocks(num_tokens, limits)", "request.num_needed_blocks(1, limits)"),
    ),
    "a batch of prompts takes decodes too": (
        "no_overshoot",
        "prefill_first",
        ("if request is None or ledger.batch is Batch.PROMPTS:", "if request is None:"),
    ),
    "start-up forgets the drafts": (
        "own_hypothesis",
        "prefill_first",
        (" * limits.tokens_per_seq <= limits", " <= limits"),
    ),
    "a preempted decode keeps its blocks in the ledger": (
        "view_is_true",
        "prefill_first",
        ("ledger.num_blocks + victim.num_blocks", "ledger.num_blocks"),
    ),
    "the refund is what was wanted": (
        "no_overshoot",
        "priority_order",
        ("ledger.budget + served.num_tokens", "ledger.budget + served.request.num_wanted_tokens"),
    ),
    "blocks of this step are not given back": (
        "view_is_true",
        "priority_order",
        ("+ served.request.num_blocks + served.num_new_blocks", "+ served.request.num_blocks"),
    ),
    "a slot is not looked for": ("slots_are_enough", "priority_order", ("num_slots >= 0 and ", "")),
    "the rows bound nothing": (
        "budget_nonnegative",
        "token_charging",
        ("min(request.num_wanted_tokens, ledger.tokens, rows)", "min(request.num_wanted_tokens, ledger.tokens)"),
    ),
    "the tokens bound nothing": (
        "no_overshoot",
        "token_charging",
        ("min(request.num_wanted_tokens, ledger.tokens, rows)", "min(request.num_wanted_tokens, rows)"),
    ),
    "blocks are given that nobody has": (
        "blocks_are_enough",
        "token_charging",
        ("if num_new <= blocks:", "if True:"),
    ),
}


def proof_of(loop: StepLoop) -> tuple[AskedLoop, frozenset[str], set[str]]:
    asked = AskedLoop(loop, read_loop(loop))
    proof = prove_together(asked)
    assert proof.refusal is None
    return asked, proof.proved, {rule for rule, claim in proof.open.items() if claim.is_refuted}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_variant_is_refuted_and_shown_by_a_run(name: str, tmp_path: Path) -> None:
    rule, base, edit = WRONG[name]
    loop = example(base, tmp_path, edit)
    asked, proved, refuted = proof_of(loop)
    assert rule in refuted
    assert rule not in proved
    run = find_runs(asked, frozenset({rule}), frozenset()).runs[rule]
    shown = replay(run, asked, rule)
    assert rule in shown.broken
    assert any(f"{rule} is broken" in line for line in shown.lines)


def test_every_rule_has_a_loop_that_breaks_it() -> None:
    broken = {rule for rule, _, _ in WRONG.values()} | {rule for rules, _ in HOSTILE.values() for rule in rules}
    assert broken == LOOP_RULES.keys()


def test_each_example_has_two_wrong_variants() -> None:
    bases = [base for _, base, _ in WRONG.values()]
    assert all(bases.count(base) >= 2 for base in bases)
    assert len(set(bases)) == 4


GIVEN = "tokens = min(request.num_wanted_tokens, ledger.budget)"
FOUND = "        if request is None:\n            return None\n"
HOLDS = "    def holds(self, ledger, ahead, limits):\n        return True"


def given_unless(condition: str) -> Edit:
    return GIVEN, f"{GIVEN} if {condition} else request.num_wanted_tokens"


def before(text: str, *lines: str) -> Edit:
    return text, "".join(f"        {line}\n" for line in lines) + text


def hypothesis(condition: str) -> Edit:
    return HOLDS, HOLDS.replace("True", condition)


# the rules that no proof may hold, and what is changed in a loop that keeps all of them
HOSTILE: dict[str, tuple[tuple[str, ...], Edit]] = {
    "the third request is not counted": (("no_overshoot", "budget_nonnegative"), given_unless("ledger.turns != 2")),
    "one length of prompt is never cut": (
        ("no_overshoot", "budget_nonnegative"),
        given_unless("request.need_prefill_tokens != 8191"),
    ),
    "served twice": (
        ("served_once", "step_ends"),
        before(
            FOUND,
            "if ledger.turns == 1 and queues.last_served is not None:",
            "    request = queues.last_served.request",
        ),
    ),
    "skips somebody for ever": (
        ("served_once", "step_ends"),
        before(
            FOUND,
            "if queues.last_served is not None:",
            "    return Skip(request=queues.last_served.request, after=ledger)",
        ),
    ),
    "a copy of a request": (("turns_are_real",), ("Visit(request=request,", "Visit(request=replace(request),")),
    "a request of its own making": (
        ("turns_are_real",),
        ("Visit(request=request,", "Visit(request=QueuedRequest(need_prefill_tokens=9),"),
    ),
    "preempts who waits": (
        ("turns_are_real",),
        before(
            f"        {GIVEN}",
            "if queues.next_running is None and ledger.turns == 1:",
            "    return Preemption(request=request, after=ledger)",
        ),
    ),
    "takes two equal requests for one": (
        ("no_overshoot",),
        before(
            f"        {GIVEN}",
            "served, tokens = queues.last_served, request.num_wanted_tokens",
            "if served is not None and served.request == request:",
            "    return Visit(request=request, num_tokens=tokens, num_new_blocks=0, after=ledger)",
        ),
    ),
    "gives tokens back": (
        ("grant_within_need",),
        before("        new =", "if request.priority == 3:", "    tokens = -1"),
    ),
    "takes blocks away": (
        ("blocks_are_kept",),
        before("        if new >", "if request.priority == 3:", "    new = new - 2"),
    ),
    "the view lies": (("view_is_true",), ("num_tokens=tokens, budget", "num_tokens=0, budget")),
    "the view lies later": (
        ("view_is_true",),
        ("num_slots_used=ledger.slots", "num_slots_used=ledger.slots if ledger.turns < 2 else 0"),
    ),
    "the view is nothing": (
        ("nothing_raised", "view_is_true"),
        before("        return StepView(", "if ledger.turns == 2:", "    return None"),
    ),
    "the view fails where the step is too large": (
        ("no_overshoot", "nothing_raised", "view_is_true", "budget_nonnegative"),
        ("        return StepView(", "        assert ledger.budget >= 0\n        return StepView("),
    ),
    "an assertion fails": (("nothing_raised",), before("        new =", "assert tokens != 77")),
    "start-up fails": (
        ("nothing_raised",),
        before("        return True\n\n    def open", "assert limits.max_num_seqs != 5"),
    ),
    "the order fails": (
        ("nothing_raised",),
        (
            "    def open",
            "    def rank(self, request):\n        return 1 // (request.priority - 7)\n\n    def open",
        ),
    ),
    "the order fails for who has come far": (
        ("nothing_raised",),
        (
            "    def open",
            "    def rank(self, request):\n        return 1 // (request.num_computed_tokens - 2)\n\n    def open",
        ),
    ),
    "a truth value for a number": (
        ("nothing_raised",),
        ("num_tokens=tokens, num_new", "num_tokens=tokens > 1, num_new"),
    ),
    "a ledger with None in it": (
        ("nothing_raised",),
        ("ledger.turns + 1)", "None if ledger.turns == 1 else 1)"),
    ),
    "a tuple for a turn": (
        ("nothing_raised",),
        before("        after = Ledger(", "if tokens == 5:", "    return (request, tokens)"),
    ),
    "holds is False": (("own_hypothesis",), hypothesis("False")),
    "holds says nothing can be": (("own_hypothesis",), hypothesis("ledger.turns > ledger.turns + 1")),
    "holds for the opening alone": (("own_hypothesis",), hypothesis("ledger.turns == 0")),
    "holds for two turns": (("own_hypothesis",), hypothesis("ledger.turns <= 2")),
    "holds fails": (("own_hypothesis", "nothing_raised"), hypothesis("1 // (ledger.turns - 2) < 1")),
}
TOO_LARGE = (GIVEN, "tokens = request.num_wanted_tokens")
"""Made beside the edit of the view that fails there."""


@pytest.mark.parametrize("name", HOSTILE)
def test_what_no_proof_may_hold(name: str, tmp_path: Path) -> None:
    rules, edit = HOSTILE[name]
    edits = (edit, TOO_LARGE) if "too large" in name else (edit,)
    decided = decide_loop(plain_loop(tmp_path, *edits))
    assert [decided.of(rule).status for rule in rules] == [Status.VIOLATED] * len(rules)
    for rule in rules:
        assert decided.of(rule).lines


def test_the_loop_without_an_edit_keeps_every_rule(tmp_path: Path) -> None:
    assert statuses(decide_loop(plain_loop(tmp_path))) == {Status.HELD}


def statuses(decided: LoopDecision) -> set[Status]:
    assert [verdict.rule for verdict in decided.verdicts] == list(LOOP_RULES)
    return {verdict.status for verdict in decided.verdicts}


def test_no_limits_at_all_is_vacuous(tmp_path: Path) -> None:
    decided = decide_loop(
        plain_loop(tmp_path, ("        return True\n\n    def open", "        return False\n\n    def open"))
    )
    assert statuses(decided) == {Status.VACUOUS}
    assert "`accepts` returns True for no limits" in decided.verdicts[0].message


def test_a_loop_that_serves_nobody_is_vacuous(tmp_path: Path) -> None:
    nobody = decide_loop(
        plain_loop(
            tmp_path,
            (
                "        request, slots = queues.next_running",
                "        return None\n        request, slots = queues.next_running",
            ),
        )
    )
    assert statuses(nobody) == {Status.VACUOUS}
    closed = decide_loop(plain_loop(tmp_path, ("slots < limits.max_num_seqs:", "slots < 0:")))
    assert statuses(closed) == {Status.VACUOUS}
    assert "there is no state in which a waiting request is admitted" in closed.verdicts[0].message


def test_a_method_that_never_returns_meets_a_limit_of_lines(tmp_path: Path) -> None:
    edit = ("        tokens = min", "        while ledger.turns >= 0:\n            pass\n        tokens = min")
    decided = decide_loop(plain_loop(tmp_path, edit))
    assert statuses(decided) == {Status.UNDECIDED}
    assert "`next_turn` goes through more than 100000 lines" in decided.verdicts[0].message


def test_a_hypothesis_that_says_too_little_is_named_with_the_point_where_the_proof_ends(tmp_path: Path) -> None:
    edits = (
        ("return ledger.budget >= ahead.num_decodes * limits.tokens_per_seq", "return True"),
        (
            "num_tokens = min(request.num_wanted_tokens, ledger.budget)\n        num_blocks",
            "num_tokens = request.num_wanted_tokens if request.is_decoding else ledger.budget\n"
            "        num_tokens = min(request.num_wanted_tokens, num_tokens)\n        num_blocks",
        ),
    )
    decided = decide_loop(example("decode_first", tmp_path, *edits))
    verdict = decided.of("no_overshoot")
    assert verdict.status is Status.UNDECIDED
    assert verdict.run is None
    assert "2 requests in 3 steps, or 3 in 2" in verdict.message
    assert "cannot show it where a decode is visited; `holds` may say too little" in verdict.message
    assert [line.partition(":")[0] for line in verdict.lines] == ["limits", "ledger", "step", "decode"]
    assert decided.of("slots_are_enough").status is Status.HELD
