"""A prefill node hands its prompts over in small groups, so that none waits long for the decode node."""

from schedproof.engines.fastdeploy.reference_policy import ReferencePolicy

MOST_IN_FLIGHT = 8


class EightInFlight(ReferencePolicy):
    """A prefill node holds eight prompts at most that it has not handed over."""

    name = "eight-in-flight"

    def takes_another_prompt(self, num_in_flight: int) -> bool:
        """Return whether fewer than eight are on their way."""
        return num_in_flight < MOST_IN_FLIGHT
