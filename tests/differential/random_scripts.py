"""Launch scripts put together at random of what people use in them, and of what bash makes hard to read."""

from hypothesis import strategies as st

NAMES = ["N", "M", "K"]
TEXTS = ["1", "2", "8", "''", "a.b.c", "'x y'", "decode", '"-1"']
OPERATORS = ["+", "-", "*", "%", "<<", "&", "|", "<", "==", "&&", "||", "**"]
EXPANSIONS = [
    "${%s:-4}",
    "${%s-4}",
    "${%s:+x}",
    "${%s#*.}",
    "${%s##*.}",
    "${%s%%.*}",
    "${%s%%%%.*}",
    "${%s/./-}",
    "${%s//[ab]/z}",
    "${#%s}",
    "${%s:1}",
    "${%s:0:2}",
    "${%s^^}",
    "${%s:?}",
    "${%s:=5}",
]

CLOSED = {
    "maybe": "true",
    "grep -q x /dev/null": "false",
    "$X": "$N",
    "{X": "{M",
    "$(echo 3)": "3",
    "read N <<<": "N=",
}
"""What stands for a part that only a machine knows, so that many a script is known in every part."""

names = st.sampled_from(NAMES)
variables = st.sampled_from([*NAMES, *NAMES, "X", "1", "@", "#"])


@st.composite
def values(draw: st.DrawFn) -> str:
    """A word that holds a constant, a variable or an expansion."""
    name = draw(variables)
    kind = draw(st.integers(0, 9))
    if kind < 3:
        return draw(st.sampled_from(TEXTS))
    if kind < 6 or name in "@#":
        return draw(st.sampled_from([f"${name}", f'"${name}"', f'"${{{name}}}"']))
    if kind < 8:
        found = draw(st.sampled_from(EXPANSIONS)) % name
        return found if draw(st.booleans()) else f'"{found}"'
    if kind == 8:
        return f"$(({draw(arithmetic())}))"
    return draw(st.sampled_from(["$(echo 3)", '"${A[@]}"', "${A[0]}", "${#A[@]}", '"$*"', '"${A[*]}"', "x$N'y'"]))


@st.composite
def arithmetic(draw: st.DrawFn) -> str:
    """An expression of constants and variables, perhaps an assignment."""
    left = draw(st.sampled_from([*NAMES, "2", "(N + 1)", "$N", "-3", "!M", "010"]))
    right = draw(st.sampled_from([*NAMES, "3", "2", "0x1f"]))
    found = f"{left} {draw(st.sampled_from(OPERATORS))} {right}"
    match draw(st.integers(0, 5)):
        case 0:
            return f"{draw(names)} = {found}"
        case 1:
            return f"{draw(names)} += {right}"
        case 2:
            return f"{draw(names)}++"
        case 3:
            return f"N ? {found} : (M = 4)"
        case _:
            return found


@st.composite
def questions(draw: st.DrawFn) -> str:
    """A command that asks."""
    left, right = draw(values()), draw(values())
    comparison = draw(st.sampled_from(["=", "!=", "-eq", "-lt", "-ge"]))
    found = draw(
        st.sampled_from(
            [
                "maybe",
                "true",
                "false",
                f"[ {left} {comparison} {right} ]",
                f"[ -n {left} ]",
                f'[ -z "${draw(names)}" ]',
                f"test {left}",
                f"[[ {left} == {right} ]]",
                f"[[ -n {left} && {right} != 1 ]]",
                f"[[ ${draw(names)} == a* || ! {left} -gt 1 ]]",
                f"(({draw(arithmetic())}))",
                "grep -q x /dev/null",
            ]
        )
    )
    return f"! {found}" if draw(st.integers(0, 5)) == 0 else found


