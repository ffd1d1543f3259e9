"""Work done in another thread, with a time limit, while the page is there to be used.

The page's own script never waits for it: a rerun in its place would close whatever dialog was
opened meanwhile. The part of the page that shows it is run again instead, until the work is done.
"""

import logging
import secrets
import threading
from collections.abc import Callable
from functools import wraps
from typing import Any, Generic, ParamSpec, TypeVar

import streamlit as st
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_run_context import ThreadState

from pages.components.frame import serving
from records.errors import RecordError
from skinmodel.deadline import Overdue, Progress
from skinmodel.images import InvalidImage

T = TypeVar("T")
P = ParamSpec("P")
AGAIN = 0.4  # seconds until the browser asks again

log = logging.getLogger("dermtrace")


class Task(Generic[T]):
    """Work under way: `answer` is None until it is done, and a sentence where nothing came of it.

    `so_far` is what earlier work has brought that this one goes on with. Work that is not `placed`
    takes no place of an analysis and has its own time limit.
    """

    def __init__(
        self,
        work: Callable[[Progress], T | str],
        label: str,
        *,
        so_far: T | None = None,
        placed: bool = True,
    ) -> None:
        self.answer: T | str | None = None
        self.so_far = so_far
        self.reported = (0.0, label)
        places, seconds = serving.places(), serving.limits().max_analysis_seconds

        def wait() -> None:
            if placed:
                self._finish(lambda: places.run(work, seconds=seconds, progress=self._hear))
            else:
                self._finish(lambda: work(self._hear))

        # The thread that waits; the work has one of its own.
        threading.Thread(target=wait, daemon=True).start()

    def _hear(self, share: float, text: str) -> None:
        if text:
            self.reported = (min(1.0, share), text)

    def _finish(self, work: Callable[[], T | str]) -> None:
        try:
            self.answer = work()
        except (RecordError, InvalidImage) as error:
            self.answer = str(error)
        except Overdue:
            self.answer = "This took too long. What is done so far is kept; please try again."
        except Exception:
            reference = secrets.token_hex(2).upper()
            log.exception("Reference %s: %s failed", reference, self.reported[1])
            self.answer = f"Something failed on our side. Nothing was lost. Reference {reference}"


def part(draw: Callable[P, None]) -> Callable[P, None]:
    """A fragment, or a dialog around it, that is run again for as long as it calls `watch`.

    The browser's own timer asks, as for `run_every`, which can neither begin nor end within a
    fragment. A component must not ask in its place: what somebody clicks at the same moment would
    be sent under its fragment's name, and so reach nobody (streamlit 1.67, `scheduleFlush`).
    """

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> None:
        end(this())
        draw(*args, **kwargs)

    return drawn


def this() -> str:
    """Streamlit's name of the part that is drawn, "" outside of any."""
    return ThreadState.get().fragment_id or ""


def end(part: str) -> None:
    """Has a part ask no more."""
    if part:
        message = ForwardMsg()
        message.stop_auto_rerun.fragment_ids.append(part)
        _tell(message)


def watch(task: Task[Any], *, quiet: bool = False) -> None:
    """Says how far it is unless `quiet`, and has the `part` around it run again."""
    if not quiet:
        st.progress(*task.reported)
    message = ForwardMsg()
    message.auto_rerun.interval = AGAIN
    message.auto_rerun.fragment_id = this()
    _tell(message)


def _tell(message: ForwardMsg) -> None:
    context = get_script_run_ctx()
    if context:
        context.enqueue(message)
