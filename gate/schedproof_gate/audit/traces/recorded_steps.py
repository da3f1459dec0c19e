"""Reads ``schedproof/step/1``, the exact form of recorded steps: see `schedproof.step_record`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from schedproof import ServingConfig
from schedproof.step_record import SCHEMA, TraceHeader
from schedproof_gate.audit.traces.blocks import Block
from schedproof_gate.audit.traces.columns import ABSENT, Integers, RequestColumns, StepBatch, StepColumns, Truths
from schedproof_gate.deployment.given import MAX_NUMBER
from schedproof_gate.errors import InputError, quoted, shown
from schedproof_gate.misspellings import closest

Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_NUMBER)]
Signed = Annotated[int, msgspec.Meta(ge=-MAX_NUMBER, le=MAX_NUMBER)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]


class RequestFields(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """One request as it stands in a line."""

    request_id: str
    phase: Literal["decode", "prefill", "admission"]
    num_tokens: Count
    num_computed_tokens: Count = ABSENT
    need_prefill_tokens: Count = ABSENT
    num_total_tokens: Count = ABSENT
    num_blocks: Count = ABSENT


class StepFields(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """One step as it stands in a line."""

    step: Count
    num_decoding: Count
    num_decode_tokens: Count
    num_prefill_tokens: Count
    num_slots_used: Count = ABSENT
    num_waiting: Count = ABSENT
    num_preempted: Count = ABSENT
    num_free_blocks: Count = ABSENT
    num_owned_blocks: Count = ABSENT
    budget: Signed = ABSENT
    launch_tokens: Count = ABSENT
    timestamp_s: Seconds = ABSENT
    requests: list[RequestFields] | None = None


class HeaderFields(msgspec.Struct):
    """The header; what it holds beyond this is for people."""

    schema: str
    engine: str = ""
    version: str | None = None
    num_kv_blocks: Count | None = None


STEP = msgspec.json.Decoder(StepFields)
HEADER = msgspec.json.Decoder(HeaderFields)
IS_HEADER = re.compile(rb'\s*\{\s*"schema"\s*:')
KEY = re.compile(r"at `\$\.?([^`]*)`")
FIELD = re.compile(r"field `([^`]*)`")
PHASES = {"decode": 0, "prefill": 1, "admission": 2}
COUNTS = ("num_computed_tokens", "need_prefill_tokens", "num_total_tokens", "num_blocks")
"""The counts of a request that a statement reads as they are."""


@dataclass(slots=True)
class Position:
    """Where the last step stood, so that the next one comes after it."""

    step: int = -1
    timestamp_s: float = 0.0
    engine: str = ""

    def after_header(self, part: Part, source: str) -> Position:
        """Return the position below a header, where the engine starts anew.

        Raises:
            InputError: it is another engine.
        """
        assert part.header is not None
        engine = part.header.engine
        if self.engine and engine not in ("", self.engine):
            raise InputError(
                f"{quoted(engine)} is not {quoted(self.engine)}, whose steps are above",
                source=source,
                line=part.header_line,
                key="engine",
                advice="give the steps of one engine",
            )
        return Position(engine=self.engine or engine)


def read_recorded_steps(blocks: Iterable[Block], source: str, config: ServingConfig) -> Iterator[StepBatch]:
    """Yield the steps, a block at a time.

    Raises:
        InputError: a line that is not a step, contradicts itself, or does not come after the one before.
    """
    position = Position()
    header: TraceHeader | None = None
    begins_anew = True
    for block in blocks:
        for part in parts_of(block, source):
            if part.header is not None:
                header, begins_anew, position = part.header, True, position.after_header(part, source)
            if not part.texts:
                continue
            records = decoded(part, source, block)
            yield batch_of(records, part.lines, source, position, header=header, begins_anew=begins_anew)
            header, begins_anew = None, False


@dataclass(frozen=True, slots=True)
class Part:
    """Neighbouring steps of a block, and the header above them if there is one."""

    header: TraceHeader | None
    header_line: int
    lines: list[int]
    texts: list[bytes]


def parts_of(block: Block, source: str) -> Iterator[Part]:
    """Yield the block's lines that are not blank, split before every header."""
    part = Part(None, 0, [], [])
    for line, text in enumerate(block.lines, start=block.first_line):
        if IS_HEADER.match(text):
            yield part
            part = Part(read_header(text, source, line), line, [], [])
        elif text and not text.isspace():
            part.lines.append(line)
            part.texts.append(text)
    yield part


