"""Launch scripts as bash runs them and as we read them: the same, or named as not known, never silently another."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from random_scripts import scripts
from shell_scripts import KNOWN, OPEN
from shell_truth import WORLDS, agrees, is_known, make_stubs, read, run_bash, shown, silent_differences

NUM_SCRIPTS = 40
"""So that all of it takes seconds; each is run in every world."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with an engine that records how it is started."""
    path = tmp_path_factory.mktemp("shell")
    make_stubs(path)
    yield path


@pytest.mark.parametrize("name", KNOWN)
def test_a_script_of_which_everything_is_known_is_read_as_bash_runs_it(name: str, folder: Path) -> None:
    script = KNOWN[name]
    ran = run_bash(script, folder, {"MAYBE": "0"})
    found = read(script)
    assert ran
    assert all(map(is_known, found)), shown(found)
    assert len(found) == len(ran), f"{ran}\n{shown(found)}"
    for each in ran:
        assert any(agrees(launch, each) for launch in found), f"{each}\n{shown(found)}"


@pytest.mark.parametrize("name", OPEN)
def test_what_a_script_leaves_open_is_named(name: str, folder: Path) -> None:
    script = OPEN[name]
    assert any(run_bash(script, folder, world) for world in WORLDS)
    assert not list(silent_differences(script, folder, WORLDS))


@settings(max_examples=NUM_SCRIPTS, deadline=None, suppress_health_check=list(HealthCheck))
@given(scripts())
def test_random_scripts_are_read_as_bash_runs_them(folder: Path, script: str) -> None:
    assert not list(silent_differences(script, folder, WORLDS))
