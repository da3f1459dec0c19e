"""A queue between two processes loses nothing, in order, even when it is full."""

import subprocess
import sys
import time
from typing import Any

import numpy as np
import pytest

from schedproof.output.message_layout import MESSAGE_WORDS
from schedproof.output.output_queue import OutputQueue, OutputWriter, QueueError, message_limit
from schedproof.output.save_output import StepOutput, pack

STEPS = 60
READER = """
import sys, time
from schedproof.output.output_queue import OutputQueue
from schedproof.output.save_output import unpack
queue = OutputQueue(int(sys.argv[1]))
time.sleep(float(sys.argv[3]))
for step in range(int(sys.argv[2])):
    print(unpack(queue.receive()).tokens)
"""


def step_message(step: int) -> np.ndarray:
    tokens = np.full((3, 2), step, dtype=np.int64)
    counts = np.array([2, 1, 0], dtype=np.int32)
    return pack(StepOutput(tokens, counts, np.zeros(3, np.int32), np.zeros(3, np.int64)))


def test_a_slow_reader_in_another_process_gets_every_step_in_order(queue: OutputQueue) -> None:
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(queue.key), str(STEPS), "0.3"], stdout=subprocess.PIPE, text=True
    )
    writer = OutputWriter(queue)
    kept = sum(not writer.send(step_message(step)) for step in range(STEPS))
    assert kept > 0, "the queue never filled, so nothing was tested"
    deadline = time.monotonic() + 30
    while not writer.flush():
        assert time.monotonic() < deadline, f"{writer.waiting} messages still wait"
        time.sleep(0.001)
    output, _ = reader.communicate(timeout=30)
    assert reader.returncode == 0
    assert output.splitlines() == [str(((step, step), (step,), ())) for step in range(STEPS)]
    assert queue.receive(wait=False) is None


def test_a_full_queue_says_so_and_keeps_the_order(queue: OutputQueue) -> None:
    writer = OutputWriter(queue, max_waiting=2)
    sent = 0
    while writer.send(step_message(sent)):
        sent += 1
    assert not writer.send(step_message(sent + 1))
    assert writer.waiting == 2
    with pytest.raises(QueueError, match="2 messages wait for a full queue; this one was refused"):
        writer.send(step_message(99))
    received = []
    while (message := queue.receive(wait=False)) is not None:
        received.append(message)
        writer.flush()
    assert writer.waiting == 0
    assert [message.tolist() for message in received] == [step_message(step).tolist() for step in range(sent + 2)]


def test_what_cannot_be_sent_is_refused_at_once(queue: OutputQueue) -> None:
    writer = OutputWriter(queue)
    with pytest.raises(QueueError, match=r"words: expected dtype int32, got int64"):
        writer.send(np.zeros(4, dtype=np.int64))
    with pytest.raises(QueueError, match="words: expected 1 dimension, got 2"):
        writer.send(np.zeros((2, 2), dtype=np.int32))
    with pytest.raises(QueueError, match="words: expected 1 or more, got none"):
        writer.send(np.zeros(0, dtype=np.int32))
    with pytest.raises(QueueError, match=r"this system holds \d+; raise kernel.msgmax"):
        writer.send(np.zeros(message_limit() // 4 + 1, dtype=np.int32))
    assert writer.waiting == 0
    assert queue.receive(wait=False) is None


def test_a_message_longer_than_asked_for_stays(queue: OutputQueue) -> None:
    queue.try_send(step_message(1))
    with pytest.raises(QueueError, match="msgrcv"):
        queue.receive(max_words=MESSAGE_WORDS - 1)
    received = queue.receive()
    assert received is not None
    assert received.tolist() == step_message(1).tolist()


@pytest.mark.parametrize("key", [0, -1, 2**31, 1.5, "one"])
def test_a_key_that_names_no_queue_is_refused(key: Any) -> None:
    with pytest.raises(QueueError, match=r"key: expected 1\.\.2147483647, got"):
        OutputQueue(key)


def test_sizes_of_the_queue_are_checked(queue: OutputQueue) -> None:
    with pytest.raises(QueueError, match="max_waiting: expected 0 or more, got -1"):
        OutputWriter(queue, max_waiting=-1)
    with pytest.raises(QueueError, match="max_words: expected 1 or more, got 0"):
        queue.receive(max_words=0)


def test_keys_are_not_shared_or_invented(queue: OutputQueue) -> None:
    with pytest.raises(QueueError, match=r"msgget on queue \d+: File exists"):
        OutputQueue(queue.key, create=True)
    other = OutputQueue(queue.key + 0x1000, create=True)
    other.remove()
    with pytest.raises(QueueError, match="msgctl"):
        other.remove()
    with pytest.raises(QueueError, match="msgsnd"):
        other.try_send(step_message(0))
    with pytest.raises(QueueError, match="No such file"):
        OutputQueue(queue.key + 0x1000)
