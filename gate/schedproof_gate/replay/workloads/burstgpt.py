"""BurstGPT's traces: CSV with ``Timestamp`` in seconds, ``Request tokens`` and ``Response tokens``.

Source: Wang et al., "BurstGPT: A real-world workload dataset to optimize LLM serving systems", 2024. A response of
no tokens is a request that failed there.
"""

from schedproof_gate.replay.workloads.table import RequestTable

TIME = "Timestamp"
US_PER_S = 1_000_000

TABLE = RequestTable(
    time=TIME,
    prompt="Request tokens",
    output="Response tokens",
    time_us=lambda row: row.microseconds(TIME, US_PER_S),
)
