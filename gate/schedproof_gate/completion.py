"""What a shell offers for a word that is not written out: policies, releases, engines, invariants, files."""

from __future__ import annotations

from collections.abc import Iterable

import click
from click.shell_completion import CompletionItem

from schedproof import POLICIES
from schedproof.engines.fastdeploy.releases import RELEASES

ENGINE_NAMES = ("fastdeploy",)


def beginning_with(incomplete: str, names: Iterable[str]) -> list[CompletionItem]:
    """Return the names that begin with a word."""
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def complete_policy(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the engine's versions."""
    return beginning_with(incomplete, POLICIES)


def complete_release(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the engine's releases."""
    return beginning_with(incomplete, RELEASES)


def complete_rule(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the names of invariants; behind a comma, those that are not there yet."""
    from schedproof_gate.rules_by_id import rules_by_id

    before, comma, _ = incomplete.rpartition(",")
    names = [name for name in rules_by_id() if name not in before.split(",")]
    return beginning_with(incomplete, [f"{before}{comma}{name}" for name in names])


def complete_engine(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the engines."""
    return beginning_with(incomplete, ENGINE_NAMES)


def complete_file(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer files and folders, which the shell itself knows."""
    return [CompletionItem(incomplete, type="file")]
