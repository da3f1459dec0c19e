"""A mutant changes a function for everyone, for a while; one that has gone stale is an error."""

from __future__ import annotations

import importlib
import itertools

import pytest
from proofs.mutants import MUTANTS, WORK_MUTANTS
from proofs.mutants.mutant import Mutant, code_named, function_named

from schedproof import REFERENCE, ServingConfig, new_request, schedule
from schedproof.engines.fastdeploy.rules.budget import decode_tokens
from schedproof.engines.fastdeploy.rules.chunk import next_chunk
from schedproof.engines.fastdeploy.turns import Queues

CONFIG = ServingConfig()


def mutant(module: str, function: str, old: str, new: str) -> Mutant:
    return Mutant(name="a slip", module=module, function=function, old=old, new=new)


def test_a_mutant_is_seen_by_those_who_imported_the_function_and_is_undone() -> None:
    queues = Queues(running=(), waiting=(new_request("r", 100),), num_free_blocks=10)
    before = schedule(queues, CONFIG, REFERENCE)
    with mutant(
        "schedproof.engines.fastdeploy.rules.chunk", "reachable_end", "return need", "return need - 1"
    ).applied():
        assert next_chunk(new_request("r", 100), 200, CONFIG) == 99
        assert schedule(queues, CONFIG, REFERENCE).num_tokens(CONFIG) == 99
    assert next_chunk(new_request("r", 100), 200, CONFIG) == 100
    assert schedule(queues, CONFIG, REFERENCE) == before


def test_a_mutant_is_undone_after_an_error() -> None:
    slip = mutant("schedproof.engines.fastdeploy.rules.budget", "decode_tokens", "num_decoding *", "0 *")
    with pytest.raises(RuntimeError, match="inside"), slip.applied():
        assert decode_tokens(CONFIG, 5) == 0
        raise RuntimeError("inside")
    assert decode_tokens(CONFIG, 5) == 5


def test_methods_and_properties_can_be_changed() -> None:
    with mutant("schedproof.engines.fastdeploy.config", "ServingConfig.runs_decode", "!=", "==").applied():
        assert CONFIG.runs_decode is False
    with mutant(
        "schedproof.engines.fastdeploy.reference_policy", "ReferencePolicy.decode_charge", "return 0", "return 7"
    ).applied():
        assert REFERENCE.decode_charge(CONFIG) == 7
    assert CONFIG.runs_decode is True
    assert REFERENCE.decode_charge(CONFIG) == 0


@pytest.mark.parametrize(("old", "times"), [("no such text", 0), ("computed", 6)])
def test_a_stale_mutant_is_an_error(old: str, times: int) -> None:
    stale = mutant("schedproof.engines.fastdeploy.rules.chunk", "reachable_end", old, "pass")
    with pytest.raises(ValueError, match="a slip") as caught, stale.applied():
        pytest.fail("a stale mutant was applied")
    assert f"occurs {times} times" in str(caught.value)


def test_only_functions_are_changed() -> None:
    with (
        pytest.raises(ValueError, match="not a function"),
        mutant("schedproof.engines.fastdeploy.rules.chunk", "ServingConfig", "x", "y").applied(),
    ):
        pytest.fail("a class was changed")


def test_code_is_found_by_its_qualified_name() -> None:
    code = compile("class A:\n    def f(self): return 1\ndef f(): return 2\n", "example", "exec")
    assert code_named(code, "A.f").co_qualname == "A.f"
    assert code_named(code, "f").co_firstlineno == 3
    with pytest.raises(KeyError, match=r"A\.g"):
        code_named(code, "A.g")


def test_every_named_mutant_changes_its_function() -> None:
    for change in itertools.chain(*MUTANTS.values(), *WORK_MUTANTS.values()):
        module = importlib.import_module(change.module)
        function = function_named(module, change.function)
        original = function.__code__
        with change.applied():
            assert function.__code__ != original
        assert function.__code__ is original
