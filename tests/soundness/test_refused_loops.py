"""What a step loop may not be made of: refused by name and line, before anything of it runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from soundness.loop_cases import PLAIN, Edit, edited, from_text, plain_loop

from schedproof_spec import LoopDecision, Status, decide_loop

NEXT = "        request, slots = queues.next_running, ledger.slots\n"


def first(line: str) -> Edit:
    return NEXT, f"        {line}\n{NEXT}"


REFUSED: dict[str, tuple[str, Edit]] = {
    "keeps a number": ("assigning to `.count`", first("self.count = 1")),
    "keeps a list": ("`.append()` of a list that was not made here", first("SEEN.append(1)")),
    "reads a list that others change": ("`SEEN` can be changed", first("seen = SEEN")),
    "global": ("`global`", first("global SEEN")),
    "catches": (
        "`try` is not supported",
        (NEXT, f"        try:\n            pass\n        finally:\n            pass\n{NEXT}"),
    ),
    "asks for a type": ("`isinstance` is not supported", first("isinstance(ledger, int)")),
    "asks for an address": ("`id` is not supported", first("id(ledger)")),
    "true division": ("true division", first("half = ledger.budget / 2")),
    "a float": ("the number 0.5", first("half = ledger.budget * 0.5")),
    "identity of requests": ("`is` between values", first("queues.next_running is queues.last_running")),
    "an attribute that nothing has": ("`.position` is not an attribute", first("queues.position")),
    "the lists of the driver": ("`.running` is not an attribute", first("queues.running")),
    "a private name": ("`.__class__`", first("queues.__class__")),
    "prints": ("`print` is not supported", first("print(ledger)")),
    "changes the ledger": ("assigning to `.budget`", first("ledger.budget = 1")),
    "is misspelt": (
        "`next_trun` is no part of a step loop; did you mean `next_turn`?",
        ("    def holds", "    def next_trun(self, ledger, queues, limits):\n        return None\n\n    def holds"),
    ),
    "has another signature": (
        "`holds` takes (ledger, limits), but is asked with (ledger, ahead, limits)",
        ("holds(self, ledger, ahead, limits)", "holds(self, ledger, limits)"),
    ),
    "has the parameters in another order": (
        "`view` takes (limits, ledger)",
        ("view(self, ledger, limits)", "view(self, limits, ledger)"),
    ),
    "a method that is remembered": (
        "`holds` is something else than a plain method",
        ("    def holds", "    @lru_cache\n    def holds"),
    ),
    "a static method": (
        "`holds` is something else than a plain method",
        ("    def holds(self, ", "    @staticmethod\n    def holds("),
    ),
    "a rule on the object": (
        "`holds` is set on the object",
        (
            "    def holds",
            "    def __init__(self):\n        self.holds = lambda ledger, ahead, limits: True\n\n    def holds",
        ),
    ),
    "a class with its own attributes": (
        "`__getattr__`",
        ("    def holds", "    def __getattr__(self, name):\n        return 1\n\n    def holds"),
    ),
    "limits of another class": (
        "`limits_type` has to be a subclass of LoopLimits",
        ('name = "plain"', 'name = "plain"\n    limits_type = Ledger'),
    ),
    "a ledger that can change": (
        "`open` returns a ledger of the class Ledger, which is not a frozen dataclass",
        ("@dataclass(frozen=True)\nclass Ledger", "@dataclass\nclass Ledger"),
    ),
    "a ledger with a text": (
        "the field `turns`, which is no int, bool or enum",
        ("turns: int = 0", 'turns: str = "0"'),
    ),
    "a ledger with a list": (
        "the field `turns`, which is no int, bool or enum",
        ("turns: int = 0", "turns: tuple = ()"),
    ),
    "a ledger that looks at itself": (
        "`__post_init__`",
        (
            "    turns: int = 0",
            "    turns: int = 0\n\n    def __post_init__(self):\n        assert self.budget >= 0",
        ),
    ),
    "a ledger that is equal to all": (
        "`__eq__`",
        ("    turns: int = 0", "    turns: int = 0\n\n    def __eq__(self, other):\n        return True"),
    ),
}


def of_all(decided: LoopDecision) -> tuple[Status, str]:
    """Return the verdict that every rule has."""
    (found,) = {(verdict.status, verdict.message) for verdict in decided.verdicts}
    return found


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_undecided_and_named(name: str, tmp_path: Path) -> None:
    words, edit = REFUSED[name]
    status, message = of_all(decide_loop(plain_loop(tmp_path, edit)))
    assert status is Status.UNDECIDED
    assert words in message


def test_the_line_is_named(tmp_path: Path) -> None:
    text = edited(PLAIN, first("print(ledger)"))
    loop = from_text(text, "Plain", tmp_path)
    line = text.splitlines().index("        print(ledger)") + 1
    file = Path(type(loop).next_turn.__code__.co_filename).name
    assert f"{file}, line {line}, in next_turn: `print` is not supported" in of_all(decide_loop(loop))[1]


def test_nothing_runs_before_all_of_it_is_read(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    edit = (
        "        return True\n\n    def open",
        f"        open({str(marker)!r}, 'w').close()\n        return True\n\n    def open",
    )
    status, message = of_all(decide_loop(plain_loop(tmp_path, edit)))
    assert status is Status.UNDECIDED
    assert "`open` is not supported" in message
    assert not marker.exists()


def test_limits_keep_the_types_of_their_fields(tmp_path: Path) -> None:
    more = "@dataclass(frozen=True, kw_only=True)\nclass More(LoopLimits):\n    block_size: bool = True\n"
    more += "\n\nclass Plain("
    loop = plain_loop(
        tmp_path, ("class Plain(", more), ('name = "plain"', 'name = "plain"\n    limits_type = More')
    )
    status, message = of_all(decide_loop(loop))
    assert status is Status.UNDECIDED
    assert "`More` has the field `block_size` of `LoopLimits` with another type; it is an `int`" in message


def test_limits_of_ones_own_are_drawn(tmp_path: Path) -> None:
    """A default says nothing about what a person sets."""
    more = "@dataclass(frozen=True, kw_only=True)\nclass More(LoopLimits):\n    gift: int = 0\n\n\nclass Plain("
    edits = (
        ("class Plain(", more),
        ('name = "plain"', 'name = "plain"\n    limits_type = More'),
        (
            "min(request.num_wanted_tokens, ledger.budget)",
            "min(request.num_wanted_tokens, ledger.budget + limits.gift)",
        ),
    )
    decided = decide_loop(plain_loop(tmp_path, *edits))
    verdict = decided.of("budget_nonnegative")
    assert verdict.status is Status.VIOLATED
    assert verdict.run is not None
    assert verdict.run.limits.gift > 0


def test_two_loops_with_the_same_text_and_other_numbers_are_two(tmp_path: Path) -> None:
    edits = (
        ("class Plain(", "@dataclass(frozen=True)\nclass Plain("),
        ('name = "plain"', 'name = "plain"\n    gift: int = 0'),
        (
            "min(request.num_wanted_tokens, ledger.budget)",
            "min(request.num_wanted_tokens, ledger.budget + self.gift)",
        ),
    )
    loop = plain_loop(tmp_path, *edits)
    assert of_all(decide_loop(loop))[0] is Status.HELD
    assert decide_loop(type(loop)(gift=1)).of("budget_nonnegative").status is Status.VIOLATED
    assert of_all(decide_loop(loop))[0] is Status.HELD


def test_a_member_of_another_enum_is_no_right_one(tmp_path: Path) -> None:
    edits = (
        ("class Plain(", f"{ENUMS}class Plain("),
        ('name = "plain"', 'name = "plain"\n    limits_type = More'),
        ("    turns: int = 0", '    turns: int = 0\n    day: "Day" = None'),
        ("num_prompts, num_free_blocks)", "num_prompts, num_free_blocks, 0, Day.EVEN)"),
        ("ledger.turns + 1)", "ledger.turns + 1, limits.night)"),
    )
    verdict = decide_loop(plain_loop(tmp_path, *edits)).of("nothing_raised")
    assert verdict.status is Status.VIOLATED
    assert "a ledger with a field day of the type Day" in verdict.lines[-1]


ENUMS = """class Day(Enum):
    EVEN, ODD = range(2)


class Night(Enum):
    DARK, LIGHT = range(2)


@dataclass(frozen=True, kw_only=True)
class More(LoopLimits):
    night: Night


"""
