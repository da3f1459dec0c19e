"""The replays of the example workloads stay as they are, byte for byte."""

import pytest
import replays

KEPT = [(case, form) for case in replays.CASES for form in replays.forms_of(case)]


@pytest.mark.parametrize(("case", "form"), KEPT)
def test_a_replay_is_the_golden_one(case: str, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(replays.ROOT)
    assert replays.rendered(case, form) == replays.golden(case, form).read_text(encoding="utf-8"), (
        "the replay has changed; if that is right, run: python tests/golden/replays.py"
    )


def test_every_golden_replay_has_its_case() -> None:
    assert set(replays.FOLDER.iterdir()) == {replays.golden(case, form) for case, form in KEPT}


def test_the_workloads_are_described_and_replayed() -> None:
    workloads = replays.ROOT / "examples" / "workloads"
    readme = (workloads / "README.md").read_text(encoding="utf-8")
    for path in workloads.iterdir():
        if path.name != "README.md":
            assert path.name in readme
            assert any(path.name in words for words in replays.CASES.values())


def test_the_readme_shows_the_replay_that_is_kept() -> None:
    readme = " ".join((replays.ROOT / "README.md").read_text(encoding="utf-8").replace("\\\n", "").split())
    assert f"schedproof replay {replays.CASES['mixed-mtp']} --png docs/replay.png" in readme
    assert (replays.ROOT / "docs" / "replay.png").read_bytes().startswith(b"\x89PNG")
