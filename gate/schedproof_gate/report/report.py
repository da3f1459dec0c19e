"""What a check found out. The renderers show it; none of them decides anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from schedproof import ServingConfig
from schedproof_gate.accept.acceptance import Acceptance
from schedproof_gate.report.counting import DEFAULT_LEVEL, is_counted
from schedproof_gate.report.place import Columns
from schedproof_spec import Consequence, Status

SCHEMA = "schedproof/report/2"

STARTUP = "startup"
"""The result that stands for the engine's own start-up checks."""

ERROR = "error"
INPUT = "input"
"""The rule that stands for what could not be read."""
INPUT_SENTENCE = "Every deployment can be read."

UNREAD_CODE = 2
INTERRUPTED_CODE = 130
"""As a shell reports a program that an interrupt ended."""

WORST_FIRST = (Status.VIOLATED, Status.UNDECIDED, Status.VACUOUS, Status.HELD)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagValue:
    """A flag that a result depends on, as the person writes it."""

    flag: str
    value: str
    place: str
    """Where it stands, or that it is the engine's default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagChange:
    """One flag to change."""

    flag: str
    old: int | None
    new: int


Repair = tuple[FlagChange, ...]
"""Changes that together repair something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One invariant, or the engine's start-up, decided for one deployment."""

    invariant: str
    sentence: str
    status: Status
    scope: str
    consequence: Consequence | None = None
    """What a violation does to people; None for the engine's start-up."""
    message: str = ""
    settled_by: str = ""
    """The second solver, with its version, on which the status rests; empty where it rests on Z3 alone."""
    file: str
    line: int | None = None
    """The flag to look at first."""
    columns: Columns | None = None
    """Where that flag stands on its line; None where it is not known."""
    flags: tuple[FlagValue, ...] = ()
    witness: Mapping[str, Any] | None = None
    state: tuple[str, ...] = ()
    """What shows it and is no run, for a person, a line each: a recorded step, or numbers."""
    run: tuple[str, ...] = ()
    """The run that shows it, from an empty engine, step by step."""
    replay: str = ""
    """The command that runs the witness through the engine's functions."""
    repairs: tuple[Repair, ...] = ()
    """Alternatives, each of which makes everything hold."""
    own_repairs: tuple[Repair, ...] = ()
    """Alternatives that make this hold and break nothing that does: where no single flag makes everything hold, and
    where the engine does not start."""
    accepted: Acceptance | None = None
    """Why a person accepts it: then it does not count."""
    ran_out: Acceptance | None = None
    """What accepted it until a day that has passed: it counts again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotApplicable:
    """An invariant that says nothing about a subject, and why."""

    invariant: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One deployment, or one trace of it, and its results."""

    source: str
    file: str = ""
    """The deployment's file, with which accepted findings go."""
    engine: str
    policy: str
    """Empty when none decides about the subject."""
    config: Mapping[str, Any]
    results: tuple[Result, ...]
    scope: str = ""
    """What the results speak of as a whole; empty where their own scopes say it."""
    not_applicable: tuple[NotApplicable, ...] = ()
    not_checked: tuple[NotApplicable, ...] = ()
    """Invariants that could be checked if the subject said more."""
    notes: tuple[str, ...] = ()
    advice: str = ""
    """Where something is violated, whether a flag helps and the engine's rules are at fault; where nothing could be
    checked, what to do."""
    measurements: Mapping[str, Any] | None = None
    """The figures of a run, when one was made."""

    @property
    def verdict(self) -> Status:
        """The worst status; vacuous when there is none."""
        return worst(result.status for result in self.results)

    def with_status(self, status: Status) -> tuple[Result, ...]:
        """Return the results that have a status, in order."""
        return tuple(result for result in self.results if result.status is status)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportWarning:
    """Something beside the findings that a person should put in order; it never counts for the exit code."""

    message: str
    file: str
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """An input, or one deployment of it, that could not be read, and so was not checked."""

    source: str
    """As for `Subject`."""
    deployment_file: str
    """The deployment's file, with which accepted findings go; a finding that they accept may be in it."""
    file: str
    line: int | None
    """Where the problem is: in that file, or in one that it names."""
    columns: Columns | None = None
    key: str
    message: str
    """The problem and what to change, without the place."""
    text: str
    """The whole of it, as one line."""
    is_right: bool = False
    """Whether nothing is wrong with the input: its process died, or the call was interrupted."""

    @property
    def title(self) -> str:
        """What became of it, in two words."""
        return "not checked" if self.is_right else "cannot be read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that one command checked."""

    subjects: tuple[Subject, ...]
    fail_on: str = DEFAULT_LEVEL
    """The level of `counting` that the exit code follows."""
    warnings: tuple[ReportWarning, ...] = ()
    unread: tuple[Unread, ...] = ()
    skipped: tuple[str, ...] = ()
    """Files of folders that do not look like deployments."""
    subject_noun: str = "deployment"
    """What a subject is, for a sentence."""
    is_interrupted: bool = False
    """Whether the command was stopped before everything was checked."""

    @property
    def results(self) -> tuple[Result, ...]:
        """The results of all subjects, in order."""
        return tuple(result for subject in self.subjects for result in subject.results)

    @property
    def verdict(self) -> Status:
        """The worst status; vacuous when nothing was checked."""
        return worst(result.status for result in self.results)

    @property
    def outcome(self) -> str:
        """The verdict as a word; an error while anything could not be read."""
        return ERROR if self.unread else self.verdict.value

    def counts(self, result: Result) -> bool:
        """Return whether the exit code depends on a result."""
        return result.accepted is None and is_counted(result.consequence, self.fail_on)

    def exit_code(self, allow_undecided: bool = False) -> int:
        """Return 0 when everything that counts held, 1 when something is violated, and 3 when something stays open.

        What could not be read counts before all of these, as 2, and an interrupt before that. What could be read
        and was not checked stays open. With `allow_undecided`, undecided results do not count, but something must
        have held.
        """
        if self.is_interrupted:
            return INTERRUPTED_CODE
        if not all(unread.is_right for unread in self.unread):
            return UNREAD_CODE
        statuses = [result.status for result in self.results if self.counts(result)]
        if allow_undecided:
            statuses = [status for status in statuses if status is not Status.UNDECIDED]
        not_checked = [Status.VACUOUS for _ in self.unread]
        return exit_code_of(worst([*statuses, *not_checked]))


def worst(statuses: Iterable[Status]) -> Status:
    """Return the status that decides about a whole; nothing at all is vacuous."""
    found = set(statuses)
    return next((status for status in WORST_FIRST if status in found), Status.VACUOUS)


def exit_code_of(status: Status) -> int:
    """Return the exit code for a verdict."""
    return {Status.HELD: 0, Status.VIOLATED: 1}.get(status, 3)


def config_json(config: ServingConfig) -> dict[str, Any]:
    """Return a configuration for `Subject.config`."""
    return asdict(config)
