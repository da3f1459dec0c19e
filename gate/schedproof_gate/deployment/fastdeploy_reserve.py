"""FastDeploy's variables for the output reserve since PR 7444: which of them leave what the proofs speak of.

A verdict about such a version rests on the token ratio, of at most 1, and on a prefill node that takes a prompt.
Source: ``fastdeploy/envs.py``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from schedproof import Policy
from schedproof_gate.deployment.given import Given
from schedproof_gate.errors import quoted

SWITCH = "FD_USE_NEW_TOKEN_RATIO_RESERVE"
RATIOS = ("FD_INIT_NEW_TOKEN_RATIO", "FD_MIN_NEW_TOKEN_RATIO")
DECAY = "FD_NEW_TOKEN_RATIO_DECAY"
IN_FLIGHT = "FD_MAX_INFLIGHT_PREFILL"
VARIABLES = frozenset({SWITCH, *RATIOS, DECAY, IN_FLIGHT})


def refuse_other_reserves(environment: Mapping[str, Given], version: Policy) -> None:
    """Refuse a reserve under which it is not proved that everybody is served.

    Raises:
        InputError: a value of the wrong type, or one that the proofs do not speak of.
    """
    if not version.reserves_by_token_ratio:
        return
    switch = environment.get(SWITCH)
    if switch is not None and not switch.truth():
        problem = (
            f"brings back the output reserve of before PR 7444, which schedproof does not know in {version.name}"
        )
        raise switch.fail(problem, "remove it")
    for name in RATIOS:
        if name in environment and fraction(environment[name]) > 1:
            raise environment[name].fail("reserves more than is left to generate", "give a number from 0 to 1")
    if DECAY in environment:
        fraction(environment[DECAY])
    if IN_FLIGHT in environment:
        environment[IN_FLIGHT].whole_number(1)


def fraction(given: Given) -> float:
    """Return the value as a number of 0 or more.

    Raises:
        InputError: another type, or out of range.
    """
    text = given.text()
    try:
        number = float(text)
    except ValueError:
        raise given.fail(f"{quoted(text)} is not a number", "give a number from 0 to 1") from None
    if not 0 <= number < math.inf:
        raise given.fail(f"{quoted(text)} is out of range", "give a number from 0 to 1")
    return number
