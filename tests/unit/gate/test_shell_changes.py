import pytest

from schedproof_gate.deployment.given_values import GivenValues
from schedproof_gate.deployment.launch import Launch
from schedproof_gate.deployment.shell_script import launches
from schedproof_gate.errors import InputError


def run(script: str, **given: str) -> Launch:
    (launch,) = launches(script, "run.sh", lambda words: words[0].text == "engine", GivenValues(given))
    return launch


def words(script: str, **given: str) -> list[str]:
    return [argument.text for argument in run(script, **given).arguments[1:]]


def unknown(script: str, **given: str) -> list[tuple[str, ...]]:
    return [argument.unknown_variables for argument in run(script, **given).arguments[1:]]


@pytest.mark.parametrize(
    ("arithmetic", "expected"),
    [
        ("((N=4))", "4"),
        ("(( N += 4 ))", "5"),
        ("((M = 1, N = (M + 1) * (M + 2)))", "6"),
        ("((N++))", "2"),
        ("((--N))", "0"),
        ("if ((N <<= 1)); then x; fi", "2"),
        ("for ((N = 0; N < 4; N++)); do x; done", "4"),
        ("while ((N--)); do x; done", "-1"),
        ("let N=4", "4"),
        ("let 'N *= 4'", "4"),
        (": $((N=4))", "4"),
        ('echo "$((N++))"', "2"),
    ],
)
def test_what_arithmetic_sets_is_known_where_its_variables_are(arithmetic: str, expected: str) -> None:
    assert words(f"N=1\nK=2\n{arithmetic}\nengine $N $K ${{N:-8}}") == [expected, "2", expected]
    assert unknown(f"N=1\nK=2\n{arithmetic}\nengine $N $K ${{N:-8}}") == [(), (), ()]


@pytest.mark.parametrize(
    "arithmetic",
    [
        "((N = X))",
        "((N += X))",
        "((X ? (N = 2) : 3))",
        "let N=X+1",
        ": $((N = 4 / 0))",
        "((N = A[1]))",
        "((N = 1.5))",
        "((N = " + "(" * 3 + "4" + ")" * 3 + " + X))",
    ],
)
def test_what_arithmetic_sets_is_not_known_where_a_variable_is_not(arithmetic: str) -> None:
    assert unknown(f"N=1\nK=2\n{arithmetic}\nengine $N $K ${{N:-8}}") == [
        ("$N (set by arithmetic)",),
        (),
        ("$N (set by arithmetic)",),
    ]
    assert words(f"N=1\n{arithmetic}\nengine $N", N="4") == ["4"]


@pytest.mark.parametrize(
    "question", ["((N == 4))", "((N >= 4 && N != 5))", "if ((N <= 4)); then x; fi", "((a) | (b))"]
)
def test_arithmetic_that_asks_sets_nothing(question: str) -> None:
    assert unknown(f"N=1\n{question}\nengine $N") == [()]


def test_what_depends_on_arithmetic_is_set_in_a_branch() -> None:
    assert unknown("N=1\n((M > 3)) && N=4\nengine $N") == [("$N (set in a branch)",)]


def test_parentheses_that_are_no_arithmetic_are_subshells() -> None:
    assert words("((cd a; engine 1) | (tee log))") == ["1"]


SOURCED = "(run.sh:2 sources env.sh, which is not here)"


@pytest.mark.parametrize(
    ("script", "name"),
    [
        ("N=1\nsource env.sh\nengine $N", f"$N {SOURCED}"),
        ("N=1\n. env.sh || true\nengine $N", f"$N {SOURCED}"),
        ("N=1\n[ -f env.sh ] && source env.sh\nengine $N", "$N (set in a branch)"),
        ("x\nsource env.sh\nengine ${N:-8}", f"$N {SOURCED}"),
        ('A=(1)\nsource env.sh\nengine "${A[@]}"', f"$A {SOURCED}"),
        ('A=()\nsource env.sh\nengine "${A[@]}"', f"$A {SOURCED}"),
        ("N=1\nsource <(make-env)\nengine $N", "$N (run.sh:2 sources a command's output, which is not here)"),
    ],
)
def test_a_script_that_is_sourced_and_not_here_may_set_anything(script: str, name: str) -> None:
    assert unknown(script) == [(name,)]
    assert (words(script, N="4", A="4"), unknown(script, N="4", A="4")) == (["4"], [()])


def test_what_a_script_sets_after_it_sources_another_is_known() -> None:
    assert words("source env.sh\nN=1\nengine $N") == ["1"]
    assert unknown("source env.sh\nN=1\nengine $N") == [()]


