"""A form costs its own file and its line in the table."""

from pathlib import Path

import schedproof_gate
from schedproof_gate.deployment import forms

ROOT = Path(schedproof_gate.__file__).parent
FOLDER = ROOT / "deployment" / "forms"
SHARED = {"unsupported"}
"""Also names the form of a text that cannot be parsed."""


def test_every_form_is_in_the_table_and_nowhere_else() -> None:
    names = {path.stem for path in FOLDER.glob("*.py")} - {"__init__"}
    assert len(forms.FORMS) == len(names)
    sources = {path: path.read_text(encoding="utf-8") for path in ROOT.rglob("*.py")}
    for name in names - SHARED:
        users = [path for path, text in sources.items() if f"forms.{name}" in text or f"    {name},\n" in text]
        assert [path.name for path in users] == ["__init__.py"], name
        assert f"{name}.FORM" in sources[FOLDER / "__init__.py"]


def test_forms_are_small_and_have_names_of_their_own() -> None:
    assert all(len(path.read_text(encoding="utf-8").splitlines()) <= 250 for path in FOLDER.glob("*.py"))
    assert len({form.name for form in forms.FORMS}) == len(forms.FORMS)


def test_the_page_on_deployments_names_every_form() -> None:
    page = (Path(__file__).parents[4] / "docs" / "deployments.md").read_text(encoding="utf-8").lower()
    for form in forms.FORMS:
        assert form.name.split(" ", 1)[1].lower() in page, form.name
