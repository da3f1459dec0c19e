from dataclasses import replace

import pytest

from schedproof_gate.deployment.budget import MAX_EXPANDED_CHARACTERS
from schedproof_gate.deployment.given_values import GivenValues
from schedproof_gate.deployment.launch import Launch
from schedproof_gate.deployment.shell_script import launches
from schedproof_gate.errors import InputError


def run(script: str) -> list[Launch]:
    return list(launches(script, "run.sh", lambda words: words[0].text == "engine"))


def words(script: str) -> list[str]:
    (launch,) = run(script)
    return [argument.text for argument in launch.arguments[1:]]


def unknown(script: str) -> list[tuple[str, ...]]:
    (launch,) = run(script)
    return [argument.unknown_variables for argument in launch.arguments[1:]]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("engine --a 1 --b=2", ["--a", "1", "--b=2"]),
        ("engine \\\n  --a 1 \\\n  --b 2\n", ["--a", "1", "--b", "2"]),
        ("engine --a 1 # --b 2\n# engine --c 3", ["--a", "1"]),
        ("engine path#1 --a '#'", ["path#1", "--a", "#"]),
        ("""engine --json '{"a": "b c"}'""", ["--json", '{"a": "b c"}']),
        ('engine --json "{\\"a\\": 1}"', ["--json", '{"a": 1}']),
        ("engine a\\ b 'c'\"d\"e", ["a b", "cde"]),
        ("engine '' \"\"", ["", ""]),
        ("engine --a 1 > log 2>&1 &", ["--a", "1"]),
        ("engine --a 1 2>log >>log <in &>all --b 2", ["--a", "1", "--b", "2"]),
        ("engine --a 1 | tee log", ["--a", "1"]),
        ("cat <<EOF\nengine --x 1\nEOF\nengine --a 1", ["--a", "1"]),
        ("cat <<-'END'\n\tengine --x 1\n\tEND\nengine --a 1", ["--a", "1"]),
        ("if true; then engine --a 1; fi", ["--a", "1"]),
        ("(cd x && engine --a 1)", ["--a", "1"]),
        ("engine $'a' $", ["a", "$"]),
        ("engine é 2", ["é", "2"]),
    ],
)
def test_words_are_split_as_a_shell_splits_them(script: str, expected: list[str]) -> None:
    assert words(script) == expected


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("N=8; engine --a $N", ["--a", "8"]),
        ("N=8\nengine --a ${N} --b=${N}x", ["--a", "8", "--b=8x"]),
        ("export N=8 M=9\nengine $N $M", ["8", "9"]),
        ("A='--a 1 --b 2'\nengine $A", ["--a", "1", "--b", "2"]),
        ("A='1  2'\nengine \"$A\"", ["1  2"]),
        ("A=x\nB=$A/y\nengine $B", ["x/y"]),
        ("engine ${N:-8} ${M-9}", ["8", "9"]),
        ("N=1\nengine ${N:-8}", ["1"]),
        ("A=\nengine $A --a", ["--a"]),
        ("A=x\nengine '$A' \\$A", ["$A", "$A"]),
        ("readonly N=8\nengine $N", ["8"]),
        ('A=\'{"k": 1}\'\nengine --json "$A"', ["--json", '{"k": 1}']),
    ],
)
def test_variables_of_the_same_script_are_substituted(script: str, expected: list[str]) -> None:
    assert words(script) == expected
    assert not any(unknown(script))


