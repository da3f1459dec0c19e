"""Holds batches of recorded steps against the rules."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from schedproof import Policy, ServingConfig
from schedproof.step_record import TraceHeader
from schedproof_gate.audit.checks import REQUEST_CHECKS, STEP_CHECKS, TILING, Counts, RequestCheck, Rule, StepCheck
from schedproof_gate.audit.chunk_order import BrokenTile, ChunkOrder
from schedproof_gate.audit.tally import Finding, Tally
from schedproof_gate.audit.traces.columns import ABSENT, UNBOUNDED, StepBatch, StepColumns, Truths
from schedproof_gate.errors import quoted, shown
from schedproof_gate.report.wording import plural

FASTDEPLOY_LIKE = ("", "fastdeploy", "schedproof-reference")
"""Whose traces the rules of FastDeploy's policies speak of; empty where the trace names no engine."""


@dataclass(slots=True)
class Auditor:
    """Takes a trace batch by batch; what it keeps does not grow with the trace."""

    config: ServingConfig
    policy: Policy
    engine: str
    """Whose steps these are; a header can say it, too."""
    leaves_open: str
    """Why a log's steps have bounds."""
    chunk_order: ChunkOrder
    tallies: dict[str, Tally] = field(default_factory=dict)
    num_steps: int = 0
    num_between: int = 0
    """Lines after which the log leaves out steps."""
    most_tokens: int = -1
    most_tokens_at: tuple[int, int] = (0, 0)
    """Step and line."""
    num_odd_decodes: int = 0
    """Steps whose decodes run another number of tokens than the configuration says."""
    odd_decode: str = ""
    header: TraceHeader | None = None
    lists_requests: bool = False
    num_missing: int = 0
    """Steps that ran and are not in the file."""
    num_uncounted: int = 0
    """Steps of which the log does not count the requests."""

    def take(self, batch: StepBatch) -> None:
        """Hold a batch against every rule that applies."""
        if batch.header is not None:
            self._take_header(batch.header)
        is_between = np.zeros(len(batch.lines), dtype=np.bool_) if batch.is_between is None else batch.is_between
        self.num_steps += int(np.count_nonzero(~is_between))
        self.num_between += int(np.count_nonzero(is_between))
        self.num_missing += batch.num_missing
        self.num_uncounted += batch.num_uncounted
        self._note_largest(batch, ~is_between)
        self._note_odd_decodes(batch)
        for step_check in STEP_CHECKS:
            if self.why_silent(step_check.rule) is None:
                self._check_steps(step_check, batch, is_between)
        broken = self.chunk_order.take(batch)
        if batch.requests is not None:
            self.lists_requests = True
            for request_check in REQUEST_CHECKS:
                if self.why_silent(request_check.rule) is None:
                    tiles = broken if request_check.rule is TILING else {}
                    self._check_requests(request_check, batch, tiles)

    def why_silent(self, rule: Rule) -> str | None:
        """Return why a rule says nothing about this engine and configuration; None when it does."""
        if rule.is_fastdeploys and self.engine not in FASTDEPLOY_LIKE:
            return f"it is a rule of FastDeploy's policies, the trace is one of {shown(self.engine)}"
        return None if rule.applies(self.config) else rule.otherwise

    def tally(self, rule: Rule, unit: str) -> Tally:
        """Return the tally of a rule."""
        if rule.name not in self.tallies:
            self.tallies[rule.name] = Tally(rule=rule, unit=unit)
        return self.tallies[rule.name]

    def _take_header(self, header: TraceHeader) -> None:
        self.header = header
        self.engine = header.engine or self.engine
        if header.num_kv_blocks is not None:
            self.config = replace(self.config, num_kv_blocks=header.num_kv_blocks)

    def _note_largest(self, batch: StepBatch, is_step: Truths) -> None:
        tokens = np.where(is_step, batch.low.num_tokens, -1)
        at = int(tokens.argmax())
        if tokens[at] > self.most_tokens:
            self.most_tokens = int(tokens[at])
            self.most_tokens_at = (int(batch.steps[at]), int(batch.lines[at]))

    def _note_odd_decodes(self, batch: StepBatch) -> None:
        if not batch.is_exact or self.engine not in FASTDEPLOY_LIKE:
            return
        steps = batch.low
        odd = np.flatnonzero(steps.num_decode_tokens != steps.num_decoding * self.config.tokens_per_seq)
        if odd.size and not self.odd_decode:
            at = int(odd[0])
            self.odd_decode = (
                f"line {batch.lines[at]}: {plural(int(steps.num_decoding[at]), 'decode')} with "
                f"{plural(int(steps.num_decode_tokens[at]), 'token')}"
            )
        self.num_odd_decodes += int(odd.size)

    def _check_steps(self, check: StepCheck, batch: StepBatch, is_between: Truths) -> None:
        known_low, known_high = known(batch.low, check.needs), known(batch.high, check.needs)
        if check.only_without:
            known_low &= ~known(batch.low, check.only_without)
        if not known_low.any():
            return
        keeps = np.asarray(check.holds(batch.low, self.config, self.policy))
        surely_keeps = keeps if batch.is_exact else np.asarray(check.holds(batch.high, self.config, self.policy))
        violated = known_low & ~keeps
        tally = self.tally(check.rule, "step")
        if violated.any():
            tally.num_violated += int(np.count_nonzero(violated))
            if tally.violation is None:
                tally.violation = self._step_finding(check, batch, int(violated.argmax()))
        if check.only_without:
            return
        held = known_high & surely_keeps & ~violated
        tally.num_held += int(np.count_nonzero(held & ~is_between))
        is_open = known_high & ~surely_keeps & ~violated
        if is_open.any():
            tally.num_open += int(np.count_nonzero(is_open & ~is_between))
            tally.num_open_between += int(np.count_nonzero(is_open & is_between))
            if tally.open_question is None:
                tally.open_question = self._open_finding(check, batch, int(is_open.argmax()))

    def _step_finding(self, check: StepCheck, batch: StepBatch, at: int) -> Finding:
        counts = counts_at(batch.low, at)
        step = int(batch.steps[at])
        most = counts_at(batch.high, at)
        least = "" if counts == most else ", by the least that the log allows"
        return Finding(
            rule_name=check.rule.name,
            header=self.header,
            first_line=int(batch.lines[at]),
            line=int(batch.lines[at]),
            step=step,
            message=f"in step {step}, {check.found(counts, self.config, self.policy)}{least}",
            state=(step_line(step, counts, most),),
            witness={"step": step, "line": int(batch.lines[at]), **counts},
        )

    def _open_finding(self, check: StepCheck, batch: StepBatch, at: int) -> Finding:
        low, high = counts_at(batch.low, at), counts_at(batch.high, at)
        step = int(batch.steps[at])
        is_between = batch.is_between is not None and bool(batch.is_between[at])
        where = f"after step {step}" if is_between else f"in step {step}"
        return Finding(
            rule_name=check.rule.name,
            header=self.header,
            first_line=int(batch.lines[at]),
            line=int(batch.lines[at]),
            step=step,
            message=f"{where}, {self._at_most(check, high)}; {self.leaves_open}",
            state=(step_line(step, low, high),),
            witness={"step": step, "line": int(batch.lines[at]), "least": low, "most": high},
        )

    def _at_most(self, check: StepCheck, high: Counts) -> str:
        if any(count >= UNBOUNDED for count in high.values()):
            return "the log shows speculative decoding and the configuration has none, so nothing bounds the tokens"
        return f"at the most that the log allows {check.found(high, self.config, self.policy)}"

    def _check_requests(self, check: RequestCheck, batch: StepBatch, broken: dict[int, BrokenTile]) -> None:
        requests = batch.requests
        assert requests is not None
        rows = check.rows(requests) & known(requests, check.needs)
        violated = rows & ~np.asarray(check.holds(requests, self.config))
        for position in broken:
            rows[position] = violated[position] = True
        if not rows.any():
            return
        tally = self.tally(check.rule, check.unit)
        num_violated = int(np.count_nonzero(violated))
        tally.num_violated += num_violated
        tally.num_held += int(np.count_nonzero(rows)) - num_violated
        if num_violated and tally.violation is None:
            at = int(violated.argmax())
            tally.violation = self._request_finding(check, batch, at, broken.get(at))

    def _request_finding(self, check: RequestCheck, batch: StepBatch, at: int, tile: BrokenTile | None) -> Finding:
        requests = batch.requests
        assert requests is not None
        record = int(requests.record[at])
        step, line = int(batch.steps[record]), int(batch.lines[record])
        counts = counts_at(requests, at)
        request_id = requests.request_ids[at]
        what = check.found(counts, self.config) if tile is None else tile.message
        phase = "decode" if requests.is_decode[at] else "admission" if requests.is_admission[at] else "prefill"
        shown = ", ".join(f"{name} {count}" for name, count in counts.items())
        return Finding(
            rule_name=check.rule.name,
            header=self.header,
            first_line=line if tile is None else tile.first_line,
            line=line,
            step=step,
            message=f"in step {step}, request {quoted(request_id)}: {what}",
            state=(
                step_line(step, counts_at(batch.low, record)),
                f"{quoted(request_id)}: {phase}, {shown}",
            ),
            witness={"step": step, "line": line, "request": {"request_id": request_id, "phase": phase, **counts}},
        )


def known(columns: Any, needs: tuple[str, ...]) -> Truths:
    """Return in which rows every needed count is there."""
    size = len(columns.num_decode_tokens if isinstance(columns, StepColumns) else columns.num_tokens)
    rows = np.ones(size, dtype=np.bool_)
    for name in needs:
        rows &= getattr(columns, name) != ABSENT
    return rows


def counts_at(columns: Any, at: int) -> dict[str, int]:
    """Return the counts of one row that are known."""
    found = {}
    for name in type(columns).__slots__:
        value = getattr(columns, name)
        if isinstance(value, np.ndarray) and value.dtype == np.int64 and name != "record" and value[at] != ABSENT:
            found[name] = int(value[at])
    return found


def step_line(step: int, low: Counts, high: Counts | None = None) -> str:
    """Return a step for a person, by the names that the counts have in a file; bounds where they differ."""
    most = low if high is None else high
    shown = ", ".join(f"{name} {between(count, most.get(name))}" for name, count in low.items())
    return f"step {step}: {shown}"


def between(least: int, most: int | None) -> str:
    """Return a count, or what bounds it."""
    if most is None or most >= UNBOUNDED:
        return f"{least} or more"
    return str(least) if least == most else f"{least} to {most}"
