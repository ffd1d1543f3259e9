"""What is kept of photos stays within its bound and its hour, whatever the threads do."""

from concurrent.futures import ThreadPoolExecutor

import torch

from skinmodel.recall import Recall, Seen


def seen(value: float) -> Seen:
    return Seen(torch.full((20,), float(value)), torch.zeros(5), ())  # 100 bytes


def test_what_was_kept_first_goes_first() -> None:
    recall = Recall(most_bytes=300)
    for number in range(5):
        recall.put(number, seen(number))
    assert [recall.get(number) is not None for number in range(5)] == [False] * 2 + [True] * 3
    assert recall.bytes == 300
    recall.put(2, seen(9))  # again: counted once, and the newest now
    recall.put(5, seen(5))
    again = recall.get(2)
    assert again is not None and again.features[0] == 9
    assert recall.get(3) is None


def test_what_is_too_large_is_not_kept() -> None:
    recall = Recall(most_bytes=50)
    recall.put("a", seen(1))
    assert recall.get("a") is None and recall.bytes == 0


def test_after_its_time_nothing_is_left() -> None:
    now = 0.0
    recall = Recall(seconds=10, clock=lambda: now)
    recall.put("a", seen(1))
    now = 9.0
    recall.put("b", seen(2))
    assert recall.get("a") is not None
    now = 11.0
    assert recall.get("a") is None and recall.get("b") is not None
    now = 30.0
    assert recall.bytes == 0


def test_many_threads_leave_it_whole() -> None:
    recall = Recall(most_bytes=1000)

    def use(number: int) -> None:
        recall.put(number % 30, seen(number % 30))
        found = recall.get(number % 30)
        assert found is None or found.features[0] == number % 30

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(use, range(2000)))
    assert recall.bytes == 1000
