"""A search for better settings with Optuna: each trial a short run, hopeless ones cut off.

Trials are judged on the validation lesions; the test and calibration lesions stay unseen.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from training.learning.checkpoint import write_atomically
from training.learning.config import InvalidConfig, TrainConfig, TrainingFailed, read_object
from training.learning.loop import Log
from training.learning.ranks import ALONE, Ranks
from training.learning.run import Run, train
from training.learning.source import sha256_of
from training.learning.space import Space
from training.runs.folder import BEST, HISTORY, LAST

STUDY, RESULT, BEST_CONFIG, PLAN = "study.db", "tuning.json", "best.json", "search.json"
NAME = "settings"  # of the study in its file
FOLDER = "folder"  # of a trial, as an attribute in the study
FIRST_WHOLE = 4  # trials that are never cut off, for comparison
DONE = (TrialState.COMPLETE, TrialState.PRUNED)


def tune(
    run: Run,
    *,
    trials: int,
    space: Space,
    log: Log,
    stop: Callable[[], bool],
    ranks: Ranks = ALONE,
) -> dict[str, Any] | None:
    """Search until so many trials are done, or go on; None if stopped before.

    The study is `study.db` in the run's folder; `tuning.json` tells of every trial, and `best.json`
    holds the best settings so far, as `fit` takes them. A trial that was cut short goes on where it
    was. The same seed gives the same search, stopped in between or not.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    _same_plan(run.folder / PLAN, space)
    storage = optuna.storages.RDBStorage(f"sqlite:///{(run.folder / STUDY).resolve()}")
    try:
        study = optuna.create_study(
            storage=storage,
            study_name=NAME,
            direction="maximize",
            load_if_exists=True,
            pruner=optuna.pruners.MedianPruner(
                n_startup_trials=FIRST_WHOLE, n_warmup_steps=run.config.epochs // 4
            ),
        )
        _take_up_again(study)
        if not study.trials:
            study.enqueue_trial(space.given())
        while len(done := study.get_trials(deepcopy=False, states=DONE)) < trials:
            # Drawn from what is done alone, so that a stop in between changes nothing.
            study.sampler = optuna.samplers.TPESampler(seed=run.config.seed * 1_000_003 + len(done))
            if not _try(study, run, space, log, stop, ranks):
                return None
            result = _result(study, run.config, space)
            write_atomically(run.folder / RESULT, json.dumps(result, indent=1))
            best = _best_settings(study, space)
            write_atomically(run.folder / BEST_CONFIG, json.dumps(best.to_dict(), indent=1))
            log({"stage": "trial", "trials": trials, **_told(result)})
        return _result(study, run.config, space)
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _try(
    study: optuna.Study,
    run: Run,
    space: Space,
    log: Log,
    stop: Callable[[], bool],
    ranks: Ranks,
) -> bool:
    """Run the next trial and tell the study how it went; False if stopped before."""
    trial = study.ask(space.distributions())
    config = space.settings(trial.params)
    name = trial.user_attrs.get(FOLDER, f"trial-{trial.number:03d}")
    trial.set_user_attr(FOLDER, name)
    folder = run.folder / name
    folder.mkdir(exist_ok=True)
    hopeless = False

    def follow(line: dict[str, Any]) -> None:
        nonlocal hopeless
        log(line)
        if line["stage"] == "epoch":
            trial.report(line["balanced_accuracy"], line["epoch"])
            hopeless = trial.should_prune() and line["epoch"] < config.epochs

    for line in _history(folder):  # of a trial that is taken up again
        trial.report(line["balanced_accuracy"], line["epoch"])
    started = time.perf_counter()
    state = TrialState.COMPLETE
    try:
        whole = train(
            replace(run, folder=folder, config=config),
            init=space.init(config),
            log=follow,
            stop=lambda: hopeless or stop(),
            ranks=ranks,
        )
        if not whole and not hopeless:
            return False
        if not whole:
            state = TrialState.PRUNED
    except TrainingFailed as error:
        trial.set_user_attr("failed", str(error))
        state = TrialState.PRUNED
    trial.set_user_attr("seconds", time.perf_counter() - started)
    best = max((line["balanced_accuracy"] for line in _history(folder)), default=0.0)
    study.tell(trial, best if state == TrialState.COMPLETE else None, state)
    for weights in (LAST, BEST):
        (folder / weights).unlink(missing_ok=True)
    return True


def _take_up_again(study: optuna.Study) -> None:
    """Put trials that a kill or a stop left unfinished back into the queue, in their folders."""
    waiting = study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
    queued = {trial.user_attrs.get(FOLDER) for trial in waiting}
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if FOLDER in trial.user_attrs and trial.user_attrs[FOLDER] not in queued:
            attributes = {FOLDER: trial.user_attrs[FOLDER]}
            study.enqueue_trial(trial.params, user_attrs=attributes)
        study.tell(trial.number, state=TrialState.FAIL)


def _history(folder: Path) -> list[dict[str, Any]]:
    path = folder / HISTORY
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _same_plan(path: Path, space: Space) -> None:
    """Keep what is searched, or refuse another search's folder."""
    plan = {"init": {name: sha256_of(init) for name, init in space.weights.items()}}
    if path.exists() and read_object(path) != plan:
        raise InvalidConfig(
            f"{path.parent} holds a search from another start; choose another folder."
        )
    write_atomically(path, json.dumps(plan))


def _best_settings(study: optuna.Study, space: Space) -> TrainConfig:
    return space.settings(study.best_params)


def _result(study: optuna.Study, config: TrainConfig, space: Space) -> dict[str, Any]:
    done = study.get_trials(deepcopy=False, states=DONE)
    return {
        "how": "Balanced accuracy of single validation photos in each trial's best epoch. The best "
        "of many trials flatters itself; the test lesions, which took no part, tell.",
        "learns": config.learns,
        "searched": list(space.distributions()),
        "held": space.held(),
        "trials": [_trial(trial, number) for number, trial in enumerate(done, start=1)],
        "best": {"balanced_accuracy": study.best_value, "settings": study.best_params},
    }


def _trial(trial: FrozenTrial, number: int) -> dict[str, Any]:
    return {
        "trial": number,
        "folder": trial.user_attrs[FOLDER],
        "whole": trial.state == TrialState.COMPLETE,
        "failed": trial.user_attrs.get("failed"),
        "epochs": len(trial.intermediate_values),
        "balanced_accuracy": max(trial.intermediate_values.values(), default=None),
        "seconds": trial.user_attrs["seconds"],
        "settings": trial.params,
    }


def _told(result: Mapping[str, Any]) -> dict[str, Any]:
    """The newest trial and the best so far, for the log."""
    trials = result["trials"]
    seconds = [trial["seconds"] for trial in trials]
    best = result["best"]["balanced_accuracy"]
    return {**trials[-1], "best": best, "seconds_each": sum(seconds) / len(seconds)}
