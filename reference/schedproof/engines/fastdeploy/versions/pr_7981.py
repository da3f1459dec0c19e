"""PR 7981: a prefill node takes no more prompts than ``FD_MAX_INFLIGHT_PREFILL``.

Known from its text alone. The text leaves open what is in flight; here it is every prompt that has a slot: it is
being prefilled, or waits for its hand-over. The limit has its preset, 20. Everything else is as in PR 7444: whether
a prefill node already started chunks without looking for blocks, which PR 8009 says of the code before it, is left
open too.
"""

from schedproof.engines.fastdeploy.versions.pr_7444 import Pr7444

MAX_INFLIGHT_PREFILL = 20


class Pr7981(Pr7444):
    """Leave prompts outside a prefill node while 20 are inside."""

    name = "7981"
    source = "PR 7981"
    summary = "as 7444; a prefill node takes a prompt only if fewer than 20 are in flight"

    def takes_another_prompt(self, num_in_flight: int) -> bool:
        """Return whether fewer than 20 prompts have a slot."""
        return num_in_flight < MAX_INFLIGHT_PREFILL
