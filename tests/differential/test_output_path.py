"""From the accepted tokens on the device to the reader in another process: each step arrives once, whole."""

import subprocess
import sys
import time

import numpy as np

from schedproof.output.output_queue import OutputQueue, OutputWriter
from schedproof.output.output_sender import OutputSender
from schedproof_kernels.save_output import SaveOutput

READER = """
import sys
from schedproof.output.output_queue import OutputQueue
from schedproof.output.save_output import unpack
queue = OutputQueue(int(sys.argv[1]))
for step in range(int(sys.argv[2])):
    print(unpack(queue.receive()).tokens)
"""
STEPS = 5


def test_each_step_reaches_the_reader_once_from_rank_0(queue: OutputQueue) -> None:
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(queue.key), str(STEPS)], stdout=subprocess.PIPE, text=True
    )
    writer = OutputWriter(queue)
    ranks = [OutputSender(rank, save_each_rank=False, send=writer.send) for rank in range(2)]
    packer = SaveOutput(2, 3)
    expected = []
    for step in range(STEPS):
        tokens = np.arange(6, dtype=np.int64).reshape(2, 3) + 10 * step
        counts = np.array([step % 4, 1], dtype=np.int32)
        zeros = np.zeros(2, np.int32)
        packer.launch(tokens, counts, zeros, zeros.astype(np.int64), batch_size=2)
        message = packer.read()
        for sender in ranks:
            state = np.array([7], dtype=np.int32)
            assert sender.finish(message, state) == (sender.rank == 0)
            assert state.tolist() == [0]
        expected.append(str(tuple(tuple(row[:count]) for row, count in zip(tokens.tolist(), counts, strict=True))))
    deadline = time.monotonic() + 30
    while not writer.flush():
        assert time.monotonic() < deadline, f"{writer.waiting} messages still wait"
    output, _ = reader.communicate(timeout=30)
    packer.close()
    assert reader.returncode == 0
    assert output.splitlines() == expected
    assert queue.receive(wait=False) is None
