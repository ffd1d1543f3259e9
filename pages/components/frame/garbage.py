"""Garbage is collected once a second for everybody, not after every rerun of anybody."""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from streamlit import config

EVERY = 1.0  # seconds that what a rerun or an analysis leaves may wait in memory


def settle() -> None:
    """Takes all that is loaded by now out of the collector's rounds.

    With torch imported a round costs 270 ms, and whatever is only imported or opened later would be
    back in it.
    """
    gc.collect()
    gc.freeze()


@contextmanager
def collected(every: float = EVERY) -> Iterator[None]:
    """While this lasts a thread collects every so many seconds.

    Not where Streamlit is set to collect after every rerun (`runner.postScriptGC`), which is its
    way if left alone: with twenty people at work a third of the app's time went into it.
    """
    if config.get_option("runner.postScriptGC"):
        yield
        return
    over = threading.Event()

    def collect() -> None:
        while not over.wait(every):
            gc.collect()

    thread = threading.Thread(target=collect, name="garbage", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
