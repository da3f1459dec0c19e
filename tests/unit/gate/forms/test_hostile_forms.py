"""Files that are made to hurt are answered, soon and with little memory."""

import tracemalloc
from pathlib import Path

import pytest
from reading_forms import written

from schedproof_gate.deployment.deployment_file import Unreadable

MEGABYTES = 100
LARGE = 1 << 18


def pod(environment: str, argument: str) -> str:
    text = "kind: Pod\nspec:\n  containers:\n    - command: [fastdeploy, serve]\n"
    return f"{text}      args: ['{argument}']\n      env:\n{environment}"


DOUBLING = "".join(f"        - {{name: A{n + 1}, value: $(A{n})$(A{n})}}\n" for n in range(60))
ALIASES = "a0: &a0 {containers: [{command: [fastdeploy, serve]}]}\n"
ALIASES += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9))
HOSTILE = {
    "variables.yaml": pod("        - {name: A0, value: xx}\n" + DOUBLING, "$(A60)"),
    "references.yaml": pod("        - {name: A, value: b}\n", "$(A)" * (LARGE // 8)),
    "aliases.yaml": "kind: List\n" + ALIASES,
    "services.yaml": "services:\n" + "".join(f"  s{n}: {{image: x, command: ls}}\n" for n in range(4_000)),
    "quotes.yaml": "services:\n  a:\n    image: x\n    command: " + "a ' " * (LARGE // 8) + "\n",
    "words.yaml": "services:\n  a:\n    image: x\n    command: " + "a " * (LARGE // 4) + "\n",
    "chain.yaml": "services:\n" + "".join(f"  s{n}: {{image: x, extends: s{n + 1}}}\n" for n in range(500)),
    "shells.yaml": "services:\n  a:\n    image: x\n    command: " + "sh -c " * 9000 + "\n",
    "documents.yaml": "---\nkind: Pod\n" * 8_000,
    "a.dockerfile": "FROM x\nENV A=xx\n" + "ENV A=$A$A\n" * 60 + "CMD $A\n",
    "b.dockerfile": "FROM x\nCMD " + "\\\n" * (LARGE // 4),
    "c.dockerfile": "FROM x\nRUN " + "<<A " * (LARGE // 8) + "\n",
    "d.dockerfile": "FROM x AS a\n" + "FROM a AS a\nENV A=b\n" * 5_000,
    "e.dockerfile": "FROM x\nCMD " + "[" * (LARGE // 2),
    "loops.sh": "for i in 1 2 3 4 5 6 7 8 9; do " * 4 + "fastdeploy serve; " + "done; " * 4,
    "heredocs.sh": "cat > a.sh <<E\n" + "bash a.sh\n" * 200 + "E\nbash a.sh\n",
    "digits.sh": "9" * LARGE,
    "names.sh": "a-" * (LARGE // 2),
    "dots.sh": "a.sh." * (LARGE // 5),
    "blank": "ARG x\n" + "\n" * (LARGE // 16),
    "entry.sh": "python " + "vllm.entrypoints." * (LARGE // 17),
    "action.yaml": "{{ " * (LARGE // 3),
    "dollars.yaml": "services: {a: {image: x, command: '" + "${A:-" * (LARGE // 5) + "'}}",
    "kinds.json": '{"kind": "List", "items": [' * 5_000,
}


@pytest.mark.parametrize("name", list(HOSTILE))
def test_a_hostile_file_is_answered(name: str, tmp_path: Path) -> None:
    tracemalloc.start()
    found = written(tmp_path, name, HOSTILE[name])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found
    assert peak < MEGABYTES << 20
    errors = [str(outcome.error) for outcome in found if isinstance(outcome, Unreadable)]
    assert all(len(error) < 1000 for error in errors)
    assert errors or name == "references.yaml"
