"""The same flags mean the same in every form, whatever characters their values have."""

import json
import shlex
import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from schedproof_gate.deployment.deployment import Deployment
from schedproof_gate.deployment.deployment_file import read_command
from schedproof_gate.deployment.fastdeploy import FASTDEPLOY
from schedproof_gate.deployment.given_values import GivenValues
from schedproof_gate.deployment.inputs import read_inputs

START = ["python", "-m", "fastdeploy.entrypoints.openai.api_server"]
TEXT = st.text(st.sampled_from("ab 12'\"$`\\{}()[]<>|&;#!*?~=:,%@-_/é\n\t"), min_size=1, max_size=12)
WORDS = st.fixed_dictionaries(
    {
        "--served-model-name": TEXT.map(lambda text: "x" + text),
        "--max-num-seqs": st.integers(1, 999).map(str),
        "--splitwise-role": st.sampled_from(["mixed", "prefill", "decode"]),
        "--block-size": st.sampled_from(["16", "32", "64"]),
        "--speculative-config": st.integers(1, 5).map(
            lambda k: json.dumps({"method": "mtp", "num_speculative_tokens": k, "model": "a'b $c"})
        ),
    }
).map(lambda flags: [word for pair in flags.items() for word in pair])


def shell(words: list[str]) -> str:
    return shlex.join([*START, *words])


def compose_text(text: str) -> str:
    return json.dumps(text.replace("$", "$$"))


def compose(command: str) -> str:
    return f"services: {{a: {{image: x, command: {command}}}}}"


def pod(command: list[str], arguments: list[str]) -> str:
    escaped = [word.replace("$", "$$") for word in arguments]
    container = {"name": "a", "command": command, "args": escaped}
    return json.dumps({"kind": "Pod", "spec": {"containers": [container]}})


FORMS: dict[str, Callable[[list[str]], str]] = {
    "args.yaml": lambda words: json.dumps({"engine": "fastdeploy", "args": words}),
    "plain.sh": shell,
    "array.sh": lambda words: f'A=({shlex.join(words)})\n{shlex.join(START)} "${{A[@]}}"\n',
    "function.sh": lambda words: f'f() {{\n  {shlex.join(START)} "$@"\n}}\nf {shlex.join(words)}\n',
    "inner.sh": lambda words: f"bash -c {shlex.quote(shell(words))}\n",
    "heredoc.sh": lambda words: f"bash <<'END'\n{shell(words)}\nEND\n",
    "variables.sh": lambda words: (
        "".join(f"V{number}={shlex.quote(word)}\n" for number, word in enumerate(words))
        + f"{shlex.join(START)} "
        + " ".join(f'"$V{number}"' for number in range(len(words)))
    ),
    "list-compose.yaml": lambda words: compose("[" + ", ".join(map(compose_text, [*START, *words])) + "]"),
    "text-compose.yaml": lambda words: compose(compose_text(shell(words))),
    "pod.json": lambda words: pod(START, words),
    "shell-pod.json": lambda words: pod(["sh", "-c"], [shell(words)]),
    "arguments-pod.json": lambda words: pod(["sh", "-c", 'exec "$0" "$@"'], [*START, *words]),
    "exec.dockerfile": lambda words: f"FROM x\nENTRYPOINT {json.dumps(START)}\nCMD {json.dumps(words)}\n",
}


@settings(max_examples=60)
@given(WORDS)
def test_every_form_means_the_same(words: list[str]) -> None:
    expected = read_command((*START, *words), FASTDEPLOY).config
    with tempfile.TemporaryDirectory() as folder:
        for name, write in FORMS.items():
            path = Path(folder) / name
            path.write_text(write(words), encoding="utf-8")
            (found,) = read_inputs([str(path)], GivenValues()).outcomes
            assert isinstance(found, Deployment), (name, found)
            assert found.config == expected, (name, path.read_text(encoding="utf-8"))
