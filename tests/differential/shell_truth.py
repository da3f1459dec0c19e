"""What bash makes of a script, and whether our reading of it agrees: the same, or named as not known."""

import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from schedproof_gate.deployment.given_values import GivenValues
from schedproof_gate.deployment.launch import Argument, Launch
from schedproof_gate.deployment.launched import is_launch
from schedproof_gate.deployment.shell_inner import ASSIGNMENT
from schedproof_gate.deployment.shell_script import launches
from schedproof_gate.errors import InputError

CONFIG = "c.yaml"
VARIABLES = ("FD_A", "FD_B")
WORLDS = [{"MAYBE": "0"}, {"MAYBE": "1"}, {"MAYBE": "0", "X": "7"}, {"MAYBE": "1", "X": "a b"}]
"""What the machine may answer: how `maybe` ends, and what `$X` is."""
REFUSED = re.compile(
    rb"error token|readonly variable|division by 0|bad substitution|exponent less than 0|bad array subscript"
)
MAX_SECONDS = 4
"""Of one script; those that are put together at random need not end."""

ENGINE = """#!/bin/sh
record=$(mktemp {records}/XXXXXXXX)
{{
  printf '%s\\0' "$@"
  printf 'END\\0%s\\0%s\\0' "${{FD_A-unset}}" "${{FD_B-unset}}"
  if [ -f c.yaml ]; then cat c.yaml; else printf absent; fi
}} > "$record"
exit "${{MAYBE:-0}}"
"""
WRAPPER = '#!/bin/sh\nwhile :; do case $1 in -*) shift ;; [0-9]*) shift ;; *) break ;; esac; done\nexec "$@"\n'
STUBS = {
    "maybe": '#!/bin/sh\nexit "${MAYBE:-0}"\n',
    "sleep": "#!/bin/sh\n",
    "numactl": WRAPPER,
    "torchrun": WRAPPER,
    "mpirun": WRAPPER,
}


@dataclass(frozen=True)
class Ran:
    """One engine that bash started: its flags, the variables that count, and the config file that it would read."""

    flags: tuple[str, ...]
    environment: tuple[str, ...]
    config: str


def make_stubs(folder: Path) -> None:
    """Put an engine that records how it is started into a folder, beside the commands that wrap or ask."""
    programs, records = folder / "bin", folder / "records"
    programs.mkdir()
    records.mkdir()
    for name, text in {**STUBS, "fastdeploy": ENGINE.format(records=records)}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)


def run_bash(script: str, folder: Path, world: dict[str, str]) -> list[Ran]:
    """Return the engines that bash starts, those in the background too.

    None where the script does not end, or bash refuses an expression of it and goes on somewhere else.
    """
    records = folder / "records"
    with tempfile.TemporaryDirectory(dir=folder) as work:
        Path(work, "run.sh").write_text(script)
        process = subprocess.Popen(
            ["bash", "run.sh"],
            cwd=work,
            env={"PATH": f"{folder / 'bin'}:/usr/bin:/bin", **world},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            _, errors = process.communicate(timeout=MAX_SECONDS)
            if REFUSED.search(errors):
                return []
            return [recorded(path.read_text()) for path in sorted(records.iterdir())]
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return []
        finally:
            for path in records.iterdir():
                path.unlink()


def recorded(text: str) -> Ran:
    """Return what the stub wrote."""
    words = text.split("\0")
    end = len(words) - 1 - words[::-1].index("END")
    return Ran(tuple(words[1:end]), tuple(words[end + 1 : -1]), words[-1])


def read(script: str, given: dict[str, str] | None = None) -> list[Launch]:
    """Return our reading of the script."""
    return launches(script, "run.sh", is_launch, GivenValues(given))


def flags_of(launch: Launch) -> tuple[tuple[Argument, ...], tuple[Argument, ...]]:
    """Return the words before the engine's subcommand, and those behind it."""
    position = next(n for n, word in enumerate(launch.arguments) if word.text == "serve")
    return launch.arguments[:position], launch.arguments[position + 1 :]


def agrees(launch: Launch, ran: Ran) -> bool:
    """Return whether a launch that we read may be one that bash made."""
    before, flags = flags_of(launch)
    environment = dict(launch.environment)
    for word in before:
        if match := ASSIGNMENT.match(word.text):
            text = word.text[match.end() :]
            environment[match.group(1)] = Argument(text, None, word.unknown_variables)
    for name, value in zip(VARIABLES, ran.environment, strict=True):
        ours = environment.get(name)
        if ours is None and value != "unset":
            return False
        if ours is not None and not ours.unknown_variables and ours.text != value:
            return False
    file = launch.files.get(CONFIG)
    if file is None and ran.config != "absent":
        return False
    is_open = file is None or file.doubt or file.unknown_variables
    return flags_agree(flags, ran.flags) and (is_open or file.content.text == ran.config)  # type: ignore[union-attr]


def flags_agree(ours: tuple[Argument, ...], theirs: tuple[str, ...]) -> bool:
    """Return whether words are the same; one that is not known may stand for any number of words."""
    places = {0}
    for word in ours:
        if word.unknown_variables:
            places = set(range(min(places), len(theirs) + 1)) if places else places
        else:
            places = {place + 1 for place in places if place < len(theirs) and theirs[place] == word.text}
    return len(theirs) in places


def is_known(launch: Launch) -> bool:
    """Return whether nothing of a launch is named as not known."""
    file = launch.files.get(CONFIG)
    arguments = (*launch.arguments, *(launch.environment[name] for name in VARIABLES if name in launch.environment))
    is_file_known = file is None or not (file.doubt or file.unknown_variables)
    return is_file_known and not any(argument.unknown_variables for argument in arguments)


def shown(found: list[Launch]) -> str:
    """Return launches for a failure's message."""
    lines = [" ".join(f"{w.text}{list(w.unknown_variables) or ''}" for w in launch.arguments) for launch in found]
    return "\n".join(lines) or "(none)"


def silent_differences(script: str, folder: Path, worlds: list[dict[str, str]]) -> Iterator[str]:
    """Yield each engine that bash starts in some world, and that our reading neither has nor names."""
    try:
        found = read(script)
    except InputError:
        return
    for world in worlds:
        for ran in run_bash(script, folder, world):
            if not any(agrees(launch, ran) for launch in found):
                yield f"{world} bash ran {ran}\nwe read\n{shown(found)}\nof\n{script}"
