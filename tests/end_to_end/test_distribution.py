"""What is shipped: the archives hold what they should, and the wheel works away from the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

from schedproof import __version__

ROOT = Path(__file__).parents[2]
PACKAGES = {"schedproof", "schedproof_spec", "schedproof_kernels", "schedproof_gate"}
STORED = "schedproof_spec/verdicts/stored/"

pytest.importorskip("build.env", reason="needs the `package` extra")
pytest.importorskip("hatchling", reason="needs the `package` extra")


def run(*words: str | Path, cwd: Path = ROOT, **environment: str) -> str:
    """Run a command that has to succeed, and return what it prints."""
    done = subprocess.run(
        words,
        cwd=cwd,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder)
    return folder


@pytest.fixture(scope="module")
def wheel(archives: Path) -> Path:
    (found,) = archives.glob("*.whl")
    return found


def test_an_index_would_take_the_archives(archives: Path) -> None:
    run(sys.executable, "-m", "twine", "check", "--strict", *archives.iterdir())


def test_the_wheel_holds_the_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.partition("/")[0] for name in names} == PACKAGES | {f"schedproof-{__version__}.dist-info"}
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(names)
    stored = {f"{STORED}{path.name}" for path in (ROOT / "spec" / STORED).iterdir() if path.suffix == ".json"}
    assert stored
    assert stored <= set(names)
    assert not [name for name in names if "mutant" in name or name.rpartition("/")[2].startswith("test_")]


def test_the_sources_hold_all_that_a_test_or_a_proof_needs(archives: Path) -> None:
    (sources,) = archives.glob("*.tar.gz")
    with tarfile.open(sources) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    kept = set(run("git", "ls-files", "--cached", "--others", "--exclude-standard").splitlines())
    assert kept - names == set()
    assert {name.partition("/")[0] for name in names - kept} <= {"PKG-INFO"}


def test_the_metadata_says_what_the_project_is(wheel: Path) -> None:
    metadata = metadata_of(wheel)
    assert (metadata["Name"], metadata["Version"]) == ("schedproof", __version__)
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["License-File"] == "LICENSE"
    assert not [each for each in metadata.get_all("Classifier", []) if each.startswith("License ::")]


def metadata_of(wheel: Path) -> Message:
    """Return a wheel's metadata."""
    with zipfile.ZipFile(wheel) as archive:
        return Parser().parsestr(archive.read(f"schedproof-{__version__}.dist-info/METADATA").decode())


def test_the_wheel_works_away_from_the_checkout(wheel: Path, tmp_path: Path) -> None:
    packages, elsewhere = tmp_path / "packages", tmp_path / "elsewhere"
    run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", packages, wheel)
    elsewhere.mkdir()
    (elsewhere / "mixed.yaml").write_bytes((ROOT / "examples" / "mixed.yaml").read_bytes())

    def schedproof(*words: str) -> str:
        return run(sys.executable, "-m", "schedproof", *words, cwd=elsewhere, PYTHONPATH=str(packages))

    where = "import schedproof, schedproof_gate, schedproof_spec as spec; print(schedproof.__file__, spec.__file__)"
    found = run(sys.executable, "-c", where, cwd=elsewhere, PYTHONPATH=str(packages))
    assert all(path.startswith(str(packages)) for path in found.split())
    assert schedproof("--version") == f"schedproof, version {__version__}\n"
    assert "As the proof run of schedproof" in " ".join(schedproof("policies").split())
    assert schedproof("explain", "progress").startswith("progress  (life; when it breaks: stall)\n")
    assert schedproof("check", "mixed.yaml").startswith("HELD  mixed.yaml\n")


def test_every_file_says_its_licence() -> None:
    pytest.importorskip("reuse", reason="needs the `package` extra")
    run(sys.executable, "-m", "reuse", "lint", "--quiet")
