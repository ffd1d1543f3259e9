"""Runs `python -m training fit` or `training.jobs` in children that are killed at chosen points.

The package is imported once and each life is forked from here, so that a life costs what it does
and no start. This process uses no network itself: PyTorch's threads do not survive a fork.
"""

import fnmatch
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

import torch

import skinmodel.bundle
import skinmodel.registry
import training.jobs
import training.learning.checkpoint
import training.learning.commands
import training.learning.dataset
import training.learning.loop
import training.learning.step
import training.measuring.evaluate
import training.runs.finish
import training.runs.process
from training.__main__ import main
from training.learning.layout import Layout

PATIENCE = 120.0  # seconds, many times what a life takes

# Where a life ends: before or after the call of this number, of a function or of os.replace onto a
# file of this name. In the order in which a run comes by them.
Point = tuple[str, str, int]
POINTS: tuple[Point, ...] = (
    ("before", "decode", 5),  # the cache's writing
    ("before", "*.rgb", 1),
    ("after", "*.rgb", 1),
    ("after", "[0-9a-f]*.json", 1),
    ("after", "config.json", 1),
    ("after", "manifest.csv", 1),
    ("before", "take", 1),
    ("before", "optimizer", 2),  # in the middle of a step
    ("before", "average", 3),
    ("before", "validate", 1),
    ("before", "best.safetensors", 1),
    ("after", "best.safetensors", 1),
    ("half", "append", 1),  # half a line of history
    ("after", "append", 1),
    ("before", "last.safetensors", 1),
    ("after", "last.safetensors", 1),
    ("after", "last.safetensors", 2),  # inside the second epoch
    ("before", "last.safetensors", 1),
    ("before", "validate", 1),
    ("before", "candidate", 1),
    ("before", "rename", 1),
    ("after", "rename", 1),
)
# Of a head trained for the browser. Each run of the list goes on where the one before ended.
JOB_POINTS: tuple[Point, ...] = (
    ("before", "combined", 1),
    ("before", "decode", 5),
    ("before", "*.rgb", 1),
    ("after", "*.rgb", 1),
    ("after", "config.json", 1),
    ("after", "manifest.csv", 1),
    ("before", "*.npy", 1),
    ("after", "*.npy", 1),
    ("after", "*.npy", 1),  # of the photos' second version
    ("before", "take", 1),
    ("before", "optimizer", 2),
    ("before", "average", 3),
    ("before", "validate", 1),
    ("before", "best.safetensors", 1),
    ("after", "best.safetensors", 1),
    ("half", "append", 1),
    ("after", "append", 1),
    ("before", "last.safetensors", 1),
    ("after", "last.safetensors", 1),
    ("after", "last.safetensors", 2),
    ("before", "validate", 1),
    ("before", "candidate", 1),
    ("before", "rename", 1),
    ("after", "rename", 1),
    ("before", "register", 1),
    ("before", "rename", 1),  # of the copy among the clinic's models
    ("after", "register", 1),
    ("before", "result.json", 1),
    ("after", "result.json", 1),
)


def killed_at(point: Point) -> None:
    """Arrange for this process to be killed there."""
    when, what, number = point
    seen = 0

    def due(name: str) -> bool:
        nonlocal seen
        seen += fnmatch.fnmatch(name, what)
        return fnmatch.fnmatch(name, what) and seen == number

    def watched(function: Callable[..., Any], name: Callable[[Sequence[Any]], str]) -> Any:
        @wraps(function)
        def call(*args: Any, **more: Any) -> Any:
            ends = due(name(args))
            if ends and when == "half":
                args[0].open("a").write(args[1][: len(args[1]) // 2])
            if ends and when != "after":
                os.kill(os.getpid(), signal.SIGKILL)
            result = function(*args, **more)
            if ends:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return call

    os.replace = watched(os.replace, lambda args: Path(args[1]).name)
    Path.rename = watched(Path.rename, lambda _: "rename")  # type: ignore[method-assign]
    for owner, attribute, name in (
        (skinmodel.transforms.Preparation, "to_scale", "decode"),
        (training.learning.loop, "take", "take"),
        (torch.optim.AdamW, "step", "optimizer"),
        (training.learning.step, "_average", "average"),
        (training.learning.loop, "photo_logits", "validate"),
        (training.learning.loop, "append_line", "append"),
        (training.learning.commands, "make_candidate", "candidate"),
        (training.runs.finish, "make_candidate", "candidate"),
        (training.jobs, "combined", "combined"),
        (skinmodel.registry.Registry, "register", "register"),
    ):
        function = watched(getattr(owner, attribute), lambda _, name=name: name)
        setattr(owner, attribute, function)


def born(task: dict[str, Any], point: Point | None, rank: int | None = None) -> int:
    """Start a life, as one of two processes or alone, and return its process id."""
    child = os.fork()
    if child:
        return child
    code = 70
    try:
        with Path(task["log"]).open("ab", buffering=0) as said:
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
        os.environ["SKIN_DATA_DIR"] = task["data_dir"]
        if rank is not None:  # as torchrun does it
            os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
            os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": task["port"]}
            os.environ |= {"TORCHELASTIC_RUN_ID": "test", "GLOO_SOCKET_IFNAME": "lo"}
        plain = Layout(bfloat16=False, channels_last=False)  # measured, it might change
        training.learning.loop.fastest = lambda *_, **__: (plain, {})
        training.learning.loop.SAVE_EVERY = 0.0  # a checkpoint after each batch
        training.measuring.evaluate.RESAMPLES = 5
        if point:
            killed_at(point)
        training.runs.process.step_back = lambda: None
        start = training.jobs.main if task["kind"].startswith("job") else main
        code = start(task["arguments"])
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def ended(children: list[int]) -> list[int]:
    """Their exit codes, or signals' numbers below zero; those still there in the end are killed."""
    codes: dict[int, int] = {}
    until = time.monotonic() + PATIENCE
    while len(codes) < len(children):
        for child in set(children) - codes.keys():
            if time.monotonic() > until:
                os.kill(child, signal.SIGALRM)
            found, status = os.waitpid(child, os.WNOHANG)
            if found:
                codes[child] = os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    return [codes[child] for child in children]


def run(task: dict[str, Any]) -> list[int]:
    """The exit codes of a task's lives: one after the other, or of two at once."""
    if task["kind"] == "pair":
        return ended([born(task, None, 0), born(task, task["point"], 1)])
    killed = {"killed": POINTS, "job-killed": JOB_POINTS}
    points = [*killed.get(task["kind"], ()), None]
    return [code for point in points for code in ended([born(task, point)])]


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(json.dumps([run(task) for task in json.loads(sys.argv[1])]))
