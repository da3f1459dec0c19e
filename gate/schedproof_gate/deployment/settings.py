"""What a person gave to an engine, sorted but not yet understood, and what an engine tells about its flags."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from schedproof import Policy, ServingConfig
from schedproof_gate.deployment.given import Given
from schedproof_gate.deployment.launch import Argument


class Style(StrEnum):
    """How flags are written where a deployment comes from."""

    COMMAND = "command"
    FILE = "file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that counts for one engine process, by the engine's own names."""

    source: str
    style: Style
    flags: Mapping[str, Given] = field(default_factory=dict)
    environment: Mapping[str, Given] = field(default_factory=dict)
    model: Mapping[str, Given] = field(default_factory=dict)
    """Keys of the model's ``config.json``."""
    platform: Given | None = None
    version: Policy | None = None
    """The engine version that the person names; None for the newest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """What the settings mean."""

    config: ServingConfig
    notes: tuple[str, ...]
    """What a reader of the verdict has to know about the configuration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """An engine's flags. Names have underscores and no leading dashes."""

    name: str
    significant: frozenset[str]
    """Flags that the rules depend on."""
    other_flags: frozenset[str]
    """Flags with a value that no rule depends on."""
    switches: frozenset[str]
    """Flags without a value, significant or not."""
    aliases: Mapping[str, str]
    environment: frozenset[str]
    """Environment variables that the rules depend on."""
    environment_prefixes: tuple[str, ...]
    """How the engine's variables begin; a misspelt one is looked for among them."""
    config_file_flag: str
    model_flag: str
    flag_of_field: Mapping[str, str]
    """The flag, variable or model key behind a field of `ServingConfig`."""
    repairable: tuple[str, ...]
    """Fields of `ServingConfig` that a person can change to repair a deployment."""
    launch_arguments: Callable[[tuple[Argument, ...]], tuple[Argument, ...] | None]
    """Returns what follows the engine's entry point in a command, None when the command starts something else."""
    understand: Callable[[Settings], Understood]

    @property
    def flags(self) -> frozenset[str]:
        """Every flag that the engine has."""
        return self.significant | self.other_flags | self.switches
