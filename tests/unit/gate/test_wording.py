import pytest

from schedproof_gate.report.report import FlagChange
from schedproof_gate.report.wording import listed, plural, repair_sentence, shown_value


@pytest.mark.parametrize(
    ("repairs", "sentence"),
    [
        ((), ""),
        (((FlagChange(flag="--a", old=2, new=1),),), "lower --a from 2 to 1"),
        (((FlagChange(flag="--a", old=1, new=2),),), "raise --a from 1 to 2"),
        (((FlagChange(flag="--a", old=None, new=2),),), "set --a to 2"),
    ],
)
def test_a_repair_says_what_to_do(repairs: tuple[tuple[FlagChange, ...], ...], sentence: str) -> None:
    assert repair_sentence(repairs) == sentence


def test_values_are_shown_as_they_are_written() -> None:
    assert [shown_value(value) for value in (None, True, 3, "mtp")] == ["none", "true", "3", "mtp"]


def test_several_things_are_one_enumeration() -> None:
    assert [listed(["a", "b", "c"][:count]) for count in range(4)] == ["", "a", "a and b", "a, b and c"]
    assert [plural(count, "step") for count in (0, 1, 2)] == ["0 steps", "1 step", "2 steps"]
