"""A models folder with one tiny network in it, for tests that start the app."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from skinmodel.bundle import save_model
from skinmodel.calibration import Calibration
from skinmodel.network import CnnLstm, ModelConfig
from skinmodel.transforms import Preparation
from skinmodel.unknown import Unknown


def save_tiny_model(
    models_dir: Path,
    version: str = "tiny-1",
    *,
    calibration: Calibration | None = None,
    unknown: Unknown | None = None,
    card: Mapping[str, Any] = MappingProxyType({}),
    **config: Any,
) -> Path:
    """Saves a network of a few thousand weights, the same each time, with a config's changes."""
    torch.manual_seed(1)
    values: dict[str, Any] = {"backbone": "conv", "filters": (6, 8, 12), "lstm_units": 16}
    network = CnnLstm(ModelConfig(**values | config)).eval()
    with torch.no_grad():
        network.classifier.weight.mul_(20)  # so that photos differ in more than the last digits
        network.shortcut.weight.mul_(5)
    return save_model(
        models_dir / version,
        network,
        version=version,
        preparation=Preparation(size=48, scale=40),
        calibration=calibration or Calibration(1.5, (0.125,) * 8),
        unknown=unknown,
        rest={"licence": "none", "limits": ["It is a <b>test</b>."]} | dict(card),
    )
