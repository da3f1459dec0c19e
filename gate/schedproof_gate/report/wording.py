"""Says what the prover found in the person's own flags."""

from __future__ import annotations

import re
from collections.abc import Iterable

from schedproof import ServingConfig
from schedproof.engines.fastdeploy.rules.capacity import loaded_dispatch_tokens
from schedproof_gate.accept.acceptance import Acceptance
from schedproof_gate.deployment.deployment import Deployment
from schedproof_gate.deployment.given import Origin
from schedproof_gate.report.report import STARTUP, FlagValue, Repair, ReportWarning, Result

SPECULATION_FIELDS = ("method", "num_speculative_tokens")


def in_own_flags(message: str, deployment: Deployment) -> str:
    """Return a message with the names of the configuration replaced by the person's spelling of the flags."""
    fields = {name: field for field, name in deployment.engine.flag_of_field.items()}
    names = {field: field for field in fields.values()} | fields
    words = {name.rpartition(".")[2]: field for name, field in names.items() if "_" in name}
    pattern = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.sub(
        rf"(?<![\w.-])({pattern})(?![\w-])", lambda match: deployment.spelling(words[match.group()]), message
    )


def flag_values(fields: Iterable[str], deployment: Deployment) -> tuple[FlagValue, ...]:
    """Return the flags behind fields of a configuration: the given ones, and defaults that can be changed."""
    found: dict[str, FlagValue] = {}
    for field in fields:
        for name, value in named_values(field, deployment.config):
            given = deployment.given(name)
            if given is None and name not in deployment.engine.repairable:
                continue
            place = "default"
            if given is not None:
                value = value if isinstance(given.value, list | dict) else given.value
                place = place_in(given.origin, deployment)
            flag = FlagValue(flag=deployment.spelling(name), value=shown_value(value), place=place)
            found.setdefault(flag.flag, flag)
    return tuple(found.values())


def place_in(origin: Origin, deployment: Deployment) -> str:
    """Return where a value stands, the file only when it is another one."""
    if origin.line is None:
        return origin.source
    is_same = origin.source == deployment.settings.source
    return f"line {origin.line}" if is_same else f"{origin.source}:{origin.line}"


def named_values(field: str, config: ServingConfig) -> list[tuple[str, object]]:
    """Return what a field consists of: itself, or the parts of the speculative config."""
    if field == "speculation" and config.speculation is not None:
        return [(f"speculation.{name}", getattr(config.speculation, name)) for name in SPECULATION_FIELDS]
    if field == "num_max_dispatch_tokens_per_rank":
        return [(field, loaded_dispatch_tokens(config))]
    return [(field, getattr(config, field))]


def shown_value(value: object) -> str:
    """Return a value as a person may have written it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def repair_sentence(repairs: tuple[Repair, ...]) -> str:
    """Return the alternatives as one sentence: what to raise or lower, from what to what."""
    sentences = []
    for repair in repairs:
        changes = []
        for change in repair:
            if change.old is None:
                changes.append(f"set {change.flag} to {change.new}")
            else:
                verb = "raise" if change.new > change.old else "lower"
                changes.append(f"{verb} {change.flag} from {change.old} to {change.new}")
        sentences.append(" and ".join(changes))
    return ", or ".join(sentences)


def repair_advice(result: Result) -> str:
    """Return how to repair a result, as one sentence; empty when no single flag does."""
    if result.invariant == STARTUP and result.own_repairs:
        rest = f" For everything to hold then, {repair_sentence(result.repairs)}." if result.repairs else ""
        return f"For the engine to start, {repair_sentence(result.own_repairs)}.{rest}"
    if result.repairs:
        return f"To repair it, {repair_sentence(result.repairs)}."
    if result.own_repairs:
        return f"To repair it alone, {repair_sentence(result.own_repairs)}; no single flag repairs everything."
    return ""


def with_consequence(result: Result) -> str:
    """Return the rule's name, with what a violation of it does to people."""
    return result.invariant if result.consequence is None else f"{result.invariant} ({result.consequence.value})"


def text_with_repair(result: Result) -> str:
    """Return what was found, and how to repair it; of an accepted finding, why it is."""
    found = result.message or result.sentence
    if result.accepted is not None:
        return f"{found.removesuffix('.')}. Accepted: {result.accepted.terms}"
    over = "" if result.ran_out is None else f"It was {over_words(result.ran_out)}."
    rest = " ".join(filter(None, (over, repair_advice(result))))
    return f"{found.removesuffix('.')}. {rest}" if rest else found


def over_words(acceptance: Acceptance) -> str:
    """Return that an acceptance is over."""
    assert acceptance.until is not None
    day = acceptance.until.isoformat()
    return f"accepted until {day}, which has passed: {acceptance.reason} ({acceptance.place})"


def warning_sentence(warning: ReportWarning) -> str:
    """Return a warning with its place, as one sentence."""
    place = warning.file + ("" if warning.line is None else f":{warning.line}")
    return f"Warning: {place} {warning.message}."


def listed(texts: list[str]) -> str:
    """Return texts as one enumeration."""
    return " and ".join([", ".join(texts[:-1])] * (len(texts) > 1) + texts[-1:])


def plural(count: int, noun: str) -> str:
    """Return a counted noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
