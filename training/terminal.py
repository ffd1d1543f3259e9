"""What a person at the terminal reads while a run goes on, and how they stop it."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm


class Stopped(BaseException):
    """Ends work that somebody asked to stop. No Exception: nothing is to take it for a failure."""


class Stop:
    """Whether somebody has asked to stop."""

    def __init__(self) -> None:
        self._asked = self._now = False

    def __call__(self) -> bool:
        return self._asked

    def ask(self, *_: object) -> None:
        """Somebody asks; as a handler of signals."""
        self._asked = True
        if self._now:
            raise Stopped

    def check(self) -> None:
        """Raises Stopped where somebody has asked: what is raised in a handler can get lost."""
        if self._asked:
            raise Stopped

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """For work that is done anew rather than gone on with: asked to stop, it raises Stopped."""
        self.check()
        self._now = True
        try:
            yield
        finally:
            self._now = False


@contextmanager
def stopping() -> Iterator[Stop]:
    """Ctrl-C and SIGTERM ask to stop, which ends nothing by itself but what runs `at_once`."""
    stop = Stop()
    signals = (signal.SIGTERM, signal.SIGINT)
    before = [(number, signal.signal(number, stop.ask)) for number in signals]
    try:
        yield stop
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def show(line: dict[str, Any]) -> None:
    """Print what a run logs as one line a person can read."""
    print(sentence(line), flush=True)


def show_steps(bar: "tqdm[Any]") -> Callable[[str, int, int], None]:
    """Progress on a bar that starts again with each step: told its name, how far, of how many."""

    def progress(step: str, done: int, total: int) -> None:
        if bar.desc != f"{step}: ":
            bar.reset(total)
            bar.start_t = time.time()
            bar.set_description(step)
        bar.update(done - bar.n)

    return progress


def sentence(line: dict[str, Any]) -> str:
    """What a run logs, as a person reads it."""
    match line["stage"]:
        case "start":
            return f"starting from {line['from']}: {' and '.join(line['parts'])}"
        case "features":
            return (
                f"features: {line['done']} of {line['total']}, "
                f"{line['seconds_left'] / 60:.0f} min left"
            )
        case "epoch":
            return (
                f"epoch {line['epoch']}/{line['epochs']} at {line['size']} px: "
                f"loss {line['loss']:.3f}, balanced accuracy {line['balanced_accuracy']:.3f}, "
                f"{line['images_per_second']:.0f} images/s, waiting for photos "
                f"{line['waiting_for_photos']:.0%} of the time, "
                f"{line['seconds_left'] / 60:.0f} min left"
            )
        case "steps":
            return (
                f"epoch {line['epoch']}/{line['epochs']}: step {line['done']} of {line['total']}, "
                f"{line['seconds_left'] / 60:.0f} min left"
            )
        case "fold":
            photos = line["single_photos"]
            return (
                f"fold {line['fold']}/{line['folds']}: {photos['cases']} photos, "
                f"balanced accuracy {photos['balanced_accuracy']:.3f}"
            )
        case "trial":
            settings = ", ".join(
                f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
                for name, value in line["settings"].items()
            )
            left = (line["trials"] - line["trial"]) * line["seconds_each"] / 60
            cut = "" if line["whole"] else f", cut off after {line['epochs']} epochs"
            return (
                f"trial {line['trial']}/{line['trials']}: balanced accuracy "
                f"{line['balanced_accuracy'] or 0:.3f}{cut} (best {line['best']:.3f}); "
                f"{settings}; {left:.0f} min left"
            )
        case _:
            return str(line)
