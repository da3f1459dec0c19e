"""Azure's LLM inference traces: CSV with ``TIMESTAMP,ContextTokens,GeneratedTokens``.

Source: AzurePublicDataset, ``AzureLLMInferenceDataset2023.md``; Patel et al., "Splitwise: Efficient generative LLM
inference using phase splitting", ISCA 2024.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from schedproof_gate.replay.workloads.fields import Record, shown
from schedproof_gate.replay.workloads.table import RequestTable

TIME = "TIMESTAMP"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def microseconds_of(row: Record) -> int:
    """Return the time of arrival in microseconds since 1970; digits below a microsecond are dropped.

    Raises:
        InputError: not a date with a time.
    """
    text = row.required(TIME)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise row.error(
            f"{shown(text)} is not a date with a time", TIME, "write it as 2023-11-16 18:17:03.979960"
        ) from None
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - EPOCH) // MICROSECOND


TABLE = RequestTable(time=TIME, prompt="ContextTokens", output="GeneratedTokens", time_us=microseconds_of)