def read_header(text: bytes, source: str, line: int) -> TraceHeader:
    """Return a header.

    Raises:
        InputError: not JSON, a wrong type, or the schema of something else.
    """
    try:
        fields = HEADER.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise refusal(error, source, line, is_cut_off=False) from None
    if fields.schema != SCHEMA:
        raise InputError(
            f"{quoted(fields.schema)} is not {SCHEMA}",
            source=source,
            line=line,
            key="schema",
            advice="give a file of recorded steps",
        )
    return TraceHeader(engine=fields.engine, version=fields.version, num_kv_blocks=fields.num_kv_blocks)


def decoded(part: Part, source: str, block: Block) -> list[StepFields]:
    """Return the records of some lines.

    Raises:
        InputError: a line that is not a step.
    """
    records: list[StepFields] = []
    try:
        # What is decoded before an error stays, so that its number tells the line.
        records.extend(map(STEP.decode, part.texts))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        line = part.lines[len(records)]
        raise refusal(error, source, line, block.is_cut_off and line == part.lines[-1]) from None
    return records


def refusal(error: Exception, source: str, line: int, is_cut_off: bool) -> InputError:
    """Return the one-line error for a line that is not a step."""
    text = str(error)
    if is_cut_off and not isinstance(error, msgspec.ValidationError):
        return InputError("the last line is cut off", source=source, line=line, advice="delete it")
    if not isinstance(error, msgspec.ValidationError):
        reason = "too deeply nested" if isinstance(error, RecursionError) else shown(text.splitlines()[0])
        return InputError(f"not valid JSON: {reason}", source=source, line=line, advice="write one step a line")
    key = KEY.search(text)
    field = FIELD.search(text)
    problem = shown(text.partition(" - at `")[0].replace("`", "'"))
    known = StepFields.__struct_fields__ + RequestFields.__struct_fields__
    close = None if field is None or "unknown" not in text else closest(field.group(1), known, similarity=0.6)
    advice = f"{SCHEMA} is described in examples/traces/README.md" if close is None else f"did you mean {close}?"
    return InputError(
        problem[:1].lower() + problem[1:],
        source=source,
        line=line,
        key="" if key is None else shown(key.group(1)),
        advice=advice,
    )


def batch_of(
    records: list[StepFields],
    lines: list[int],
    source: str,
    position: Position,
    *,
    header: TraceHeader | None,
    begins_anew: bool,
) -> StepBatch:
    """Return records by columns, after a look at what no engine can mean.

    Raises:
        InputError: a record that contradicts itself, or is not after the one before.
    """
    columns = StepColumns(
        num_decoding=column(records, "num_decoding"),
        num_decode_tokens=column(records, "num_decode_tokens"),
        num_prefill_tokens=column(records, "num_prefill_tokens"),
        num_slots_used=column(records, "num_slots_used"),
        num_preempted=column(records, "num_preempted"),
        num_free_blocks=column(records, "num_free_blocks"),
        num_owned_blocks=column(records, "num_owned_blocks"),
        budget=column(records, "budget"),
        launch_tokens=column(records, "launch_tokens"),
    )
    steps = column(records, "step")
    line_numbers = np.array(lines, dtype=np.int64)
    before = position.step
    refuse_disorder(records, steps, lines, source, position)
    lists_requests = np.fromiter((record.requests is not None for record in records), np.bool_, len(records))
    requests = None
    if lists_requests.any():
        requests = request_columns(records)
        refuse_repeated(requests, lines, source)
        refuse_contradictions(columns, requests, lists_requests, lines, source)
    return StepBatch(
        lines=line_numbers,
        steps=steps,
        low=columns,
        high=columns,
        requests=requests,
        lists_requests=lists_requests if requests is not None else None,
        num_missing=int(steps[-1]) - (int(steps[0]) - 1 if before < 0 else before) - len(records),
        begins_anew=begins_anew,
        header=header,
    )


