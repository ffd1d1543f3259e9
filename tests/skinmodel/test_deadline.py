"""Work with a time limit: an answer, an error or Overdue, and never a wait without end."""

import threading
import time

import pytest

from skinmodel.deadline import Overdue, Places, Progress, Stopped

LONG = 30.0  # seconds; only a failing test waits so long


def test_the_answer_and_the_progress_come_back() -> None:
    told: list[tuple[float, str]] = []
    caller = threading.get_ident()
    heard = threading.Event()

    def work(report: Progress) -> int:
        report(0.5, "half")
        assert heard.wait(LONG)
        return threading.get_ident()

    def progress(done: float, text: str) -> None:
        assert threading.get_ident() == caller
        told.append((done, text))
        if done:
            heard.set()

    assert Places(1).run(work, seconds=LONG, progress=progress) != caller
    assert told[-1] == (0.5, "half")


def test_an_error_in_the_work_is_the_callers() -> None:
    def work(_: Progress) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        Places(1).run(work, seconds=LONG)


def test_work_that_hangs_ends_in_overdue_and_keeps_its_place() -> None:
    places, release = Places(1), threading.Event()
    with pytest.raises(Overdue):
        places.run(lambda _: release.wait(LONG), seconds=0.05)
    waited: list[str] = []
    with pytest.raises(Overdue):  # the place is still taken, so the next does not even begin
        places.run(lambda _: 1, seconds=0.25, progress=lambda _, text: waited.append(text))
    assert waited
    release.set()
    assert places.run(lambda _: 1, seconds=LONG) == 1


@pytest.mark.parametrize("reason", ["overdue", "given up"])
def test_work_nobody_waits_for_stops_when_it_next_reports(reason: str) -> None:
    ended, begun = threading.Event(), threading.Event()

    def work(report: Progress) -> None:
        begun.set()
        try:
            while True:
                report(0.5, "working")
                time.sleep(0.01)
        except Stopped:
            ended.set()
            raise

    def give_up(*_: object) -> None:
        begun.wait(LONG)
        raise KeyboardInterrupt

    places = Places(1)
    if reason == "overdue":
        with pytest.raises(Overdue):
            places.run(work, seconds=0.3)
    else:
        with pytest.raises(KeyboardInterrupt):
            places.run(work, seconds=LONG, progress=give_up)
    assert ended.wait(LONG)
    assert places.run(lambda _: 1, seconds=LONG) == 1
