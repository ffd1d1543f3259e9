"""Sees that a network learns nothing, and stops it: then labels are wrong, or settings useless."""

import math
from typing import Any

from training.learning.config import TrainConfig, TrainingFailed
from training.learning.loop import Log

FEWEST = 4  # epochs that every network is given
CHANCE = 1.5  # times what guessing reaches: a network that reaches it has learnt something


class Watch:
    """Hands on what a run logs, and raises TrainingFailed once half of it taught nothing."""

    def __init__(self, config: TrainConfig, log: Log) -> None:
        self._log = log
        self._classes = max(2, config.model.outputs)
        self._epochs = max(FEWEST, math.ceil(config.epochs / 2))
        self._useless = 0

    def __call__(self, line: dict[str, Any]) -> None:
        """A line of the run's log."""
        self._log(line)
        if line["stage"] != "epoch":
            return
        if line["epoch"] == 1:
            self._useless = 0
        guessed = (
            line["log_loss"] >= math.log(self._classes)
            and line["balanced_accuracy"] < CHANCE / self._classes
        )
        self._useless = self._useless + 1 if guessed else -line["epochs"]
        if self._useless >= self._epochs:
            raise TrainingFailed(
                f"After {line['epoch']} epochs the network does no better than guessing on the"
                " validation lesions. The diagnoses in the data may be wrong, or the learning rate"
                " may be far off."
            )
