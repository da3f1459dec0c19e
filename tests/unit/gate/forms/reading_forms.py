"""Reads deployments as the command does, for the tests of the forms."""

from pathlib import Path

from schedproof_gate.deployment.deployment import Deployment
from schedproof_gate.deployment.deployment_file import NotModelled, Outcome, Unreadable
from schedproof_gate.deployment.given_values import GivenValues
from schedproof_gate.deployment.inputs import read_inputs

FILES = Path(__file__).parent / "files"


def outcomes(path: Path, **given: str) -> list[Outcome]:
    """Return what comes of a file or folder."""
    return read_inputs([str(path)], GivenValues(given)).outcomes


def example(name: str, **given: str) -> list[Outcome]:
    """Return what comes of a file beside this one."""
    return outcomes(FILES / name, **given)


def written(folder: Path, name: str, text: str, **given: str) -> list[Outcome]:
    """Return what comes of a file with this text."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return outcomes(path, **given)


def only(found: list[Outcome]) -> Deployment:
    """Return the one deployment."""
    (outcome,) = found
    assert isinstance(outcome, Deployment), outcome
    return outcome


def place(outcome: Outcome) -> str:
    """Return how an outcome is named, without the folders of its file."""
    return outcome.source.removeprefix(f"{FILES}/")


def line(deployment: Outcome, field: str = "max_num_seqs") -> int | None:
    """Return the line on which a field stands."""
    assert isinstance(deployment, Deployment), deployment
    found = deployment.place(field)
    return None if found is None else found.line


def summary(found: list[Outcome]) -> list[tuple[str, object]]:
    """Return the place of each outcome with the sequences that it runs, its engine, or what is wrong with it."""
    result: list[tuple[str, object]] = []
    for outcome in found:
        if isinstance(outcome, Deployment):
            result.append((place(outcome), outcome.config.max_num_seqs))
        elif isinstance(outcome, NotModelled):
            result.append((place(outcome), outcome.engine))
        else:
            assert isinstance(outcome, Unreadable)
            result.append((place(outcome), outcome.error.problem))
    return result
