"""Growing delays after failed tries, by account and by address."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

KEPT = 10_000  # names or addresses; the one that was longest quiet is forgotten first
FORGOTTEN_AFTER = 3600.0  # seconds without a failure


@dataclass
class _Tries:
    failed: int
    last: float


class Delays:
    """Remembers failures by a key; after `free` of them each further one doubles the delay.

    In memory and bounded, so that nobody can fill it. A restart forgets it, which nobody without an
    account can bring about; it would give five free tries, where rows would cost a write for each.
    """

    def __init__(
        self, *, free: int, longest: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.free = free
        self.longest = longest
        self.clock = clock
        self._tries: OrderedDict[str, _Tries] = OrderedDict()

    def wait(self, key: str) -> float:
        """Seconds until the next try is looked at; 0.0 where there is no delay."""
        tries = self._tries.get(key)
        if tries is None or tries.failed < self.free:
            return 0.0
        delay = min(self.longest, 2.0 ** min(tries.failed - self.free, 30))
        return max(0.0, tries.last + delay - self.clock())

    def failed(self, key: str) -> None:
        """Notes a failed try."""
        now = self.clock()
        tries = self._tries.pop(key, None)
        if tries is None or now - tries.last > FORGOTTEN_AFTER:
            tries = _Tries(0, now)
        self._tries[key] = _Tries(tries.failed + 1, now)
        while len(self._tries) > KEPT:
            self._tries.popitem(last=False)

    def succeeded(self, key: str) -> None:
        """Forgets the failures."""
        self._tries.pop(key, None)