@pytest.mark.parametrize(
    ("script", "name"),
    [
        ("engine $N", "$N"),
        ("engine ${N}", "$N"),
        ("engine $(nproc)", "$(…)"),
        ("engine $((4 * (2 + N)))", "$N"),
        ("engine $((4 * (2 + $(nproc))))", "$(…)"),
        ("engine `nproc`", "`…`"),
        ("engine ${A[@]}", "${A[@]}"),
        ("engine $1", "$1"),
        ('engine "$@"', "$@"),
        ("N=$(nproc)\nengine $N", "$N"),
        ("A=$B\nN=$A\nengine $N", "$B"),
        ("N=1\nunset N\nengine $N", "$N"),
        ("if x; then N=1; else N=2; fi\nengine $N", "$N (set in a branch)"),
        ("N=1\nfor i in *; do N=2; done\nengine $N", "$N (set in the loop of run.sh:2)"),
        ("N=1\nwhile x; do N=2; done\nengine $N", "$N (set in the loop of run.sh:2)"),
        ("f() {\n N=1\n}\nengine $N", "$N"),
        ("N=1\nf() { local N=2; unset N; }\nA=$(f)\nengine $A", "$A"),
        ("N+=2\nengine $N", "$N"),
        ("(N=1)\nengine $N", "$N"),
        ('[ -n "$X" ] && N=1\nengine $N', "$N (set in a branch)"),
        ("x || N=1\nengine $N", "$N (set in a branch)"),
        ("x || { N=1; }\nengine $N", "$N (set in a branch)"),
        ("[[ -n $X ]] && { N=1; }\nengine $N", "$N (set in a branch)"),
        ("[ $A ] && [ b ] && N=1\nengine $N", "$N (set in a branch)"),
        ("x &&\n  N=1\nengine $N", "$N (set in a branch)"),
        ("for i in $A; do engine $i; done", "$i"),
        ("for i in {1..4}; do engine $i; done", "$i"),
        ("for i; do engine $i; done", "$i"),
        ("f() { engine $2; }\nf 1", "$2"),
        ("bash -c 'engine $N'", "$N"),
        ("N=1\nread N\nengine $N", "$N"),
        ('A=(1)\nA[0]=2\nengine "${A[@]}"', "${A[@]}"),
        ("A=(1)\nengine ${A[4]}", "${A[4]}"),
        ("N=1\nbash -c 'engine $N'", "$N"),
        ('A=(1)\nif x; then A=(2); fi\nengine "${A[@]}"', "$A (set in a branch)"),
        ("read N\nengine $N", "$N"),
        ("read N\nengine ${N:-8}", "$N"),
        ("N=1\nprintf -v N 2\nengine $N", "$N"),
        ("N=1\nselect N in 1 2; do break; done\nengine $N", "$N"),
        ("if x; then N=4; fi\nif y; then N=4; fi\nengine $N", "$N (set in a branch)"),
        ("N=1\nif x; then unset N; fi\nengine ${N:-8}", "$N (set in a branch)"),
        ("grep -q a b && N=4\nengine $N", "$N (set in a branch)"),
        ('A=(1)\nif x; then A=(); fi\nengine "${A[@]}"', "$A (set in a branch)"),
        ("if x; then set -- 4; fi\nengine $1", "$1"),
    ],
)
def test_what_only_a_shell_can_tell_stays_unknown_and_is_named(script: str, name: str) -> None:
    assert unknown(script) == [(name,)]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("A=(--a 1)\nengine ${A}", ["--a"]),
        ('A=(--a 1 "b c")\nengine "${A[@]}" --z', ["--a", "1", "b c", "--z"]),
        ('A=(--a 1)\nA+=(--b 2)\nengine "${A[@]}"', ["--a", "1", "--b", "2"]),
        ('A=(\n  --a 1 # one\n  --b 2\n)\nengine "${A[@]}"', ["--a", "1", "--b", "2"]),
        ('declare -a A=(--a 1)\nengine "${A[@]}"', ["--a", "1"]),
        ('A=()\nengine "${A[@]}" 1', ["1"]),
        ("N=1\nN+=2\nengine $N", ["12"]),
        (': "${N:=8}"\nengine $N', ["8"]),
        ("engine ${N:-'a'}", ["a"]),
        ("A=(1)\nengine ${A[0]}", ["1"]),
        ('f() { engine "$1" --b "${2:-4}"; }\nf 1', ["1", "--b", "4"]),
        ("function f {\n  engine $1\n}\nf 1", ["1"]),
        ('f()\n{\n  engine "$@"\n}\nf --a 1', ["--a", "1"]),
        ("f() { shift; engine $1; }\nf 1 2", ["2"]),
        ("f() { local N=2; }\nN=1\nf\nengine $N", ["1"]),
        ("f() { N=2; }\nN=1\nf\nengine $N", ["2"]),
        ("N=1\n(N=2)\nengine $N", ["1"]),
        ("for i in 1 2; do N=$i; done\nengine $N", ["2"]),
        ("cd /srv && N=1 && engine $N", ["1"]),
        ("bash -c 'cd /srv && engine --a 1'", ["--a", "1"]),
        ('N=1; bash -lc "engine --a $N"', ["--a", "1"]),
        ("export N=1; sh -ec 'engine --a $N'", ["--a", "1"]),
        ("env N=1 bash -c 'engine $N'", ["1"]),
        ("bash -c 'engine $1' name 8", ["8"]),
        ("docker run image bash -c 'engine 1'", ["1"]),
        ("bash <<'EOF'\nengine 1\nEOF\n", ["1"]),
        ("cat > run.sh <<'EOF'\nengine $1\nEOF\nbash run.sh 8\n", ["8"]),
        ("N=8\ncat <<EOF > ./run.sh\nengine $N\nEOF\nchmod +x ./run.sh\n./run.sh\n", ["8"]),
        ('C="engine --a 1"\neval "$C"', ["--a", "1"]),
        ("case $1 in\n  a) engine 1 ;;\nesac", ["1"]),
        ("set -- 1 2\nengine $2", ["2"]),
        ('serve() {\n  engine --a 1\n}\nstop() { pkill engine; }\n"$@"', ["--a", "1"]),
        ("f() { N=1; }\neval f\nengine $N", ["1"]),
    ],
)
def test_what_a_script_makes_of_itself_is_followed(script: str, expected: list[str]) -> None:
    assert words(script) == expected
    assert not any(unknown(script))


