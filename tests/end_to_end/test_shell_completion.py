"""Words are completed in bash as the README says it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from schedproof_gate.completion import ENGINE_NAMES
from schedproof_gate.deployment.engines import ENGINES

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
ASK = """
{eval_line}
compopt() {{ echo "compopt $*"; }}
COMP_WORDS=({words})
COMP_CWORD=$(({number}))
{function} schedproof
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def completed(words: str) -> list[str]:
    """What bash offers for the last of these words; an empty one is written `''`."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is not installed")
    (eval_line,) = re.findall(r"`(eval \"\$\(_SCHEDPROOF_COMPLETE=bash_source schedproof\)\")`", README)
    number = len(words.split()) - 1
    script = ASK.format(eval_line=eval_line, words=words, number=number, function="_schedproof_completion")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ran = subprocess.run([bash, "-c", script], capture_output=True, text=True, env={**os.environ, "PATH": path})
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("schedproof che", ["check"]),
        ("schedproof check --format j", ["json", "junit"]),
        ("schedproof check --policy 7438-c", ["7438-clamp"]),
        ("schedproof check --engine ''", ["fastdeploy"]),
        ("schedproof explain prog", ["progress"]),
        ("schedproof check --select progress,no_", ["progress,no_overshoot"]),
        ("schedproof replay --config ''", ["compopt", "-o", "default"]),
        ("schedproof check exa", ["compopt", "-o", "default"]),
    ],
)
def test_a_word_is_completed_in_bash(words: str, expected: list[str]) -> None:
    assert completed(words) == expected


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_there_is_a_script_for_each_shell_of_the_readme(shell: str) -> None:
    assert f"{shell}_source" in README
    command = [str(Path(sys.executable).parent / "schedproof")]
    environment = {**os.environ, "_SCHEDPROOF_COMPLETE": f"{shell}_source"}
    ran = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert "_SCHEDPROOF_COMPLETE" in ran.stdout


def test_the_engines_that_are_offered_are_those_that_are_known() -> None:
    assert set(ENGINE_NAMES) == set(ENGINES)
