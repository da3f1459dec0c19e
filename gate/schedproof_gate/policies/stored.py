"""Answers that were decided before they were asked for: where they come from, and what is said of them."""

from __future__ import annotations

from collections.abc import Iterable

from schedproof import Policy
from schedproof.version import __version__
from schedproof_gate.errors import InputError
from schedproof_spec import (
    Answer,
    Invariant,
    StoredVerdictError,
    WorkRule,
    WorkVerdict,
    known_answer,
    known_work,
)


def shipped_answer(invariant: Invariant, policy: Policy) -> Answer:
    """Return the shipped answer, or decide where there is none.

    Raises:
        InputError: the file of shipped answers is damaged.
    """
    try:
        return known_answer(invariant, policy)
    except StoredVerdictError as error:
        raise damaged(error) from None


def shipped_work(rule: WorkRule) -> tuple[WorkVerdict, ...]:
    """Return the shipped verdicts of all versions of the work on tensors, or decide where one is missing.

    Raises:
        InputError: a file of shipped verdicts is damaged.
    """
    try:
        return known_work(rule)
    except StoredVerdictError as error:
        raise damaged(error) from None


def damaged(error: StoredVerdictError) -> InputError:
    """Return the one line for a damaged file."""
    return InputError(str(error), source="stored verdicts", advice="install schedproof again, or give --verify")


def stored_sentences(answers: Iterable[Answer | WorkVerdict]) -> list[str]:
    """Return the sentence for answers of which some are stored; none where all were just decided."""
    if not any(answer.is_stored for answer in answers):
        return []
    return [f"As the proof run of schedproof {__version__} decided; --verify decides again."]