def column(records: list[Any], name: str) -> Integers:
    """Return one field of all records."""
    # A list first: twice as fast as an iterator.
    return np.array(list(map(attrgetter(name), records)), dtype=np.int64)


def request_columns(records: list[StepFields]) -> RequestColumns:
    """Return the requests of all records."""
    groups = [record.requests or () for record in records]
    requests = [request for group in groups for request in group]
    sizes = np.fromiter(map(len, groups), np.int64, len(groups))
    phases = np.array([PHASES[request.phase] for request in requests], dtype=np.int8)
    return RequestColumns(
        record=np.repeat(np.arange(len(records), dtype=np.int64), sizes),
        request_ids=[request.request_id for request in requests],
        is_decode=phases == PHASES["decode"],
        is_admission=phases == PHASES["admission"],
        num_tokens=column(requests, "num_tokens"),
        **{name: column(requests, name) for name in COUNTS},
    )


def refuse_disorder(
    records: list[StepFields], steps: Integers, lines: list[int], source: str, position: Position
) -> None:
    """Refuse a step that is not after the one before, and a clock that goes backwards.

    Raises:
        InputError: naming both.
    """
    before = np.concatenate(([position.step], steps[:-1]))
    wrong = np.flatnonzero(steps <= before)
    if wrong.size:
        at = int(wrong[0])
        how = "is given twice" if steps[at] == before[at] else f"comes after step {before[at]}"
        raise InputError(
            f"step {steps[at]} {how}",
            source=source,
            line=lines[at],
            key="step",
            advice="sort the steps, or begin what another engine recorded with a header",
        )
    position.step = int(steps[-1])
    seconds = np.fromiter(map(attrgetter("timestamp_s"), records), np.float64, len(records))
    known = np.flatnonzero(seconds >= 0)
    if known.size:
        times = seconds[known]
        earlier = np.flatnonzero(times < np.concatenate(([position.timestamp_s], times[:-1])))
        if earlier.size:
            at = int(earlier[0])
            previous = position.timestamp_s if at == 0 else float(times[at - 1])
            raise InputError(
                f"{times[at]} is before {previous}: the clock goes backwards",
                source=source,
                line=lines[int(known[at])],
                key="timestamp_s",
                advice="record a clock that does not go backwards",
            )
        position.timestamp_s = float(times[-1])


def refuse_repeated(requests: RequestColumns, lines: list[int], source: str) -> None:
    """Refuse the first step that lists a request twice.

    Raises:
        InputError: naming the request.
    """
    ends = np.searchsorted(requests.record, np.arange(len(lines)), side="right").tolist()
    begin = 0
    for line, end in zip(lines, ends, strict=True):
        names = requests.request_ids[begin:end]
        if len(set(names)) < len(names):
            repeated = next(name for index, name in enumerate(names) if name in names[:index])
            raise InputError(
                f"{quoted(repeated)} is listed twice",
                source=source,
                line=line,
                key="requests",
                advice="list every request that runs in the step, once",
            )
        begin = end


def refuse_contradictions(
    steps: StepColumns, requests: RequestColumns, lists_requests: Truths, lines: list[int], source: str
) -> None:
    """Refuse a step whose requests do not add up to its totals.

    Raises:
        InputError: naming the total and both numbers.
    """
    totals = (
        ("num_decoding", steps.num_decoding, requests.is_decode.astype(np.int64)),
        ("num_decode_tokens", steps.num_decode_tokens, requests.num_tokens * requests.is_decode),
        ("num_prefill_tokens", steps.num_prefill_tokens, requests.num_tokens * ~requests.is_decode),
    )
    for name, total, parts in totals:
        added = np.zeros(len(lines), dtype=np.int64)
        np.add.at(added, requests.record, parts)
        wrong = np.flatnonzero(lists_requests & (added != total))
        if wrong.size:
            at = int(wrong[0])
            raise InputError(
                f"{total[at]} contradicts the requests, which add up to {added[at]}",
                source=source,
                line=lines[at],
                key=name,
                advice="list every request that runs in the step, once",
            )