def assignment_of(draw: st.DrawFn) -> str:
    """An assignment in one of the many ways."""
    name, value = draw(names), draw(values())
    return draw(
        st.sampled_from(
            [
                f"{name}={value}",
                f"{name}={value}",
                f"{name}+={value}",
                f"{name}={value} {draw(names)}=$N",
                f"export {name}={value}",
                f"declare {name}={value}",
                f"declare -i {name}={draw(arithmetic()).replace(' ', '')!r}",
                f"readonly {name}={value}",
                f"export FD_A={value}",
                f"unset {name}",
                f"(({draw(arithmetic())}))",
                f"let '{draw(arithmetic())}'",
                f"A=({value} {draw(values())})",
                f"A+=({value})",
                f"set -- {value} {draw(values())}",
                "shift",
                f": ${{{name}:={draw(st.sampled_from(['3', '$M']))}}}",
                f"echo {value} > c.yaml",
                f"cat > c.yaml <<E\nn: {'$N'}\nE",
                f"printf -v {name} '%s' 4",
                f"read {name} <<< 4",
            ]
        )
    )


def launch_of(draw: st.DrawFn) -> str:
    """A command that starts an engine."""
    words = f'--a {draw(values())} $N "$M"'
    before = draw(
        st.sampled_from(
            ["", "", "", "FD_A=2 ", "exec ", "env FD_B=$N ", "nohup ", "N=7 ", "numactl -N 0 ", "env -u FD_A "]
        )
    )
    after = draw(st.sampled_from(["", "", "", " > log", " | cat", " 2>&1"]))
    return f"{before}fastdeploy serve {words}{after}"


@st.composite
def statements(draw: st.DrawFn, depth: int) -> str:
    """One statement."""
    kind = draw(st.integers(0, 15 if depth > 0 else 6))
    if kind < 5:
        return assignment_of(draw)
    if kind < 7:
        return launch_of(draw)

    def inner() -> str:
        return draw(bodies(depth - 1))

    name, value, question = draw(names), draw(values()), draw(questions())
    match kind:
        case 7:
            return f"if {question}; then\n{inner()}\nelse\n{inner()}\nfi"
        case 8:
            more = draw(st.sampled_from([" || ", " && "]))
            return f"{question}{more}{assignment_of(draw) if draw(st.booleans()) else launch_of(draw)}"
        case 9:
            end = draw(st.sampled_from([";;", ";;", ";&", ";;&"]))
            return f"case {value} in\n1|a*)\n{inner()}\n{end}\n$M) {name}=3 ;;\n*)\n{inner()}\nesac"
        case 10:
            leave = draw(st.sampled_from(["", f"\n{question} && break", f"\n{question} && continue"]))
            return f"for {name} in {value} 2; do{leave}\n{inner()}\ndone"
        case 11:
            return f"i=0\nwhile ((i++ < 3)) && {question}; do\n{inner()}\ndone"
        case 12:
            start, end = draw(
                st.sampled_from([("(", ")"), ("{ ", "\n}"), ("{ ", "\n} | cat"), ("( ", ") &\nwait")])
            )
            return f"{start}{inner()}{end}"
        case 13:
            leave = draw(st.sampled_from(["", f"\n{question} && return\n{name}=6"]))
            local = draw(
                st.sampled_from(["", f"local {name}\n", f"local {name}={value}\n", f"local -r {name}=3\n"])
            )
            prefix = draw(st.sampled_from(["", f"{name}=9 "]))
            return f"f{depth}() {{\n{local}{inner()}{leave}\n}}\n{prefix}f{depth} {value} 5"
        case 14:
            return f"for (({name} = 0; {name} < 2; {name}++)); do\n{inner()}\ndone"
        case _:
            quoted = inner().replace("'", "'\\''")
            return draw(
                st.sampled_from([f"eval '{quoted}'", f"bash -c '{quoted}' x 3", f"false || {{\n{inner()}\n}}"])
            )


@st.composite
def bodies(draw: st.DrawFn, depth: int) -> str:
    """A few statements."""
    return "\n".join(draw(st.lists(statements(depth), min_size=1, max_size=3)))


@st.composite
def scripts(draw: st.DrawFn) -> str:
    """A script that starts an engine at its end."""
    first = draw(st.sampled_from(["N=1\nM=2", "N=4", "set -- p 'q r'\nN=a.b", "export N=3\nA=(1 '2 3')"]))
    body = "\n".join(draw(st.lists(statements(2), min_size=1, max_size=4)))
    script = f"{first}\n{body}\n{launch_of(draw)}\n"
    if draw(st.booleans()):
        for open_one, closed in CLOSED.items():
            script = script.replace(open_one, closed)
    return script
