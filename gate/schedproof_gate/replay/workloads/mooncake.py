"""Traces in the style of Mooncake, as JSON lines.

A request has ``timestamp`` (milliseconds), ``input_length``, ``output_length`` and optionally ``hash_ids``. A hash
id stands for 512 tokens of the prompt and everything before them; the last one may stand for fewer.
Source: kvcache-ai/Mooncake, ``FAST25-release``; Qin et al., "Mooncake: Trading more storage for less computation",
FAST 2025.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from schedproof.engines.fastdeploy.config import ceil_div
from schedproof_gate.deployment.line_file import Line
from schedproof_gate.replay.workloads.arrival import Arrival
from schedproof_gate.replay.workloads.fields import read_object

TOKENS_PER_HASH = 512
KEYS = ("timestamp", "input_length", "output_length", "hash_ids")


def recognises(first_line: str) -> bool:
    """Return whether a file that begins like this is such a trace."""
    return first_line.lstrip().startswith("{") and '"input_length"' in first_line


def read(lines: Iterable[Line], source: str, tokens_per_hash: int = TOKENS_PER_HASH) -> Iterator[Arrival]:
    """Yield the requests; the line number is the request's name.

    Raises:
        InputError: a line that cannot be used, or more hash ids than the prompt has room for.
    """
    for number, text in lines:
        record = read_object(text, source, number)
        record.refuse_misspelt(KEYS)
        num_prompt_tokens = record.count("input_length")
        hashes = record.hashes("hash_ids")
        most = ceil_div(num_prompt_tokens, tokens_per_hash)
        if len(hashes) > most:
            raise record.error(
                f"{len(hashes)} hashes of {tokens_per_hash} tokens for a prompt of {num_prompt_tokens}, which has "
                f"room for {most}",
                "hash_ids",
                "give --tokens-per-hash",
            )
        yield Arrival(
            line=number,
            request_id=str(number),
            time_us=record.microseconds("timestamp", per_unit=1000),
            num_prompt_tokens=num_prompt_tokens,
            max_new_tokens=record.count("output_length"),
            prefix_hashes=hashes,
            tokens_per_hash=tokens_per_hash,
        )
