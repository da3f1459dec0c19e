"""Settings and fixtures that every test shares."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from schedproof.output.output_queue import OutputQueue, QueueError

settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("ci")


@pytest.fixture
def queue() -> Iterator[OutputQueue]:
    """A message queue of the system, removed afterwards."""
    for key in range(0x5C4ED000, 0x5C4ED100):
        try:
            made = OutputQueue(key, create=True)
        except QueueError:
            continue
        yield made
        made.remove()
        return
    raise RuntimeError("no free queue key")
