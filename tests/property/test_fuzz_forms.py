"""Whatever is in a file of any form, reading it gives deployments or errors with their places, and nothing else."""

import random
from collections import Counter
from pathlib import Path

import pytest

from schedproof_gate.deployment.deployment import Deployment
from schedproof_gate.deployment.deployment_file import NotModelled
from schedproof_gate.deployment.given_values import GivenValues
from schedproof_gate.deployment.inputs import read_inputs

NUM_FILES = 150
"""For each example, so that all of it takes seconds."""

FILES = Path(__file__).parents[1] / "unit" / "gate" / "forms" / "files"

WORDS = """
{ } [ ] : , - = # ' " ` $ ( ) < > & | ; \\ ! * << &a *a !!x --- ... | > >- |- ? ~ null true 1 1.5 [ "x"
$N ${N} ${N:-8} ${A[@]} $(X) $$ $@ $1 (( )) <<EOF EOF A=( A+=( f() { } for in do done if fi case esac
bash -c eval exec env nohup sh kind: List items: services: command: args: env: data: value: containers:
CMD ENTRYPOINT FROM ENV ARG fastdeploy serve vllm --max-num-seqs --config
"""
SPACES = ["\n", "\t", "  ", "\n  ", "\n    - ", "\\\n", "ENV\tA ", "{{ .Values.x }}", "é", "\u2028", "9" * 50]
TOKENS = [*WORDS.split(), *SPACES]


def mutated(rng: random.Random, text: str) -> str:
    """Return the text after one random edit."""
    position = rng.randrange(len(text) + 1)
    end = min(len(text), position + rng.randrange(1, 30))
    lines = text.split("\n")
    match rng.randrange(7):
        case 0 | 1:
            return text[:position] + rng.choice(TOKENS) + text[position:]
        case 2:
            return text[:position] + rng.choice(TOKENS) + text[end:]
        case 3:
            return text[:position] + text[end:]
        case 4:
            lines.insert(rng.randrange(len(lines) + 1), rng.choice(lines))
        case 5:
            lines.pop(rng.randrange(len(lines)))
        case _:
            first = rng.randrange(len(lines))
            lines[first] = " " * rng.randrange(12) + lines[first].lstrip()
    return "\n".join(lines)


@pytest.mark.parametrize("name", sorted(path.name for path in FILES.iterdir()))
def test_a_file_is_read_or_refused_with_its_place(name: str, tmp_path: Path) -> None:
    original = (FILES / name).read_text(encoding="utf-8")
    rng = random.Random(f"forms {name}")
    kinds: Counter[str] = Counter()
    for number in range(NUM_FILES):
        text = original
        for _ in range(rng.choice([1, 1, 2, 3, 6])):
            text = mutated(rng, text)
        path = tmp_path / rng.choice([name, name, name, "folder/" + name, "other"])
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        named = path if path.parent == tmp_path else path.parent
        try:
            found = read_inputs([str(named)], GivenValues({"N": "4"}))
        except BaseException as error:
            raise AssertionError(f"file {number}: {text!r}") from error
        num_lines = 1 + sum(text.count(end) for end in ("\n", "\u2028"))
        for outcome in found.outcomes:
            kinds[type(outcome).__name__] += 1
            if isinstance(outcome, Deployment):
                origins = [given.origin for given in outcome.settings.flags.values()]
                lines = [origin.line for origin in origins if origin.source == str(path)]
            elif isinstance(outcome, NotModelled):
                lines = [outcome.line]
            else:
                assert str(outcome.error).startswith(str(tmp_path)), outcome.error
                assert len(str(outcome.error)) < 1000
                lines = [outcome.error.line]
            assert all(line is None or 1 <= line <= num_lines for line in lines), text
    assert kinds["Unreadable"] > 0
    assert len(kinds) > 1 or name == "bad.yaml", f"the fuzz has become one-sided: {kinds}"
