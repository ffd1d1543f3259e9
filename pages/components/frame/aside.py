"""Work done in another thread, with a time limit, while the page is there to be used.

The page's own script never waits for it: a rerun in its place would close whatever dialog was
opened meanwhile. The browser asks again instead, until the work is done.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import streamlit as st

from pages.components.frame import browser, serving
from records.errors import RecordError
from skinmodel.deadline import Overdue, Progress
from skinmodel.images import InvalidImage

T = TypeVar("T")
AGAIN = 400  # milliseconds until the browser asks again

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


@st.cache_resource(show_spinner=False)
def _asker() -> Callable[..., Any]:
    return browser.component(__file__)


def watch(task: Task[Any], *, key: str, quiet: bool = False) -> None:
    """Says how far it is unless `quiet`, and reruns the fragment around it until it is done."""
    if not quiet:
        st.progress(*task.reported)
    _asker()(
        key=f"aside-{key}",
        data={"at": time.monotonic(), "after": AGAIN},
        on_again_change=lambda: None,
    )
