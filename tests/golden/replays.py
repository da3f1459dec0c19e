"""The golden replays: what `schedproof replay` prints for the workloads in ``examples/workloads/``.

``python tests/golden/replays.py`` writes them anew; read the difference before it is committed.
"""

import functools
import os
from pathlib import Path

import click

from schedproof_gate.replay.command import replay, replay_of
from schedproof_gate.replay.findings import Replay, report_of
from schedproof_gate.replay.options import ReplayOptions
from schedproof_gate.replay.text import render_replay
from schedproof_gate.report.renderers import RENDERERS

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent / "replay"
FORMS = {"text": "txt", "json": "json", "junit": "xml", "sarif": "sarif", "github": "github"}

AZURE = "examples/workloads/azure-code-2023-excerpt.csv"
MOONCAKE = "examples/workloads/mooncake-style-synthetic.jsonl"

CASES = {
    "mixed-mtp": f"{AZURE} --config examples/mixed-mtp.yaml --num-kv-blocks 1024 "
    "--policy original --policy 7438 --policy reference",
    "mixed-ngram": f"{MOONCAKE} --config examples/mixed-ngram.toml --num-kv-blocks 600 --policy 7623-draft",
    "prefill-node": f"{MOONCAKE} --config examples/pd-prefill.yaml --num-kv-blocks 600",
    "decode-node": f"{MOONCAKE} --config examples/pd-decode-mtp.sh --num-kv-blocks 600 --rate-scale 2",
    "refused-start": f"{MOONCAKE} --config examples/pd-decode-mtp-refused.txt --num-kv-blocks 700 --limit 20 "
    "--policy original --policy 7756",
    "refused-requests": f"{AZURE} --config tests/end_to_end/short_context.yaml --limit 60 --skip-refused "
    "--policy original",
}


def forms_of(case: str) -> tuple[str, ...]:
    """Return the forms that are kept of a case: all of the one with a single violating policy."""
    return tuple(FORMS) if case == "mixed-ngram" else ("text",)


def golden(case: str, form: str) -> Path:
    """Return the file of a golden replay."""
    return FOLDER / f"{case}.{FORMS[form]}"


@functools.cache
def replay_named(case: str) -> Replay:
    """Return a replay; the working directory is the root of the project."""
    context = replay.make_context("replay", CASES[case].split())
    return replay_of(ReplayOptions(**context.params))


def rendered(case: str, form: str) -> str:
    """Return what the command prints outside a terminal."""
    done = replay_named(case)
    report = report_of(done)
    return click.unstyle(render_replay(done, report) if form == "text" else RENDERERS[form](report))


def main() -> None:
    """Write every golden replay anew, and remove those without a case."""
    os.chdir(ROOT)
    FOLDER.mkdir(exist_ok=True)
    written = set()
    for case in CASES:
        for form in forms_of(case):
            golden(case, form).write_text(rendered(case, form), encoding="utf-8")
            written.add(golden(case, form))
    for path in set(FOLDER.iterdir()) - written:
        path.unlink()


if __name__ == "__main__":
    main()
