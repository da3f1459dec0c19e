"""A value that a file shows and that may be another one is never used."""

from collections.abc import Callable
from pathlib import Path

import pytest

from schedproof_gate.deployment.deployment import Deployment
from schedproof_gate.deployment.deployment_file import Unreadable, outcomes_of, parsed_or_named
from schedproof_gate.deployment.given import Given, Origin
from schedproof_gate.deployment.given_values import GivenValues
from schedproof_gate.errors import InputError

LAUNCH = "fastdeploy serve --splitwise-role decode --router r:1"


def given(value: str, name: str = "$N (set in a branch)") -> Given:
    origin = Origin("run.sh", 4, "--flag")
    return Given(value=value, origin=origin, is_text=True, unknown_variables=(name,))


@pytest.mark.parametrize(
    ("value", "asked"),
    [
        ("8", Given.whole_number),
        ("1", Given.truth),
        ("decode", lambda value: value.choice({"decode": "decode"})),
        ("m", Given.text),
        ('{"method": "mtp"}', Given.members),
    ],
)
def test_a_value_that_may_be_another_is_refused_however_it_is_asked_for(
    value: str, asked: Callable[[Given], object]
) -> None:
    with pytest.raises(
        InputError, match=r"run.sh:4: --flag: the value of \$N \(set in a branch\) is not known here"
    ):
        asked(given(value))


def test_a_variable_that_shows_in_one_member_leaves_the_others_known() -> None:
    members = given('{"model": "$N", "method": "mtp"}', "$N").members()
    assert members["method"].text() == "mtp"
    with pytest.raises(InputError, match=r"\$N"):
        members["model"].text()


@pytest.mark.parametrize(
    ("script", "name"),
    [
        (f"N=8\nif x; then N=16; fi\n{LAUNCH} --max-num-seqs $N", "$N (set in a branch)"),
        (f"N=8\nif x; then N=16; fi\n{LAUNCH} --max-num-seqs=$N", "$N (set in a branch)"),
        (f"N=8\n((N=16*M))\n{LAUNCH} --max-num-seqs $N", "$N (set by arithmetic)"),
        (f"N=8\nsource env.sh\n{LAUNCH} --max-num-seqs $N", "$N (run.sh:2 sources env.sh, which is not here)"),
        (f'N=""\nif x; then N="--max-num-seqs 16"; fi\n{LAUNCH} $N', "$N (set in a branch)"),
        (f"if x; then N=--enable-overlap-schedule; fi\n{LAUNCH} --max-num-seqs 8 $N", "$N (set in a branch)"),
        (
            f"N=8\nif x; then N=16; fi\ncat > c.yaml <<E\nmax_num_seqs: $N\nE\n{LAUNCH} --config c.yaml",
            "$N",
        ),
    ],
)
def test_a_script_whose_value_may_be_another_is_asked_about_and_answered(script: str, name: str) -> None:
    (outcome,) = outcomes_of(parsed_or_named("run.sh", Path(), script, GivenValues()))
    assert isinstance(outcome, Unreadable)
    assert f"the value of {name} is not known here" in str(outcome.error)
    assert "--set N=VALUE" in outcome.error.advice
    (outcome,) = outcomes_of(parsed_or_named("run.sh", Path(), script, GivenValues({"N": "12"})))
    assert isinstance(outcome, Deployment)
