"""Growing delays after failed tries, by name and by address."""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

KEPT = 10_000  # names or addresses; the one that was longest quiet is forgotten first
FORGOTTEN_AFTER = 3600.0  # seconds without a failure


@dataclass
class _Failures:
    number: int
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
        self._failures: OrderedDict[Hashable, _Failures] = OrderedDict()

    def wait(self, key: Hashable) -> float:
        """Seconds until the next try is looked at; 0.0 where there is no delay."""
        failures = self._failures.get(key)
        if failures is None or failures.number < self.free:
            return 0.0
        delay = min(self.longest, 2.0 ** min(failures.number - self.free, 30))
        return max(0.0, failures.last + delay - self.clock())

    def failed(self, key: Hashable) -> None:
        """Notes a failed try."""
        now = self.clock()
        failures = self._failures.pop(key, None)
        if failures is None or now - failures.last > FORGOTTEN_AFTER:
            failures = _Failures(0, now)
        self._failures[key] = _Failures(failures.number + 1, now)
        while len(self._failures) > KEPT:
            self._failures.popitem(last=False)

    def succeeded(self, key: Hashable) -> None:
        """Forgets the failures."""
        self._failures.pop(key, None)


class Tries:
    """How long whom a name at an address is tried for has to wait.

    A clinic shares one address, so that an address may fail more often than a name. Whoever has
    signed in from an address before is counted there alone: nobody keeps them out by failing with
    their name from elsewhere, or with other names beside them.
    """

    def __init__(
        self,
        *,
        by_name: int = 5,
        by_address: int = 20,
        longest: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._names = Delays(free=by_name, longest=longest, clock=clock)
        self._addresses = Delays(free=by_address, longest=longest, clock=clock)
        self._regulars = Delays(free=by_name, longest=longest, clock=clock)
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()

    def wait(self, name: str, address: str) -> float:
        """Seconds until the next try is looked at; 0.0 where there is no delay."""
        if (name, address) in self._seen:
            return self._regulars.wait((name, address))
        return max(self._names.wait(name), self._addresses.wait(address))

    def failed(self, name: str, address: str) -> None:
        """Notes a failed try."""
        if (name, address) in self._seen:
            self._regulars.failed((name, address))
        else:
            self._names.failed(name)
            self._addresses.failed(address)

    def succeeded(self, name: str, address: str) -> None:
        """Forgets the failures of whoever it was, and remembers who signs in from where.

        What others failed with a regular's name elsewhere is not forgotten by it, nor what failed
        at the address: else whoever is known there could try names for ever.
        """
        if (name, address) in self._seen:
            self._regulars.succeeded((name, address))
        else:
            self._names.succeeded(name)
            self._addresses.succeeded(address)
        self._seen[name, address] = None
        self._seen.move_to_end((name, address))
        while len(self._seen) > KEPT:
            self._seen.popitem(last=False)
