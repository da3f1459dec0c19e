"""One engine process as a person configured it, ready to be checked."""

from __future__ import annotations

from dataclasses import dataclass

from schedproof import Policy, ServingConfig
from schedproof_gate.accept.acceptance import Acceptance
from schedproof_gate.deployment.given import Given, Origin
from schedproof_gate.deployment.settings import Engine, Settings, Style


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A configuration with the way back to the person's own flags."""

    source: str
    """How a report names it: its file, with the place of the launch command where the file has several."""
    file: str
    """The file that a person keeps it in; the launch command can stand in a script that this one runs."""
    engine: Engine
    settings: Settings
    config: ServingConfig
    policy: Policy | None
    """The engine version that the file names, if it names one."""
    notes: tuple[str, ...]
    accept: tuple[Acceptance, ...] = ()
    """The findings that the file itself accepts."""

    def name(self, field: str) -> str:
        """Return the engine's name for a field of `ServingConfig`; a dot goes into a JSON-valued flag."""
        names = self.engine.flag_of_field
        outer, dot, inner = field.partition(".")
        return names[field] if field in names else names.get(outer, outer) + dot + inner

    def given(self, field: str) -> Given | None:
        """Return what the person wrote for a field, if anything."""
        outer, _, inner = self.name(field).partition(".")
        for table in (self.settings.flags, self.settings.environment, self.settings.model):
            found = table.get(outer)
            if found is not None:
                return found.members().get(inner) if inner else found
        return None

    def place(self, field: str) -> Origin | None:
        """Return where the person wrote a field, if they did."""
        found = self.given(field)
        return None if found is None else found.origin

    def spelling(self, field: str) -> str:
        """Return the flag of a field as the person writes it, or as they would."""
        origin = self.place(field)
        if origin is not None:
            return origin.spelling
        outer, dot, inner = self.name(field).partition(".")
        if outer in self.engine.flags and self.settings.style is Style.COMMAND:
            outer = "--" + outer.replace("_", "-")
        return outer + dot + inner
