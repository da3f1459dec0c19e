"""The paths that a script may take: where a condition is not known, each is followed and what differs is lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from schedproof_gate.deployment.shell_conditions import Status
from schedproof_gate.deployment.shell_run import Run
from schedproof_gate.deployment.shell_values import Values

Path = Callable[[], object]

IN_A_BRANCH = " (set in a branch)"

MAX_TURNS = 64
"""Of a loop whose condition is known in each of them."""
MAX_PASSES = 6
"""Over the body of any other loop, until what is known at its beginning stays the same."""


@dataclass(slots=True)
class Loop:
    """What is known where a loop is left, and where its next turn begins."""

    breaks: list[Values] = field(default_factory=list)
    continues: list[Values] = field(default_factory=list)


@dataclass(slots=True)
class Flow:
    """Where a script is: what it has set on the way, and how its last command ended."""

    run: Run
    values: Values
    status: Status = Status.SUCCESS
    is_alive: bool = True
    """Whether anything gets here: nothing does behind ``exit``."""
    loops: list[Loop] = field(default_factory=list)
    returns: list[list[Values]] = field(default_factory=list)

    def fork(self, paths: Sequence[Path]) -> None:
        """Follow several paths, of which one is taken."""
        before, ends, statuses = self.values, [], set()
        for path in paths:
            self.values, self.is_alive = before.copy(), True
            path()
            if self.is_alive:
                ends.append(self.values)
                statuses.add(self.status)
        self.go_on(before, ends)
        self.status = statuses.pop() if len(statuses) == 1 else Status.UNKNOWN

    def go_on(self, before: Values, ends: list[Values], why: str = IN_A_BRANCH) -> None:
        """Go on with what is known where any of these paths may have been taken."""
        self.is_alive = bool(ends)
        if not ends:
            self.values = before
        elif len(ends) == 1:
            self.values = ends[0]
        else:
            self.values = ends[0].joined(ends[1:], why)

    def isolated(self, path: Path) -> None:
        """Follow what another shell runs: of what it sets, only files are seen here."""
        before, loops, returns = self.values, self.loops, self.returns
        self.values, self.loops, self.returns = before.copy(), [], []
        path()
        before.files = self.values.files
        self.values, self.loops, self.returns, self.is_alive = before, loops, returns, True

    def stop(self) -> None:
        """Take in that nothing gets to the next command."""
        self.is_alive = False

    def leave_loop(self, word: str, levels: int) -> None:
        """Take in ``break`` or ``continue``."""
        if self.loops:
            loop = self.loops[-min(levels, len(self.loops))]
            (loop.breaks if word == "break" else loop.continues).append(self.values)
            self.stop()

    def leave_function(self) -> None:
        """Take in ``return``."""
        if self.returns:
            self.returns[-1].append(self.values)
        self.stop()

    def called(self, body: Path) -> None:
        """Follow a body that ``return`` ends."""
        before, loops = self.values, self.loops
        self.loops = []
        self.returns.append([])
        body()
        ends = self.returns.pop()
        if ends:
            ends = [self.values, *ends] if self.is_alive else ends
            self.go_on(before, ends)
            self.status = Status.UNKNOWN
        self.loops = loops

    def turns(self, turn: Sequence[Path]) -> None:
        """Follow a body once for each of these turns."""
        loop = Loop()
        self.loops.append(loop)
        for body in turn:
            if self.is_alive:
                body()
                self.next_turn(loop)
        self.loops.pop()
        self.leave(loop)

    def next_turn(self, loop: Loop, step: Path | None = None) -> None:
        """Go on where a turn of a loop ends."""
        if loop.continues:
            ends = [self.values, *loop.continues] if self.is_alive else list(loop.continues)
            self.go_on(self.values, ends)
            loop.continues.clear()
        if self.is_alive and step is not None:
            step()

    def leave(self, loop: Loop) -> None:
        """Go on where a loop ends."""
        if loop.breaks:
            ends = [self.values, *loop.breaks] if self.is_alive else list(loop.breaks)
            self.go_on(self.values, ends)

    def repeat(self, question: Path, body: Path, why: str, step: Path | None = None) -> None:
        """Follow a loop that goes on while a question is answered with success; `step` ends each of its turns."""
        before, mark = self.values.copy(), self.run.mark()
        depth = len(self.loops)
        if self.known_turns(question, body, step):
            return
        del self.loops[depth:]
        self.run.undo(mark)
        self.values, self.is_alive = before, True
        self.any_turns(question, body, step, why)

    def known_turns(self, question: Path, body: Path, step: Path | None) -> bool:
        """Follow each turn of a loop; return whether it is known when it ends."""
        loop = Loop()
        self.loops.append(loop)
        for _ in range(MAX_TURNS):
            question()
            if self.is_alive and self.status not in (Status.SUCCESS, Status.FAILURE):
                return False
            if not self.is_alive or self.status is Status.FAILURE:
                break
            body()
            self.next_turn(loop, step)
            if not self.is_alive:
                break
        else:
            return False
        self.loops.pop()
        self.leave(loop)
        self.status = Status.UNKNOWN
        return True

    def any_turns(self, question: Path, body: Path, step: Path | None, why: str) -> None:
        """Follow the body as any of its turns: what a turn changes is not known at the beginning of one."""
        entry, mark = self.values, self.run.mark()
        for number in range(MAX_PASSES + 1):
            if number == MAX_PASSES:
                entry.lose_all(why, None)
            loop, ends = Loop(), []
            self.run.undo(mark)
            self.values, self.is_alive = entry.copy(), True
            self.loops.append(loop)
            question()
            if self.is_alive and self.status is not Status.SUCCESS:
                ends.append(self.values.copy())
            if self.is_alive and self.status is not Status.FAILURE:
                body()
                self.next_turn(loop, step)
            elif self.is_alive:
                self.stop()
            self.loops.pop()
            before = entry.joined([self.values], why) if self.is_alive else entry
            if before.is_same(entry):
                break
            entry = before
        self.go_on(entry, [*ends, *loop.breaks], why)
        self.status = Status.UNKNOWN