def test_every_turn_of_a_loop_and_every_call_is_a_launch_of_its_own() -> None:
    found = run("f() {\n  engine $1\n}\nfor i in 1 2; do\n  f $i\ndone\nf 3\n")
    assert [(launch.arguments[1].text, launch.line, launch.place) for launch in found] == [
        ("1", 5, "i=1"),
        ("2", 5, "i=2"),
        ("3", 7, ""),
    ]


def test_a_word_stands_where_its_array_or_its_variable_was_set() -> None:
    (launch,) = run("A=(\n  --a 1\n)\nB='--b 2'\nengine \"${A[@]}\" $B --c 3")
    assert [argument.line for argument in launch.arguments] == [5, 2, 2, 4, 4, 5, 5]


def test_a_default_stands_for_an_empty_value_where_the_script_says_so() -> None:
    assert words("N=\nengine ${N:-8} ${N-9}") == ["8"]


@pytest.mark.parametrize(
    "script",
    ["bash -c '\nengine \\\n  --a 1'", 'bash -c "\nengine \\\n  --a 1"', "bash <<EOF\nengine \\\n  --a 1\nEOF"],
)
def test_an_inner_script_keeps_its_lines(script: str) -> None:
    (launch,) = run(script)
    assert [argument.line for argument in launch.arguments] == [2, 3, 3]


def test_a_written_file_comes_with_the_launch() -> None:
    (launch,) = run("N=8\ncat > c.yaml <<EOF\na: $N\nb: $M\nEOF\nengine --config c.yaml")
    file = launch.files["c.yaml"]
    assert (file.content.text, file.content.first_line) == ("a: 8\nb: $M\n", 3)
    assert file.unknown_variables == ("$M",)


def test_what_is_not_known_in_a_written_file_is_seen_in_it() -> None:
    (launch,) = run("if x; then N=8; fi\ncat > c.yaml <<EOF\na: $N\nEOF\nengine --config c.yaml")
    assert launch.files["c.yaml"].content.text == "a: $N\n"
    assert launch.files["c.yaml"].unknown_variables == ("$N",)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("engine $N", "4"),
        ("engine ${N:-8}", "4"),
        ("engine $1", "one"),
        ("N=$(nproc); engine $N", "4"),
        ("if x; then N=2; fi; engine $N", "4"),
        ("N=2; engine $N", "2"),
        ("N=${X:-8}; engine $N", "4"),
        ("N=${N:-8}; if [ $N = 4 ]; then M=4; else M=5; fi; engine $M", "4"),
        ("case ${1:-two} in one) M=4;; two) M=5;; esac; engine $M", "4"),
        ("while x; do N=$((N+1)); done; engine $N", "4"),
        ("bash -c 'engine $N'", "4"),
    ],
)
def test_what_a_script_leaves_open_is_given(script: str, expected: str) -> None:
    given = GivenValues({"N": "4", "1": "one"})
    (launch,) = launches(script, "run.sh", lambda words: words[0].text == "engine", given)
    assert launch.arguments[1] == replace(launch.arguments[1], text=expected, unknown_variables=())


@pytest.mark.parametrize(
    "script",
    [
        "f() { f; }\nf",
        "f() { f; f; }\nf",
        "A=1\n" + "for i in 1 2 3 4 5 6 7 8; do " * 10 + "A=1; " + "done; " * 10,
        "eval 'eval \"$A\"'",
        'A=\'eval "$A"\'\neval "$A"',
        "A=(" * 100_000,
        "f() { " * 100_000,
        "cat > a.sh <<'E'\nbash a.sh\nbash a.sh\nE\nbash a.sh",
        "x() { A+=$A$A; x; }; A=aaaa; x",
        "N=1\n" + "while x; do N+=2\n" * 12 + "done\n" * 12,
        "for ((i = 0; i < 100000; i++)); do for ((j = 0; j < 100000; j++)); do N=$((N + 1)); done; done",
        "f() { x && g; }\ng() { x || f; x || g; }\nf",
    ],
    ids=lambda script: repr(script[:12]),
)
def test_scripts_that_never_end_are_answered(script: str) -> None:
    try:
        run(script)
    except InputError as error:
        assert len(str(error)) < 500


