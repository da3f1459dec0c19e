"""Rules of one's own by MODULE:CLASS: what is found, and one sentence for what cannot be used."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from schedproof import POLICIES, REFERENCE, Policy
from schedproof_gate.deployment.deployment_file import read_deployments
from schedproof_gate.deployment.engines import named_policies, named_policy
from schedproof_gate.deployment.given import Origin
from schedproof_gate.errors import InputError
from schedproof_gate.own_policy import own_policy, source_of, spelling_of, summary_of
from schedproof_gate.policies.matrix import Matrix, matrix_text
from schedproof_gate.prove.place import place_in_message, place_of_class
from schedproof_spec import INVARIANTS, known_answer

HERE = Origin("command line", None, "--policy")

RULES = '''
from schedproof import Policy, ServingConfig
from schedproof.engines.fastdeploy.reference_policy import ReferencePolicy

class NoName(ReferencePolicy):
    pass

class Abstract(Policy):
    name = "abstract"

class Slots(ReferencePolicy):
    """So many slots."""

    name = "slots"

    def __init__(self, number: int) -> None:
        self.number = number

five = Slots(5)

class Raises(ReferencePolicy):
    name = "raises"

    def __init__(self) -> None:
        raise RuntimeError("no")

class Tries(ReferencePolicy):
    name = "tries"

    def decode_charge(self, config: ServingConfig) -> int:
        try:
            return 0
        except ValueError:
            return 1

class Twin(ReferencePolicy):
    name = "tries"

def function() -> None:
    pass
'''


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder with a module of rules, which is read anew in each test."""
    name = f"rules_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(RULES, encoding="utf-8")
    (tmp_path / "syntax.py").write_text("x = 1\ndef f(:\n", encoding="utf-8")
    (tmp_path / "lacks.py").write_text("\nimport nothing_of_this_name\n", encoding="utf-8")
    (tmp_path / "leaves.py").write_text("raise SystemExit(0)\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def module(folder: Path) -> str:
    return next(path.stem for path in folder.glob("rules_*.py"))


def test_a_module_and_its_file_name_the_same_rule(folder: Path) -> None:
    before = list(sys.path)
    by_name, by_file = (own_policy(f"{module(folder)}{ending}:Tries", HERE) for ending in ("", ".py"))
    assert by_name.name == by_file.name == "tries"
    assert spelling_of(by_name) == f"{module(folder)}:Tries"
    assert spelling_of(by_file) == f"{module(folder)}.py:Tries"
    assert named_policy(f"{module(folder)}.py:Tries") is by_file
    assert sys.path == before


def test_an_object_with_its_numbers_can_be_named(folder: Path) -> None:
    policy = own_policy(f"{module(folder)}.py:five", HERE)
    assert vars(policy) == {"number": 5}
    assert (summary_of(policy), source_of(policy)) == ("So many slots", f"{module(folder)}.py:five")


def test_names_without_a_colon_are_versions() -> None:
    assert named_policy("reference") is REFERENCE
    assert named_policies(["7756", "reference", "7756"]) == [POLICIES["7756"], REFERENCE]
    assert spelling_of(REFERENCE) == "reference"
    with pytest.raises(InputError, match="unknown policy 'referense'; did you mean reference"):
        named_policy("referense")


def test_the_class_of_a_version_is_that_version() -> None:
    assert own_policy("schedproof.engines.fastdeploy.reference_policy:ReferencePolicy", HERE) is REFERENCE


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("M:NoName", "NoName has the name of a shipped version, 'reference'; add .* `name = \"no-name\"`"),
        ("M:Abstract", "Abstract lacks decode_blocks, decode_charge, .*; define them, or subclass a version"),
        ("M:Slots", r"Slots needs arguments \(number\); give them defaults, or name an object: .*`mine = Slots"),
        ("M:Raises", r"Raises\(\) raises RuntimeError: no; "),
        ("M:function", "'function' is no Policy and no StepLoop; "),
        ("M:Tires", "M.py has no 'Tires'; did you mean Tries"),
        ("M:", "'M:' is not MODULE:CLASS; write "),
        ("M.py:x.y", "M.py has no 'x.y'; it has: NoName, Abstract, Slots, five, Raises, Tries, Twin$"),
        ("sintax:X", "there is no module 'sintax'; did you mean syntax"),
        ("sintax.py:X", "there is no file 'sintax.py'; did you mean syntax.py"),
        ("gone/rules.py:X", "there is no file 'gone/rules.py'; check the path"),
        ("schedproof.engine.x:X", "there is no module 'schedproof.engine'; did you mean schedproof.engines.x"),
        ("a b:X", "'a b' is not the name of a module; "),
        ("syntax:X", "^syntax.py:2: cannot be imported: SyntaxError: invalid syntax; "),
        ("syntax.py:X", "^syntax.py:2: cannot be imported: SyntaxError: invalid syntax; "),
        ("lacks.py:X", "^lacks.py:2: cannot be imported: ModuleNotFoundError: No module named 'nothing_of"),
        ("leaves:X", "^leaves.py:1: cannot be imported: SystemExit: 0; "),
    ],
)
def test_what_cannot_be_used_is_one_sentence(folder: Path, name: str, sentence: str) -> None:
    own = module(folder)
    name, sentence = (text.replace("M:", f"{own}:").replace("M.py", f"{own}.py") for text in (name, sentence))
    with pytest.raises(InputError, match=sentence) as raised:
        own_policy(name, HERE)
    assert "\n" not in str(raised.value)


