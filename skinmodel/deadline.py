"""A time limit for work in threads: whoever waits for it always gets an answer.

A thread cannot be killed. One that is no longer waited for is told to stop when it next reports
its progress. Until it has really ended it holds its place, so stuck ones never pile up.
"""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

Progress = Callable[[float, str], None]
Answer = TypeVar("Answer")

TICK = 0.1  # seconds between looks at the clock
WAITING = "Waiting for other analyses to end"


class Overdue(TimeoutError):
    """The work did not end in time; nothing of it is used."""


class Stopped(BaseException):
    """Ends work that nobody waits for. No Exception: nothing in the work is to take it for one."""


class Places:
    """Room for `count` pieces of work at a time; more wait for theirs."""

    def __init__(self, count: int) -> None:
        self._free = threading.BoundedSemaphore(count)

    def run(
        self,
        work: Callable[[Progress], Answer],
        *,
        seconds: float,
        progress: Progress = lambda *_: None,
    ) -> Answer:
        """What `work` returns or raises; Overdue after `seconds`, the wait for a place included.

        `work` is given a function to report its progress with. `progress` is told it in the
        caller's own thread, and may raise to give up waiting.
        """
        until = time.monotonic() + seconds
        while not self._free.acquire(timeout=_tick(until)):
            if time.monotonic() >= until:
                raise Overdue
            progress(0.0, WAITING)
        task = _Task(work, self._free.release)
        try:
            task.start()
            while not task.ended.wait(_tick(until)):
                if time.monotonic() >= until:
                    raise Overdue
                progress(*task.reported)
        finally:
            task.stopped = True
        return task.answer()


class _Task(threading.Thread, Generic[Answer]):
    def __init__(self, work: Callable[[Progress], Answer], release: Callable[[], None]) -> None:
        super().__init__(daemon=True)  # a stuck one shall not keep the program from ending
        self.ended = threading.Event()
        self.stopped = False
        self.reported = (0.0, "")
        self._work, self._release = work, release
        self._answer: list[Answer] = []
        self._error: BaseException | None = None

    def start(self) -> None:
        try:
            super().start()
        except RuntimeError:  # the system has no thread left
            self._release()
            raise

    def run(self) -> None:
        try:
            self._answer.append(self._work(self._report))
        except BaseException as error:
            self._error = error
        finally:
            self._release()
            self.ended.set()

    def _report(self, done: float, text: str) -> None:
        if self.stopped:
            raise Stopped
        self.reported = done, text

    def answer(self) -> Answer:
        """What came of it, once `ended`."""
        if self._error:
            raise self._error
        return self._answer[0]


def _tick(until: float) -> float:
    return max(0.0, min(TICK, until - time.monotonic()))