@pytest.mark.parametrize("how", ["source", "."])
@pytest.mark.parametrize("name", ["env.sh", "./env.sh"])
def test_a_script_that_is_sourced_and_here_is_followed(how: str, name: str) -> None:
    script = f"N=1\ncat > env.sh <<E\nN=2\nE\n{how} {name}\nengine $N"
    assert (words(script), unknown(script)) == (["2"], [()])


@pytest.mark.parametrize("option", ["-a", "-ea", "-o allexport"])
def test_variables_reach_the_engine_while_all_are_exported(option: str) -> None:
    launch = run(f"A=1\nset {option}\nB=2\nset +a\nC=3\nset -euo pipefail\nD=4\nengine")
    assert sorted(launch.environment) == ["B"]


def test_an_exported_variable_that_a_sourced_script_may_set_is_asked_for() -> None:
    script = "export N=1\nsource env.sh\nengine"
    assert run(script).environment["N"].unknown_variables == (f"$N {SOURCED}",)
    defined = run(script, N="4").environment["N"]
    assert (defined.text, defined.unknown_variables) == ("4", ())


def test_a_python_environment_sets_paths_alone() -> None:
    launch = run("N=1\nsource .venv/bin/activate\nengine $N")
    assert launch.arguments[1].unknown_variables == ()
    assert launch.notes == (".venv/bin/activate, which the script sources, is not followed",)


@pytest.mark.parametrize("part", ["(", "((", "((a", "((a)", "(()", "((()", "$((", "((a))b ", "case x in ((a) "])
def test_hostile_parentheses_are_answered(part: str) -> None:
    try:
        launches(part * 100_000 + ")" * 100_000, "run.sh", lambda words: True)
    except InputError as error:
        assert len(str(error)) < 500


@pytest.mark.parametrize("part", ["a", "a[", "a[b ", "a ", "--", "-- ", "=", "a="])
def test_hostile_arithmetic_is_answered(part: str) -> None:
    assert run(f"N=1\n(({part * 50_000}))\nengine $N").arguments[1].text == "1"
    assert run(f"N=1\nlet '{part * 50_000}'\nengine $N").arguments[1].text == "1"


@pytest.mark.parametrize("command", ['eval "$(make-env)"', "eval `make-env`", 'eval "$X"'])
def test_what_eval_gets_from_elsewhere_is_noted(command: str) -> None:
    assert run(f"x\n{command}\nengine").notes == ("what eval runs in line 2 is not known",)


@pytest.mark.parametrize("command", ['eval "$(make-env)"', "eval `make-env`", 'eval "$X"'])
def test_what_eval_gets_from_elsewhere_may_set_anything(command: str) -> None:
    why = "(what eval runs in run.sh:2 is not known)"
    assert unknown(f"N=1\n{command}\nengine $N ${{M:-8}}") == [(f"$N {why}",), (f"$M {why}",)]


@pytest.mark.parametrize("command", ['eval "$(conda shell.bash hook)"', 'eval "$(/opt/bin/pyenv init -)"'])
def test_what_eval_gets_from_a_python_environment_sets_paths_alone(command: str) -> None:
    launch = run(f"N=1\n{command}\nengine $N")
    assert (launch.arguments[1].unknown_variables, launch.notes) == ((), ())


def test_what_is_nested_too_deep_is_noted_and_named() -> None:
    script = "N=1\nf() { if (($1 > 0)); then f $(($1 - 1)); else N=2; fi; }\nf 20\nengine $N"
    why = "run.sh:2 nests f too deep"
    assert unknown(script) == [(f"$N ({why})",)]
    (note,) = run(script).notes
    assert note == "f in run.sh:2 is nested more than 16 deep and not followed: it may start more engines"
    assert words(script, N="4") == ["4"]


def test_a_function_that_calls_itself_until_something_is_ready_loses_nothing() -> None:
    launch = run("N=1\nready() { curl -s x || { sleep 1; ready; }; }\nready\nengine $N")
    assert (launch.arguments[1].unknown_variables, launch.notes) == ((), ())


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("if x; then\ncat > c.yaml <<E\na: 1\nE\nfi\nengine", " (set in a branch)"),
        ("cat > c.yaml <<E\na: 1\nE\nsed -i s/1/2/ c.yaml\nengine", " (changed by sed in run.sh:4)"),
        ("seq 3 > c.yaml\nengine", " (written by seq in run.sh:1)"),
    ],
)
def test_a_file_that_may_hold_something_else_says_why(script: str, reason: str) -> None:
    assert run(script).files["c.yaml"].doubt == reason


def test_what_eval_runs_is_followed_where_it_is_known() -> None:
    launch = run("C='N=2'\neval \"$C\"\neval 'M=$X'\nengine $N")
    assert ([argument.text for argument in launch.arguments], launch.notes) == (["engine", "2"], ())
