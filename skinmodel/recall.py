"""What was computed of a photo, kept in memory for the next analysis of its lesion.

A visit more then costs itself alone. Features are kept under the file's SHA-256 and the model's,
for an hour and within a bound, so that nothing of a patient who was erased stays longer.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from torch import Tensor

MOST_BYTES = 64 * 1024 * 1024  # some 500 photos at 5 x 5 cells of 1,280 features
SECONDS = 3600.0


@dataclass(frozen=True, eq=False)
class Seen:
    """A photo's feature maps (F, h, w), early features (E,), and what a photographer can do."""

    features: Tensor = field(repr=False)
    early: Tensor = field(repr=False)
    faults: tuple[str, ...]


class Recall:
    """The photos looked at last; for any number of threads."""

    def __init__(
        self,
        *,
        most_bytes: int = MOST_BYTES,
        seconds: float = SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most, self._seconds, self._clock = most_bytes, seconds, clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, tuple[float, Seen]] = OrderedDict()
        self._bytes = 0

    @property
    def bytes(self) -> int:
        """How much memory the features take."""
        with self._lock:
            self._forget()
            return self._bytes

    def get(self, key: Hashable) -> Seen | None:
        """What is known of a photo, if it is still there."""
        with self._lock:
            self._forget()
            known = self._kept.get(key)
            return known[1] if known else None

    def put(self, key: Hashable, seen: Seen) -> None:
        """Keeps it, and lets go of what was kept first where there is too much."""
        with self._lock:
            if key in self._kept:
                self._drop(key)
            self._kept[key] = (self._clock() + self._seconds, seen)
            self._bytes += _size(seen)
            self._forget()

    def _forget(self) -> None:
        now = self._clock()
        while self._kept:
            oldest, (until, _) = next(iter(self._kept.items()))
            if self._bytes <= self._most and until > now:
                return
            self._drop(oldest)

    def _drop(self, key: Hashable) -> None:
        self._bytes -= _size(self._kept.pop(key)[1])


def _size(seen: Seen) -> int:
    return seen.features.nbytes + seen.early.nbytes
