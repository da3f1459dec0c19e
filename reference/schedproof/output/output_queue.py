"""A SysV message queue between the engine and the reader of its output, which loses nothing when it is full.

Upstream sends without waiting and prints a line when the queue is full; the step's tokens are gone. Here a full
queue is an answer: :meth:`OutputWriter.send` keeps the message, says that it waits, and delivers in order as room
appears.

Source: FastDeploy ``speculate_save_output.cc``; Linux ``msgget(2)``, ``msgop(2)``, ``msgctl(2)``.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections import deque
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from schedproof.arguments import array_fault, in_range, shown
from schedproof.output.message_layout import MAX_QUEUE_MESSAGE_BYTES, MESSAGE_WORDS, WORD_BYTES
from schedproof.output.save_output import INT32_MAX

MESSAGE_TYPE = 1
"""``mtype`` of every message; a queue carries one kind."""

IPC_CREAT: Final = 0o1000
IPC_EXCL: Final = 0o2000
IPC_NOWAIT: Final = 0o4000
IPC_RMID: Final = 0
OWNER_ONLY: Final = 0o600
TYPE_WORDS: Final = ctypes.sizeof(ctypes.c_long) // WORD_BYTES


class QueueError(OSError):
    """The queue could not be made, reached or used; says which call failed and why."""


def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "msgget"):
        raise QueueError(errno.ENOSYS, "this system has no SysV message queues")
    library.msgget.argtypes = (ctypes.c_int, ctypes.c_int)
    library.msgsnd.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    library.msgrcv.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_long, ctypes.c_int)
    library.msgrcv.restype = ctypes.c_ssize_t
    library.msgctl.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_void_p)
    return library


def _failure(call: str, key: int) -> QueueError:
    number = ctypes.get_errno()
    return QueueError(number, f"{call} on queue {key}: {os.strerror(number)}")


def message_limit() -> int:
    """Bytes of the largest message that this system's queues can hold."""
    limits = [Path("/proc/sys/kernel", name) for name in ("msgmax", "msgmnb")]
    return min((int(limit.read_text()) for limit in limits if limit.exists()), default=MAX_QUEUE_MESSAGE_BYTES)


class OutputQueue:
    """One SysV queue, by key; ``create`` makes it and refuses one that exists, else it must exist.

    Raises:
        QueueError: for a key that names no queue; when it exists already, does not exist, or this system has none.
    """

    def __init__(self, key: int, *, create: bool = False) -> None:
        if not in_range(key, 1, INT32_MAX):
            raise QueueError(errno.EINVAL, f"key: expected 1..{INT32_MAX}, got {shown(key)}")
        self.key = key
        self._limit = message_limit()
        self._library = _library()
        flags = (IPC_CREAT | IPC_EXCL | OWNER_ONLY) if create else 0
        self._id = self._library.msgget(key, flags)
        if self._id < 0:
            raise _failure("msgget", key)

    def check_sendable(self, words: NDArray[np.int32]) -> None:
        """Refuse what can never be sent, so that it does not wait for room that cannot appear.

        Raises:
            QueueError: for words that are no message, or more than a queue of this system holds.
        """
        if fault := array_fault("words", words, np.int32, (None,)):
            raise QueueError(errno.EINVAL, fault)
        if not words.size:
            raise QueueError(errno.EINVAL, "words: expected 1 or more, got none")
        size = words.size * WORD_BYTES
        if size > self._limit:
            reason = f"message of {size} bytes: this system holds {self._limit}; raise kernel.msgmax and msgmnb"
            raise QueueError(errno.EINVAL, reason)

    def try_send(self, words: NDArray[np.int32]) -> bool:
        """Send one message if there is room; False, and nothing sent, when the queue is full.

        Raises:
            QueueError: as :meth:`check_sendable`, or for a queue that is gone.
        """
        self.check_sendable(words)
        buffer = np.empty(TYPE_WORDS + words.size, dtype=np.int32)
        buffer[:TYPE_WORDS].view(np.int64)[0] = MESSAGE_TYPE
        buffer[TYPE_WORDS:] = words
        while self._library.msgsnd(self._id, buffer.ctypes.data, words.size * WORD_BYTES, IPC_NOWAIT) != 0:
            number = ctypes.get_errno()
            if number == errno.EAGAIN:
                return False
            if number != errno.EINTR:
                raise _failure("msgsnd", self.key)
        return True

    def receive(self, *, wait: bool = True, max_words: int = MESSAGE_WORDS) -> NDArray[np.int32] | None:
        """Take the oldest message; None when there is none and ``wait`` is False.

        Raises:
            QueueError: for a message longer than ``max_words``, which stays in the queue; for a ``max_words`` below
                1, or a queue that is gone.
        """
        if not in_range(max_words, 1, INT32_MAX):
            raise QueueError(errno.EINVAL, f"max_words: expected 1 or more, got {shown(max_words)}")
        buffer = np.empty(TYPE_WORDS + max_words, dtype=np.int32)
        flags = 0 if wait else IPC_NOWAIT
        while True:
            size = self._library.msgrcv(self._id, buffer.ctypes.data, max_words * WORD_BYTES, MESSAGE_TYPE, flags)
            if size >= 0:
                return buffer[TYPE_WORDS : TYPE_WORDS + size // WORD_BYTES].copy()
            number = ctypes.get_errno()
            if number == errno.ENOMSG:
                return None
            if number != errno.EINTR:
                raise _failure("msgrcv", self.key)

    def remove(self) -> None:
        """Delete the queue and whatever is still in it.

        Raises:
            QueueError: when it is gone already.
        """
        if self._library.msgctl(self._id, IPC_RMID, None) != 0:
            raise _failure("msgctl", self.key)


class OutputWriter:
    """Sends messages in order and keeps those that a full queue does not take, up to ``max_waiting``.

    Raises:
        QueueError: for a negative ``max_waiting``.
    """

    def __init__(self, queue: OutputQueue, *, max_waiting: int = 1024) -> None:
        if not in_range(max_waiting, 0, INT32_MAX):
            raise QueueError(errno.EINVAL, f"max_waiting: expected 0 or more, got {shown(max_waiting)}")
        self._queue = queue
        self._waiting: deque[NDArray[np.int32]] = deque()
        self._max_waiting = max_waiting

    @property
    def waiting(self) -> int:
        """Messages that are kept until the queue has room."""
        return len(self._waiting)

    def send(self, words: NDArray[np.int32]) -> bool:
        """Send one message after all that wait; False says that the queue is full and the message is kept.

        Raises:
            QueueError: when ``max_waiting`` messages wait already: this one was refused, none was lost; or as
                :meth:`OutputQueue.try_send`.
        """
        self._queue.check_sendable(words)
        if self.flush():
            if self._queue.try_send(words):
                return True
        elif len(self._waiting) >= self._max_waiting:
            raise QueueError(
                errno.EAGAIN, f"{len(self._waiting)} messages wait for a full queue; this one was refused"
            )
        self._waiting.append(words.copy())
        return False

    def flush(self) -> bool:
        """Send what waits, oldest first; says whether nothing waits any more.

        Raises:
            QueueError: as :meth:`OutputQueue.try_send`.
        """
        while self._waiting:
            if not self._queue.try_send(self._waiting[0]):
                return False
            self._waiting.popleft()
        return True
