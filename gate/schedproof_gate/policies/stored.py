"""Says of answers that they were decided before they were asked for."""

from __future__ import annotations

from collections.abc import Iterable

from schedproof.version import __version__
from schedproof_spec import Answer, WorkVerdict


def stored_sentences(answers: Iterable[Answer | WorkVerdict]) -> list[str]:
    """Return the sentence for answers of which some are stored; none where all were just decided."""
    if not any(answer.is_stored for answer in answers):
        return []
    return [f"As the proof run of schedproof {__version__} decided; --verify decides again."]
