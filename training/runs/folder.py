"""A run folder as others see it: what was asked for, how far it is, and how it ended.

Nothing here loads a network, so that the worker and the pages can look without any cost.
"""

import json
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from training.terminal import sentence

REQUEST, RESULT, LOCK = "request.json", "result.json", "run.lock"
PROGRESS, LOG, HISTORY, CONFIG = "progress.json", "log.txt", "history.jsonl", "config.json"
MANIFEST = "manifest.csv"
LAST, BEST = "last.safetensors", "best.safetensors"  # the last and the best epoch's weights
APART = 0.5  # seconds between two writings
LAST_WORDS = 64 << 10  # bytes of the log that are looked at

State = Literal["done", "stopped", "interrupted", "failed"]


@dataclass(frozen=True)
class Result:
    """What became of one attempt: stopped when asked to, interrupted where it can go on."""

    attempt: int
    state: State
    reason: str = ""
    version: str = ""


@dataclass(frozen=True)
class Progress:
    """Where a run is: its stage, and how much of it is done; `seconds_left` are of the stage.

    Stages: start, weights, photos, layout, features, epoch, measure, compare, intervals,
    register. `part` of
    `parts` is the fold or the trial.
    """

    stage: str = "start"
    done: float = 0
    total: float = 0
    seconds_left: float | None = None
    images_per_second: float | None = None
    part: int = 0
    parts: int = 0


class Reporter:
    """Writes down what a run logs, for whoever looks into its folder."""

    def __init__(self, folder: Path, *, parts: int = 0, done: int = 0) -> None:
        self._path = folder / PROGRESS
        self._now = Progress(part=min(done + 1, parts), parts=parts)
        self._written = 0.0

    def __call__(self, line: dict[str, Any]) -> None:
        """A line as the training loop logs it: to the log for people, and as progress."""
        self.say(sentence(line))
        match line["stage"]:
            case "epoch":
                self.at("epoch", line["epoch"], line["epochs"], line["seconds_left"])
                self._write(replace(self._now, images_per_second=line["images_per_second"]))
            case "steps":
                done = line["epoch"] - 1 + line["done"] / line["total"]
                self.at("epoch", done, line["epochs"], line["seconds_left"])
            case "features":
                self.at("features", line["done"], line["total"], line["seconds_left"])
            case "start" if self._now.stage == "photos":
                pass  # what it starts from: no way back on the screen
            case "fold" | "trial" as part:
                self._write(replace(self._now, part=min(line[part] + 1, self._now.parts)))
            case stage:
                self.at(stage)

    def say(self, text: str) -> None:
        """A line for people alone."""
        with suppress(OSError):  # a full disk; what must not be lost is written elsewhere
            print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)

    def at(
        self, stage: str, done: float = 0, total: float = 0, seconds_left: float | None = None
    ) -> None:
        """A stage has come so far."""
        changed = stage != self._now.stage
        self._now = replace(
            self._now, stage=stage, done=done, total=total, seconds_left=seconds_left
        )
        if changed:
            self._now = replace(self._now, images_per_second=None)
        if changed or done == total or time.monotonic() - self._written > APART:
            self._write(self._now)

    def _write(self, now: Progress) -> None:
        self._now, self._written = now, time.monotonic()
        part = self._path.with_suffix(".part")
        with suppress(OSError):
            part.write_text(json.dumps(asdict(now)))
            os.replace(part, self._path)


def read_progress(folder: Path) -> Progress:
    """Where the run of this folder is, as far as it has said."""
    try:
        values = json.loads((folder / PROGRESS).read_text())
        return Progress(**{f.name: values[f.name] for f in fields(Progress) if f.name in values})
    except (OSError, ValueError, TypeError):
        return Progress()


def read_history(folder: Path) -> list[dict[str, Any]]:
    """The epochs so far; of folds and trials those of the one that was at work last."""
    found = [folder / HISTORY, *folder.glob(f"*/{HISTORY}")]
    there = [path for path in found if path.is_file()]
    if not there:
        return []
    latest = max(there, key=lambda path: path.stat().st_mtime_ns)
    lines = []
    with suppress(OSError, ValueError):  # half a line: it is being written
        for line in latest.read_text().splitlines():
            lines.append(json.loads(line))
    return lines


def last_words(folder: Path, count: int) -> Sequence[str]:
    """The last lines of the log."""
    try:
        with (folder / LOG).open("rb") as log:
            log.seek(max(0, (folder / LOG).stat().st_size - LAST_WORDS))
            return log.read().decode(errors="replace").splitlines()[-count:]
    except OSError:
        return ()


def whereabouts(folder: Path) -> str:
    """Where in its course the run of a folder is, as words that follow a verb."""
    now, history = read_progress(folder), read_history(folder)
    part = f" of part {now.part} of {now.parts}" if now.parts else ""
    behind = f"{len(history)} epoch{'s' if len(history) > 1 else ''}"
    epoch = f"at epoch {len(history) + 1}{part}" if history else f"at epoch 1{part}"
    return {
        "start": f"at its start{f', with {behind} behind it' if history else ''}",
        "weights": "while fetching ImageNet's weights",
        "photos": "while reading photos",
        "features": "while computing features",
        "measure": "while measuring the candidate",
        "compare": "while comparing",
        "intervals": "while computing intervals",
        "register": "while storing the candidate",
    }.get(now.stage, epoch)


def too_large(folder: Path) -> str:
    """The sentence for a run that the memory does not hold."""
    try:
        config = json.loads((folder / CONFIG).read_text())
        batch, head = int(config["batch"]), config["learns"] == "head"
    except (OSError, ValueError, KeyError, TypeError):
        batch, head = 0, True
    if head or batch < 4:
        return "Memory ran out. Free some on the server, or run again with smaller photos."
    return (
        f"Memory ran out with a batch of {batch} photos. Run again with a smaller batch, for"
        f" example {batch // 2}, or with smaller photos."
    )


def write_request(folder: Path, request: Mapping[str, Any]) -> None:
    """What the run of this folder is to do."""
    folder.mkdir(parents=True, exist_ok=True)
    _replace(folder / REQUEST, json.dumps(dict(request), indent=1))


def begin_anew(folder: Path) -> None:
    """An attempt begins: how far the one before was is no news any more."""
    (folder / PROGRESS).unlink(missing_ok=True)


def write_result(folder: Path, result: Result) -> None:
    """How an attempt ended; OSError if the disk has no room even for that."""
    _replace(folder / RESULT, json.dumps(asdict(result)))


def read_result(folder: Path, attempt: int) -> Result | None:
    """How this attempt ended, if it could say so."""
    try:
        result = Result(**json.loads((folder / RESULT).read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return result if result.attempt == attempt else None


def _replace(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    with part.open("w") as target:
        target.write(text)
        target.flush()
        os.fsync(target.fileno())
    os.replace(part, path)