def test_a_branch_that_sets_the_same_value_changes_nothing() -> None:
    assert unknown("N=1\nif x; then N=1; fi\nengine $N") == [()]


def test_exported_and_prefixed_variables_reach_the_engine() -> None:
    (launch,) = run("export A=1\nB=2\nexport B\nC=3\nD=4 engine")
    assert {name: value.text for name, value in launch.environment.items()} == {"A": "1", "B": "2", "D": "4"}


def test_a_prefix_is_over_when_its_command_is() -> None:
    first, second = run("A=1 engine\nengine")
    assert (sorted(first.environment), sorted(second.environment)) == (["A"], [])


def test_lines_are_those_of_the_words() -> None:
    (launch,) = run("# comment\nX='a\nb'\nengine \\\n  --a 1 \\\n  --b 2\n")
    assert [(argument.text, argument.line) for argument in launch.arguments] == [
        ("engine", 4),
        ("--a", 5),
        ("1", 5),
        ("--b", 6),
        ("2", 6),
    ]


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("a\nengine 'x\ny", "a ' is not closed"),
        ('a\nengine "x', 'a " is not closed'),
        ("a\nengine $(x", "a ( is not closed"),
        ("a\nengine ${x", "a ${ is not closed"),
        ("a\nengine `x", "a ` is not closed"),
    ],
)
def test_an_open_quote_is_refused_where_it_begins(script: str, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        run(script)
    assert (caught.value.problem, caught.value.line) == (problem, 2)


def test_variables_that_hold_variables_do_not_grow_without_end() -> None:
    doubling = "\n".join(f"V{i + 1}=$V{i}$V{i}" for i in range(60))
    with pytest.raises(InputError, match=f"expand to more than {MAX_EXPANDED_CHARACTERS} characters"):
        run(f"V0=ab\n{doubling}\nengine $V60")
    few = "\n".join(doubling.splitlines()[:10])
    assert unknown(f"{few}\nengine $V10") == [("$V0",)]


@pytest.mark.parametrize(
    "script",
    [
        "$A" * 500_000,
        '"' + "$A" * 500_000 + '"',
        "A=" + "x" * 400 + "\nengine " + "$A" * 9_999,
        "$(" * 500_000,
        "(" * 1_000_000,
        ";" * 1_000_000,
        "'" * 1_000_000,
        "a " * 500_000,
        "<<E\n" * 250_000,
        "A=1;" * 9_000,
        "\\\n" * 500_000,
        "case $X in\n" + "".join(f"{i}) N={i} ;;&\n" for i in range(3000)) + "esac",
        "if x; then N=0\n" + "".join(f"elif x{i}; then N={i}\n" for i in range(2000)) + "fi",
        "".join(f"V{i}=1\n" for i in range(900)) + "if x; then V1=2; fi\n" * 900,
        " && ".join(["x"] * 5_000),
        "[[ " + "( " * 3_000 + " ]]",
        "((N=" + "(" * 3 + "-" * 5_000,
        "A=" + "a" * 20_000 + "\nengine ${A##*a*a*a*b} ${A%%*b*a*} ${A//a*a*b/x}",
        "engine " + "${A:-" * 3_000 + "}" * 3_000,
    ],
    ids=lambda script: repr(script[:8]),
)
def test_hostile_scripts_are_answered(script: str) -> None:
    try:
        run(script)
    except InputError as error:
        assert len(str(error)) < 500


def test_nothing_is_executed(tmp_path) -> None:  # type: ignore[no-untyped-def]
    target = tmp_path / "made"
    run(f"touch {target}\nengine $(touch {target}) `touch {target}`")
    assert not target.exists()


def test_an_array_that_is_set_in_a_branch_can_be_given() -> None:
    script = 'A=(--a 1)\nif x; then A+=(--b 2); fi\nengine "${A[@]}"'
    given = GivenValues({"A": "--a 1 --b 3"})
    (launch,) = launches(script, "run.sh", lambda words: words[0].text == "engine", given)
    assert [argument.text for argument in launch.arguments[1:]] == ["--a", "1", "--b", "3"]


def test_a_script_that_is_sourced_and_not_here_is_noted() -> None:
    (launch,) = run("source env.sh\nengine")
    assert launch.notes == ("env.sh, which the script sources, is not followed",)
