"""Syntax and functions that a proof would misjudge are refused, with their line and what to write instead."""

from __future__ import annotations

import builtins
import contextlib
import operator
import random
import time
from collections.abc import Callable
from dataclasses import astuple
from typing import Any

import pytest
from tests.soundness.claims import assert_refused, policy_with

from schedproof import Role, ServingConfig
from schedproof.engines.fastdeploy.reference_policy import ReferencePolicy
from schedproof.engines.fastdeploy.startup import StartupCheck
from schedproof_spec.prover.subset.reading import read


class Limits:
    WIDTH = 64


LIMITS = {"prefill": 10, "decode": 20}
KINDS = {int: 1, str: 2}
WIDTHS = {8, 16}
HALF = 0.5
TEMPLATE = "%s"

REFUSED: list[tuple[Callable[..., Any], str]] = []


def refused(words: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Note a rule with the words of its refusal."""

    def note(rule: Callable[..., Any]) -> Callable[..., Any]:
        REFUSED.append((rule, words))
        return rule

    return note


@refused("`is` between values ... ==")
def identity_of_values(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return sum(1 for role in Role if role is config.role)


@refused("`is` with anything but None and members of enums")
def identity_with_a_constant(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return 0 if config.block_size is Limits.WIDTH else 1


@refused("`is` between values")
def identity_with_true(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return 10**6 if config.chunked_prefill is True else 0


@refused("`isinstance` ... not its type")
def by_type(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return 10**6 if isinstance(num_decoding, int) else 0


@refused("`builtins.isinstance`")
def by_type_elsewhere(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return 10**6 if builtins.isinstance(num_decoding, int) else 0


@refused("`is` between values")
def by_exact_type(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return 10**6 if type(num_decoding) is int else 0


@refused("`.__class__`")
def by_class(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return num_decoding.__class__(10**6)


@refused("a class pattern")
def by_class_pattern(self: Any, config: ServingConfig, num_decoding: int) -> int:
    match num_decoding:
        case int():
            return 10**6
    return 0


@refused("`case True`")
def by_truth_pattern(self: Any, config: ServingConfig, num_decoding: int) -> int:
    match config.chunked_prefill:
        case True:
            return 10**6
    return 0


@refused("a pattern of a sequence")
def by_sequence_pattern(self: Any, config: ServingConfig, num_decoding: int) -> int:
    match LIMITS.get("prefill"):
        case [only]:
            return only
    return 0


@refused("`try` ... `if` before")
def by_handler(self: Any, config: ServingConfig, num_decoding: int) -> int:
    try:
        return len(range(num_decoding))
    except Exception:
        return 10**6


@refused("`with`")
def by_context_manager(self: Any, config: ServingConfig, num_decoding: int) -> int:
    with contextlib.suppress(Exception):
        return len(range(num_decoding))
    return 10**6


@refused("an f-string")
def by_text(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return 10**6 if f"{config.role}" == "prefill" else 0


def spelled(role: Role) -> str:
    return f"{role}"


@refused("in spelled: an f-string")
def by_text_of_a_helper(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return 10**6 if spelled(config.role) == "prefill" else 0


@refused("`str`")
def by_str(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return 10**6 if str(num_decoding) == "7" else 0


@refused("`repr`")
def by_repr(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return len(repr(num_decoding)) * 10**6


@refused("a text with values in it")
def by_percent(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return 10**6 if "%d" % num_decoding == "7" else 0  # noqa: UP031


@refused("`TEMPLATE.format`, a method of a text,")
def by_format(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return 10**6 if TEMPLATE.format(num_decoding) == "7" else 0


@refused("a method of a text")
def by_join(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return len("".join(["x"] * num_decoding)) * 10**6


@refused("`hash`")
def by_hash(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return 10**6 if hash(num_decoding) == 7 else 0


@refused("`id`")
def by_address(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return id(config) % 10**6


@refused("`getattr` ... attribute's name")
def by_getattr(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return int(getattr(config, "max_" + "model_len"))


@refused("`hasattr`")
def by_hasattr(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return 10**6 if hasattr(num_decoding, "bit_length") else 0


@refused("`vars`")
def by_vars(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return len(vars(self)) * 10**6


@refused("`attrgetter` is not written in Python")
def by_attrgetter(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return int(operator.attrgetter("max_model_len")(config))


@refused("`eval`")
def by_eval(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return int(eval("10**6"))


@refused("`astuple`")
def by_fields(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return int(astuple(config)[2])


@refused("`random.random`")
def by_chance(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return 10**6 if random.random() < 0 else 0


@refused("`time.time`")
def by_the_clock(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return 10**6 if time.time() > 0 else 0


@refused("the number 0.9 ... fraction of integers")
def by_fraction(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return int(config.max_num_batched_tokens * 0.9)


@refused("`HALF` is the number 0.5")
def by_named_fraction(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return int(config.max_num_batched_tokens * HALF)


@refused("true division")
def by_true_division(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return int(config.max_num_batched_tokens / 2)


@refused("`round`")
def by_rounding(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return round(config.max_num_batched_tokens)


@refused("a set")
def by_set(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return 10**6 if num_decoding in {1, 2} else 0


@refused("`WIDTHS` is a set")
def by_the_order_of_a_set(self: Any, config: ServingConfig, num_decoding: int) -> int:
    first, *_ = list(WIDTHS)
    return first


@refused("a table whose keys are not written out")
def by_table_of_numbers(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return {num_decoding: 10**6}.get(7, 0)


@refused("`KINDS.values` holds a table with the key")
def by_table_of_types(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return max(KINDS.values()) * 10**6


@refused("`in` a text")
def by_part_of_a_text(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return 10**6 if config.role in "prefill and decode" else 0


@refused("`import` inside a rule")
def by_import(self: Any, config: ServingConfig, num_decoding: int) -> int:
    from builtins import isinstance as asks

    return 10**6 if asks(num_decoding, int) else 0


@refused("`yield`")
def by_generator(self: Any, config: ServingConfig, num_decoding: int) -> int:
    def parts() -> Any:
        yield 10**6

    return sum(parts())


@refused("a class inside a rule")
def by_class_inside(self: Any, config: ServingConfig, num_decoding: int) -> int:
    class Big:
        tokens = 10**6

    return Big.tokens


@refused("`.num_max_dispatch_tokens_per_rank` and None; this theorem does not draw it")
def by_what_is_left_open(self: Any, config: ServingConfig, num_decoding: int) -> int:
    configured = config.num_max_dispatch_tokens_per_rank
    return 10**6 if configured is None else 0


@refused("no theorem draws it")
def by_a_field_that_is_never_drawn(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return 0 if config.has_router else 10**6


def by_what_follows_from_one(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return 0 if config.enables_chunked_prefill else 10**6


@refused("the operator `MatMult`")
def by_matrix(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return config @ num_decoding  # type: ignore[operator,no-any-return]


@refused("`.nonsense` is not an attribute of anything")
def by_unknown_attribute(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return 10**6 if config.nonsense else 0  # type: ignore[attr-defined]


@refused("`missing_function` is not the name of anything")
def by_unknown_name(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return missing_function(num_decoding)  # type: ignore[name-defined,no-any-return]  # noqa: F821


@refused("`.bit_length` is not an attribute of anything")
def by_method_of_integers(self: Any, config: ServingConfig, num_decoding: int) -> int:
    return num_decoding.bit_length() * 10**6


@pytest.mark.parametrize(("rule", "words"), REFUSED, ids=[rule.__name__ for rule, _ in REFUSED])
def test_what_is_not_on_the_list_is_refused(rule: Callable[..., Any], words: str) -> None:
    assert_refused(policy_with(rule), f"test_refused_syntax.py, line  ... {words}")


def test_the_line_is_that_of_the_construct() -> None:
    refusal = read(by_handler).refusal
    assert refusal is not None
    line = by_handler.__code__.co_firstlineno + 2
    assert refusal.startswith(f"test_refused_syntax.py, line {line}, in by_handler: `try` is not supported; ")


def test_what_follows_from_a_field_that_is_never_drawn_is_refused() -> None:
    words = "in enables_chunked_prefill: `.enable_chunked_prefill` is not supported; no theorem draws it"
    assert_refused(policy_with(by_what_follows_from_one), f"config.py, line  ... {words}")


def test_a_start_up_check_is_read_too() -> None:
    class Checked(ReferencePolicy):
        name = "checked"

        def startup_checks(self) -> tuple[StartupCheck, ...]:
            return (
                StartupCheck("mixed", lambda config: str(config.role) == "mixed", lambda config: f"{config.role}"),
            )

    refusal = read(Checked().startup_checks).refusal
    assert refusal is not None
    assert "`str` is not supported" in refusal


def test_a_function_whose_source_is_not_what_runs_is_refused() -> None:
    def replaced(self: Any, config: ServingConfig, num_decoding: int) -> int:
        return 0

    replaced.__code__ = by_handler.__code__.replace(co_firstlineno=replaced.__code__.co_firstlineno)
    assert_refused(policy_with(replaced), "whose source is not what runs")
    names: dict[str, Any] = {}
    exec("def rule(self, config, num_decoding): return 10**6", names)
    assert_refused(policy_with(names["rule"]), "whose source is not what runs")
