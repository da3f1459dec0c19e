"""Queues of any length, for policies that look for a request in the running list.

Where only decodes are preempted, the loop looks for the last of them. No search goes through a list of any length:
the one that it would find is drawn, anywhere, with everything that is known of whoever stands behind it. That
`Queues` finds such a one is proved of short lists. What it reserves is any number here, and no proof looks at how
the sum is made: recorded steps and unit tests hold that to FastDeploy's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from schedproof.engines.fastdeploy.config import Role, ServingConfig
from schedproof.engines.fastdeploy.ledger import Ledger
from schedproof.engines.fastdeploy.turns import Queues, has_decode_status
from schedproof.request import Request
from schedproof_spec.prover.context import Context


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyQueues(Queues):
    """What the loop can find at one point of a step; ``running`` and ``waiting`` are an `AnyQueue` each."""

    ctx: Context = field(compare=False)
    num_unvisited: Any
    """Live decodes that the loop has still ahead."""
    draw_running: Callable[[str], Request]
    num_reserved_blocks: Any
    """What the token ratio reserves, for all that run and were admitted: any number, however a ratio is rounded."""

    def last_decode(self, ledger: Ledger, config: ServingConfig) -> Any:
        """Draw where the last running request is that may be preempted: nothing behind it may be.

        On a decode node that is the end of the list. Elsewhere all decodes that are ahead stand up to there.
        """
        position = self.ctx.integer("victim.position", 0)
        self.ctx.assume(position >= ledger.num_visited)
        self.ctx.assume(position < ledger.num_running)
        if config.role == Role.DECODE:
            self.ctx.assume(position == ledger.num_running - 1)
        self.ctx.assume(self.num_unvisited <= position - ledger.num_visited + 1)
        victim = self.running[position]
        self.ctx.assume(self.ctx.merged(lambda: has_decode_status(victim, config)))
        return position

    def kept_prompt(self, ledger: Ledger, config: ServingConfig) -> Request:
        """Draw a prompt in its middle."""
        request = self.draw_running("kept")
        self.ctx.assume(self.ctx.merged(lambda: not has_decode_status(request, config)))
        return request

    def reserved_for_chunk(self, ledger: Ledger, config: ServingConfig) -> Any:
        """Return the blocks that are drawn."""
        return self.num_reserved_blocks

    def reserved_for_admission(self, ledger: Ledger, config: ServingConfig) -> Any:
        """Return the blocks that are drawn."""
        return self.num_reserved_blocks

    def reserved_for(self, request: Request, config: ServingConfig) -> int:
        """Return 0: what is drawn for an admission has it already."""
        return 0
