"""Failed tries make the next ones wait, in memory that nobody can fill."""

from signin.delays import KEPT, Delays, Tries
from tests.signin.conftest import Clock


def delays(clock: Clock) -> Delays:
    return Delays(free=5, longest=300.0, clock=clock.monotonic)


def test_each_further_failure_doubles_the_delay_up_to_a_limit(clock: Clock) -> None:
    tries = delays(clock)
    waits = []
    for _ in range(16):
        tries.failed("anna")
        waits.append(tries.wait("anna"))
        clock.seconds += waits[-1]
        assert tries.wait("anna") == 0.0
    assert waits == [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    assert tries.wait("nora") == 0.0


def test_success_and_an_hour_forget(clock: Clock) -> None:
    tries = delays(clock)
    for _ in range(9):
        tries.failed("anna")
        tries.failed("nora")
    tries.succeeded("anna")
    assert tries.wait("anna") == 0.0
    clock.seconds += 3601
    tries.failed("nora")
    assert tries.wait("nora") == 0.0


def test_memory_is_bounded_and_the_attacked_name_stays(clock: Clock) -> None:
    tries = delays(clock)
    for number in range(KEPT + 500):
        tries.failed(f"name {number}")
        if number % 1000 == 0:
            for _ in range(6):
                tries.failed("anna")
    assert len(tries._failures) == KEPT
    assert tries.wait("anna") > 0.0


def test_nobody_fills_the_memory_with_who_signs_in_from_where(clock: Clock) -> None:
    tries = Tries(clock=clock.monotonic)
    for number in range(KEPT + 500):
        tries.succeeded("anna", f"place {number}")
    assert len(tries._seen) == KEPT