def test_two_rules_of_one_name_cannot_be_compared(folder: Path) -> None:
    own = module(folder)
    with pytest.raises(InputError, match="two policies have the name 'tries'; give each class a name"):
        named_policies([f"{own}:Tries", f"{own}:Twin"])


def test_a_deployment_file_runs_no_module(folder: Path) -> None:
    (folder / "harm.py").write_text("open('ran', 'w').close()\n", encoding="utf-8")
    (folder / "deployment.yaml").write_text("engine: fastdeploy\nargs: {}\npolicy: harm.py:X\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"unknown policy 'harm\.py:X'"):
        read_deployments(Path("deployment.yaml"))
    assert not (folder / "ran").exists()
    with pytest.raises(InputError, match="has no 'X'"):
        named_policy("harm.py:X")
    assert (folder / "ran").exists()


def test_places_are_lines_of_the_persons_file(folder: Path) -> None:
    file = f"{module(folder)}.py"
    policy = own_policy(f"{file}:Tries", HERE)
    text = RULES.splitlines()
    assert place_of_class(policy).file == file
    assert place_of_class(policy).line == text.index("class Tries(ReferencePolicy):") + 1
    message = f"no proof (the prover cannot follow: {file}, line 33, in decode_charge: `try` is not supported)"
    assert place_in_message(message, policy).line == 33
    assert place_in_message("solver limit", policy) == place_of_class(policy)
    inherited = place_in_message("cannot follow: reference_policy.py, line 7, in x: y", policy)
    assert (Path(inherited.file).name, inherited.line) == ("reference_policy.py", 7)


def test_an_own_column_pushes_none_of_the_versions_out(folder: Path) -> None:
    own: Policy = own_policy(f"{module(folder)}.py:five", HERE)
    names = ("charge_follows_method", "dispatch_capacity_covers_step")
    answers = [known_answer(INVARIANTS[name], policy) for policy in (*POLICIES.values(), own) for name in names]
    lines = matrix_text(Matrix(answers, [own])).splitlines()
    assert lines[0].split()[1:] == list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: len(POLICIES) + 1])
    assert [len(line.split()) for line in lines[1:3]] == [len(POLICIES) + 2] * 2
    assert any(
        line.split()[1:] == ["slots", "So", "many", "slots", f"({module(folder)}.py:five)"] for line in lines
    )
